"""The database is replaced by an older backup while Kafka is ahead: noticed, adopted, and everything applied again."""

import asyncio
import random
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from consumers.results import ResultSubscriber
from contracts.notices import BooksRestored
from contracts.specs import LEDGER
from processor.database import connect
from tests.processes import run
from tests.system.conftest import Install
from tests.system.installation import PATIENCE_S, Installation
from tests.system.test_kills import lag_and_unpublished

Commands = Sequence[Mapping[str, Any]]
ACCOUNTS, MOVES, PARTITIONS = 20, 600, 2
SMALL = {"PARTITA_BATCH_SIZE_MAX": "100", "PARTITA_RELAY_PAGE_SIZE": "100"}


async def test_after_a_restore_everything_since_the_backup_is_applied_again_exactly_once(install: Install) -> None:
    at = await install(partitions=PARTITIONS, **SMALL)
    names = [f"R-{number}" for number in range(ACCOUNTS)]
    moves = moving(names, seed=1, count=2 * MOVES)
    told, later = dict[str, list[int]](), moves[MOVES:]
    with at.role("consumer", "relay"):
        for name, commands in (("opened", opening(names)), ("filled", filling(names)), ("before", moves[:MOVES])):
            await applied(at, name, commands)
    await copied(at, "backup")
    with at.role("consumer", "relay"):
        await applied(at, "after", later)
    position, _ = await heard(at, None, told)
    uninterrupted = await at.balances()

    for epoch in (2, 3):  # the same backup is restored twice
        await restored(at, "backup")
        stopped = at.door("run", "consumer", "--context", LEDGER)
        assert (stopped.returncode, "run `partita adopt`" in stopped.stderr) == (2, True), stopped.stderr
        assert await at.balances() != uninterrupted
        before = await numbers(at)

        adopted = at.door("adopt", "--context", LEDGER, "--yes")
        assert adopted.returncode == 0, adopted.stderr
        assert sum_of(adopted.stdout, "records") == MOVES
        with at.role("consumer", "relay"):
            position, notices = await heard(
                at, position, told, until={each["command_id"] for each in later}, epoch=epoch
            )

        assert sorted(notices, key=lambda each: each.lane) == [
            BooksRestored(lane=lane, epoch=epoch, last_sequence=last) for lane, last in before
        ]
        assert await at.balances() == uninterrupted
        assert lag_and_unpublished(at) == (0, 0)
        audit = at.door("audit")
        assert audit.returncode == 0, audit.stdout

    assert all(told[each["command_id"]] == [1] for each in moves[:MOVES])
    assert all(told[each["command_id"]] == [1, 2, 3] for each in later)


async def test_nothing_is_adopted_that_is_not_confirmed_or_not_published(install: Install) -> None:
    at = await install(partitions=1)
    names = ["R-0", "R-1"]
    with at.role("consumer"), at.role("relay"):
        await applied(at, "opened", opening(names))

    asked = refusing(at)
    assert (asked.returncode, "nothing was changed" in asked.stdout) == (1, True)
    await execute(at.database_url, "UPDATE relay_position SET sent = 0")
    refused = at.door("adopt", "--context", LEDGER, "--yes")
    assert (refused.returncode, "2 events that are not published yet" in refused.stderr) == (2, True)

    assert await at.fetch("SELECT epoch, next_seq FROM lane") == [(1, 3)]


def refusing(at: Installation) -> subprocess.CompletedProcess[str]:
    """Answer no."""
    return run(["adopt", "--context", LEDGER], env=at.environment(), typed="n\n", within_s=PATIENCE_S)


# What is sent ---------------------------------------------------------------------------------------------------------


def opening(names: Sequence[str]) -> Commands:
    return [
        command("account.open", account_id=name, account_type="CHECKING", currency="USD", overdraft_limit="0.00")
        for name in names
    ]


def filling(names: Sequence[str]) -> Commands:
    return [command("transfer.deposit", account_id=name, amount="1000000.00", currency="USD") for name in names]


def moving(names: Sequence[str], *, seed: int, count: int) -> Commands:
    """Return transfers that nobody can decline, whatever their order."""
    dice = random.Random(seed)
    made = []
    for _ in range(count):
        source, destination = dice.sample(names, 2)
        amount = f"{dice.randrange(1, 100)}.00"
        made.append(
            command(
                "transfer.make",
                source_account_id=source,
                destination_account_id=destination,
                amount=amount,
                currency="USD",
            )
        )
    return made


def command(type_: str, **fields: str) -> Mapping[str, Any]:
    return {"type": type_, "command_id": str(uuid.uuid4()), **fields}


# What becomes of it ---------------------------------------------------------------------------------------------------


async def applied(at: Installation, name: str, commands: Commands) -> None:
    summary = await asyncio.to_thread(at.publish(name, commands).result)
    assert (sum(summary["answers"].values()), summary["refused"]) == (len(commands), {})


async def heard(
    at: Installation,
    position: str | None,
    told: dict[str, list[int]],
    *,
    until: set[str] | None = None,
    epoch: int = 1,
) -> tuple[str, list[BooksRestored]]:
    """Read on from *position*, note the epochs of answers in *told*, and end when *until* are answered again."""
    waited, notices, seen = set(until or ()), list[BooksRestored](), dict[bytes | None, int]()
    subscriber = ResultSubscriber(
        at.kafka, contexts=[LEDGER], topics=at.topics, from_beginning=not position, resume=position, repeats=True
    )
    async with subscriber, asyncio.timeout(PATIENCE_S):
        while (batch := await subscriber.poll(1.0)) or waited:
            for received in batch:
                lane, own = received.headers["partita_lane"], int(received.headers["partita_epoch"] or 0)
                assert own >= seen.setdefault(lane, own), "of an earlier epoch after a later one"
                seen[lane] = own
                event = received.result.event
                if isinstance(event, BooksRestored):
                    notices.append(event)
                else:
                    told.setdefault(received.fields["command_id"], []).append(own)
                    waited -= {received.fields["command_id"]} if own == epoch else set()
    return subscriber.position, notices


async def numbers(at: Installation) -> list[tuple[Any, ...]]:
    """Return the last number of each lane."""
    return await at.fetch("SELECT partition, next_seq - 1 FROM lane ORDER BY partition")


def sum_of(text: str, what: str) -> int:
    return sum(int(line.split(": ")[1].split()[0]) for line in text.splitlines() if f" {what} " in line)


# Backups --------------------------------------------------------------------------------------------------------------


async def copied(at: Installation, name: str) -> None:
    name, own = backup(at, name), urlsplit(at.database_url).path[1:]
    await execute(maintenance(at), f"CREATE DATABASE {name} TEMPLATE {own}")


async def restored(at: Installation, name: str) -> None:
    name, own = backup(at, name), urlsplit(at.database_url).path[1:]
    await execute(maintenance(at), f"DROP DATABASE {own} WITH (FORCE)")
    await execute(maintenance(at), f"CREATE DATABASE {own} TEMPLATE {name}")


@pytest.fixture(autouse=True)
async def without_backups(stack: Any) -> Any:
    yield
    connection = await connect(stack.database_url, role="test")
    for (name,) in await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE '%\\_backup'"):
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def backup(at: Installation, name: str) -> str:
    return f"{urlsplit(at.database_url).path[1:]}_{name}"


def maintenance(at: Installation) -> str:
    return urlsplit(at.database_url)._replace(path="/postgres").geturl()


async def execute(url: str, statement: str) -> None:
    connection = await connect(url, role="test")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
