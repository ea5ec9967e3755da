"""Who holds a lane, how runs have ended, and which record was on trial then."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from asyncpg import Record
from msgspec.structs import replace as replaced

from processor.database import Connection
from processor.engine.custody import DEATHS_MAX, Custody, given_up
from processor.engine.events import Kind
from processor.engine.persist import Abandoned, persist
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from tests.engine.desk import Desk, fill, moving, names, opening

BATCH_MAX = 10
FAR = 1_000_000


async def a_run(desk: Desk, *, ends: Mapping[int, int] | None = None) -> Custody:
    """Return a new run that has taken up the lanes whose logs end at *ends*; it is killed by being forgotten."""
    custody = Custody(desk.context.name, batch_size_max=BATCH_MAX)
    await custody.take_up(desk.connection, ends or {0: FAR})
    return custody


async def runs(desk: Desk, count: int, *, ends: Mapping[int, int] | None = None) -> Custody:
    """Return the last of *count* runs, each of which was killed but the last."""
    for _ in range(count - 1):
        await a_run(desk, ends=ends)
    return await a_run(desk, ends=ends)


async def row_of(desk: Desk) -> Record:
    row = await desk.connection.fetchrow(
        "SELECT custody.* FROM custody JOIN lane USING (lane_no) WHERE partition = 0 AND context = $1",
        desk.context.name,
    )
    assert row is not None
    return row


@pytest.fixture(autouse=True)
async def nobody_holds_anything(desk: Desk) -> None:
    await desk.connection.execute("DELETE FROM custody")


# How a run ends -------------------------------------------------------------------------------------------------------


async def test_one_run_that_is_killed_is_nothing_special_and_a_second_in_the_same_place_is(desk: Desk) -> None:
    fence = desk.offsets[0]

    assert (await runs(desk, 1)).careful_until == {}
    assert (await runs(desk, 1)).careful_until == {}
    assert (await runs(desk, 1)).careful_until == {0: fence + BATCH_MAX}


async def test_no_more_is_suspect_than_the_log_held(desk: Desk) -> None:
    fence = desk.offsets[0]

    careful = await runs(desk, 3, ends={0: fence + 4, 1: FAR})

    assert careful.careful_until == {0: fence + 4, 1: desk.offsets[1] + BATCH_MAX}


async def test_a_lane_that_has_got_past_the_place_of_a_killed_run_begins_to_count_anew(desk: Desk) -> None:
    await runs(desk, 2)
    await desk.tell(*map(opening, names(BATCH_MAX)))
    assert (await runs(desk, 1)).careful_until == {}
    await desk.tell(*map(opening, names(BATCH_MAX - 1)))

    assert (await runs(desk, 1)).careful_until == {0: desk.offsets[0] + BATCH_MAX}


async def test_who_lets_go_is_not_missed(desk: Desk) -> None:
    for _ in range(3):
        await (await a_run(desk)).let_go(desk.connection)
    await a_run(desk)

    assert (await row_of(desk))["unclean_ends"] == 0


async def test_what_is_suspect_stays_so_when_a_run_lets_go(desk: Desk) -> None:
    await (await runs(desk, 3)).let_go(desk.connection)

    assert (await a_run(desk)).careful_until == {0: desk.offsets[0] + BATCH_MAX}


async def test_a_run_that_takes_its_own_lanes_up_again_has_not_been_killed(desk: Desk) -> None:
    custody = await a_run(desk)
    for _ in range(3):
        await custody.take_up(desk.connection, {0: FAR})

    assert (await row_of(desk))["unclean_ends"] == 0


async def test_the_end_of_a_run_says_nothing_of_a_lane_that_had_nothing_to_read(desk: Desk) -> None:
    await runs(desk, 4, ends={0: desk.offsets[0]})

    assert (await row_of(desk))["unclean_ends"] == 0


async def test_a_run_that_was_succeeded_lets_nothing_of_its_successor_go(desk: Desk) -> None:
    frozen = await a_run(desk)
    await a_run(desk)
    held = await row_of(desk)

    assert await frozen.trial(0, desk.offsets[0]).begin(desk.connection) == 0
    await frozen.let_go(desk.connection)

    assert await row_of(desk) == held


async def test_who_takes_over_does_not_wait_for_the_batch_of_a_frozen_worker(desk: Desk, database_url: str) -> None:
    await a_run(desk)
    async with desk.held(database_url, desk.part(opening(names(1)[0]))):
        await asyncio.wait_for(a_run(desk), 5)


# Trials ---------------------------------------------------------------------------------------------------------------


async def test_every_run_that_ends_in_the_trial_of_a_record_counts_whoever_it_was(desk: Desk) -> None:
    run = await runs(desk, 3)
    suspect = run.careful_until
    await desk.tell(*map(opening, names(2)))
    await run.let_go(desk.connection)
    deadly = desk.offsets[0]

    counted = []
    for _ in range(DEATHS_MAX + 1):
        run = await a_run(desk)
        counted.append(await run.trial(0, deadly).begin(desk.connection))
        assert run.careful_until == suspect  # the culprit is known: no more is suspect than before

    assert counted == [0, 1, 2, 3]
    assert await run.trial(0, deadly + 1).begin(desk.connection) == 0


@pytest.mark.parametrize(
    ("meanwhile", "deaths"),
    [
        ("SELECT 'nothing'", 1),
        ("UPDATE custody SET trial_began_at = pg_postmaster_start_time() - interval '1 ms'", 0),
        ("UPDATE lane SET next_offset = next_offset + 1 WHERE partition = 0", 0),
        ("UPDATE custody SET holder = NULL", 0),
    ],
    ids=["nothing", "the server was started since", "the record was applied", "the run ended in good order"],
)
async def test_an_end_that_need_not_be_the_records_doing_does_not_count_against_it(
    desk: Desk, meanwhile: str, deaths: int
) -> None:
    await (await runs(desk, 3)).trial(0, desk.offsets[0]).begin(desk.connection)
    await desk.connection.execute(meanwhile)
    await a_run(desk)

    assert (await row_of(desk))["trial_deaths"] == deaths


async def test_an_end_after_a_trial_was_withdrawn_does_not_count_against_its_record(desk: Desk) -> None:
    trial = (await runs(desk, 3)).trial(0, desk.offsets[0])
    await trial.begin(desk.connection)
    await trial.withdraw(desk.connection)
    await a_run(desk)

    assert (await row_of(desk))["trial_deaths"] == 0


class WatchingStore(LedgerStore):
    """A store that runs into a serialization failure once, and notes whether a trial goes on whenever it saves."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.on_trial: list[bool] = []
        self.in_trouble = asyncio.Event()

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        await super().save_in_tx(tx, world)
        self.on_trial.append((await row_of(self._desk))["trial_began_at"] is not None)
        if len(self.on_trial) == 1:
            self.in_trouble.set()
            await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")


async def tried(desk: Desk, store: WatchingStore, *, let_go: asyncio.Event) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    part = desk.part(moving(a, b, "1"))
    trial = (await a_run(desk)).trial(0, part.start)
    await trial.begin(desk.connection)
    await persist(desk.database, replace(LEDGER, store=store), [part], let_go=let_go, trial=trial)


async def test_a_trial_rests_while_the_servers_trouble_is_waited_out(desk: Desk) -> None:
    store, let_go = WatchingStore(desk), asyncio.Event()
    let_go.set()

    with pytest.raises(Abandoned):
        await tried(desk, store, let_go=let_go)

    assert (await row_of(desk))["trial_began_at"] is None


async def test_a_trial_goes_on_with_the_next_try(desk: Desk) -> None:
    store = WatchingStore(desk)

    await tried(desk, store, let_go=asyncio.Event())

    assert store.on_trial == [True, True]


async def test_what_is_given_up_is_a_dead_letter_and_its_sender_hears_of_it(desk: Desk) -> None:
    command = opening(names(1)[0])
    part = desk.part(command)
    record = part.items[0].record

    await desk.run([replaced(part, items=[given_up(LEDGER.name, 0, record)])])

    dead, invalid = (await desk.told(0))[-2:]
    assert (dead.kind, invalid.type, invalid.body["code"]) == (Kind.DEAD, "command.invalid", "internal_error")
    assert invalid.body["command_id"] == command.command_id
    kept = await desk.kept(dead)
    assert (kept["code"], kept["key"], kept["value"]) == ("internal_error", record.key, record.value)
    assert (await desk.one(command)).kind == Kind.ANSWER  # its id is free
