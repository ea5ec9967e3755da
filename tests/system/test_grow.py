"""The partition count is raised under two workers: keys move to other lanes, and their commands keep their order."""

import json

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from contracts.specs import LEDGER
from partita.topics import partition_counts, settings_of
from processor.database import connect
from producers.kafka import Partitioner
from tests.processes import PIPE, Process
from tests.system.conftest import Install
from tests.system.installation import PATIENCE_S, Installation
from tests.system.sending import until
from tests.system.test_kills import lag_and_unpublished
from tests.system.test_restore import Commands, applied, command, filling, moving, opening

BEFORE, NOW = 2, 5
GROW = ("topics", "grow", "--context", LEDGER, "--partitions", str(NOW))
NAMES = [f"G-{number}" for number in range(24)]
SMALL = {"PARTITA_BATCH_SIZE_MAX": "50"}

IN_ORDER = """
    SELECT account_id, array_agg(-amount_minor ORDER BY entry_no) FROM entry JOIN account USING (account_no)
     WHERE account.lane_no = 0 AND entry_type = 2 GROUP BY account_id
"""


async def test_a_context_grows_under_two_workers_and_moved_keys_keep_their_order(install: Install) -> None:
    at = await install(partitions=BEFORE, **SMALL)
    with at.role("consumer") as one, at.role("consumer") as two:
        with at.role("relay"):
            await applied(at, "opened", opening(NAMES))
            await applied(at, "filled", filling(NAMES))
            await applied(at, "before", withdrawing(1, 30))
            growing = Growing(at)
            growing.says("waiting: 1 relays to stop, which know the old count")
            assert await counts(at) == {BEFORE}
        told = growing.finished()
        with at.role("relay"):
            await applied(at, "after", withdrawing(31, 60))
            await applied(at, "moves", moving(NAMES, seed=2, count=200))

    assert f"{BEFORE} partitions before, {NOW} now" in told
    assert "Their order holds" in told
    assert len(moved()) > len(NAMES) // 3
    assert "the reader ends" not in one.log + two.log
    lanes = await at.fetch("SELECT partition, records > 0 FROM lane ORDER BY partition")
    assert lanes == [(partition, True) for partition in range(NOW)]
    assert dict(await at.fetch(IN_ORDER)) == {name: list(range(1, 61)) for name in NAMES}
    await judge(at)


async def test_it_waits_for_what_was_not_applied_and_changes_nothing_meanwhile(install: Install) -> None:
    at = await install(partitions=BEFORE)
    with at.role("consumer"), at.role("relay"):
        await applied(at, "opened", opening(NAMES))
    published(at, filling(NAMES))

    growing = Growing(at)
    growing.says(f"waiting: {len(NAMES)} records to apply, 0 events to publish")
    with at.role("consumer"):
        growing.says(f"waiting: 0 records to apply, {len(NAMES)} events to publish")
        assert await counts(at) == {BEFORE}
        with at.role("relay"):
            growing.says("waiting: 1 relays to stop")
    growing.finished()

    assert await counts(at) == {NOW}
    await judge(at)


async def test_what_comes_between_the_last_look_and_the_hold_is_waited_for(install: Install) -> None:
    at = await install(partitions=BEFORE)
    with at.role("consumer"), at.role("relay"):
        await applied(at, "opened", opening(NAMES))

    connection = await connect(at.database_url, role="test")
    async with connection.transaction():
        await connection.execute("SELECT FROM context_layout FOR UPDATE")
        growing = Growing(at)
        await until_blocked(at)
        published(at, filling(NAMES))
    await connection.close()
    growing.says(f"waiting: {len(NAMES)} records to apply")
    assert await counts(at) == {BEFORE}
    with at.role("consumer"), at.role("relay"):
        growing.says("waiting: 1 relays to stop")
    growing.finished()

    await judge(at)


async def test_a_count_that_somebody_else_has_raised_stops_the_context_and_can_be_taken_over(install: Install) -> None:
    at = await install(partitions=BEFORE)
    with at.role("consumer"), at.role("relay"):
        await applied(at, "opened", opening(NAMES))
    await raise_by_hand(at)

    stopped = at.door("run", "consumer", "--context", LEDGER)
    assert (stopped.returncode, "`partita topics grow` is the way" in stopped.stderr) == (2, True), stopped.stderr
    refused = at.door(*GROW)
    assert (refused.returncode, "--take-over" in refused.stderr) == (2, True), refused.stderr
    fewer = at.door("topics", "grow", "--context", LEDGER, "--partitions", "1", "--take-over")
    assert (fewer.returncode, "Kafka takes none away" in fewer.stderr) == (2, True), fewer.stderr
    taken = at.door(*GROW, "--take-over")
    assert taken.returncode == 0, taken.stderr

    assert await counts(at) == {NOW}
    with at.role("consumer"), at.role("relay"):
        await applied(at, "filled", filling(NAMES))
    await judge(at)


class Growing:
    """The door, as it runs beside the test."""

    def __init__(self, at: Installation) -> None:
        self._process = Process(GROW, env=at.environment(), stdout=PIPE, stderr=PIPE)

    def says(self, words: str) -> None:
        """Wait until it says *words*."""
        assert self._process.stderr is not None, "it is a pipe"
        said = []
        for line in self._process.stderr:
            said.append(line)
            if words in line:
                return
        raise AssertionError("".join(said))

    def finished(self) -> str:
        out, err = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, err
        return out


async def until_blocked(at: Installation) -> None:
    """Wait until the door waits for a lock."""
    blocked = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'partita grow' AND cardinality(pg_blocking_pids(pid)) > 0)"
    )
    await until(at, blocked)


def withdrawing(first: int, last: int) -> Commands:
    """Return withdrawals of so many cents from every account, each account's in the order of their amounts."""
    return [
        command("transfer.withdraw", account_id=name, amount=f"0.{cents:02d}", currency="USD")
        for cents in range(first, last + 1)
        for name in NAMES
    ]


def published(at: Installation, commands: Commands) -> None:
    """Publish without waiting for answers."""
    path = at.folder / "unanswered.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in commands), encoding="utf-8")
    assert at.door("publish", str(path), "--context", LEDGER).returncode == 0


def moved() -> list[str]:
    """Return the accounts whose commands lie in another partition than before."""
    partition_of = Partitioner().partition_of
    return [name for name in NAMES if partition_of(name.encode(), BEFORE) != partition_of(name.encode(), NOW)]


async def counts(at: Installation) -> set[int]:
    """Return the partition counts of the three topics and of the books."""
    found = await partition_counts(at.kafka)
    ((kept,),) = await at.fetch("SELECT partitions FROM context_layout")
    return {kept, *(found[name] for name in settings_of(LEDGER, at.topics))}


async def raise_by_hand(at: Installation) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka)
    await admin.start()
    await admin.create_partitions({at.topics.commands(LEDGER): NewPartitions(total_count=NOW)})
    await admin.close()


async def judge(at: Installation) -> None:
    assert lag_and_unpublished(at) == (0, 0)
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout
