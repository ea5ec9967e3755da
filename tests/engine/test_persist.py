"""A batch is applied whatever the infrastructure does meanwhile, once."""

import asyncio
from dataclasses import replace

import pytest

from processor.database import Connection, Database
from processor.engine.events import Kind
from processor.engine.persist import Abandoned, persist
from processor.errors import Fatal
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from tests.engine.desk import Desk, fill, moving, names


class TroubledStore(LedgerStore):
    """A store that runs into trouble of PostgreSQL's making the first *times* it has saved."""

    def __init__(self, trouble: str, *, times: int = 1) -> None:
        super().__init__()
        self._trouble = trouble
        self.left = times
        self.in_trouble = asyncio.Event()

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        await super().save_in_tx(tx, world)
        if self.left:
            self.left -= 1
            self.in_trouble.set()
            await tx.execute(self._trouble)


@pytest.mark.parametrize(
    ("sqlstate", "why"),
    [
        ("40001", "serialization failure"),
        ("40P01", "deadlock"),
        ("55P03", "lock timeout"),
        ("53100", "disk full"),
        ("57P03", "starting up"),
    ],
)
async def test_passing_trouble_is_waited_out(desk: Desk, sqlstate: str, why: str) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    store = TroubledStore(f"DO $$ BEGIN RAISE EXCEPTION '{why}' USING ERRCODE = '{sqlstate}'; END $$", times=3)
    desk.context = replace(LEDGER, store=store)

    told = await desk.one(moving(a, b, "1"))

    assert (told.kind, store.left) == (Kind.ANSWER, 0)
    assert await desk.balance(a) == 9900


async def test_a_session_that_is_killed_in_the_middle_is_replaced(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    desk.context = replace(LEDGER, store=TroubledStore("SELECT pg_terminate_backend(pg_backend_pid())"))

    told = await desk.one(moving(a, b, "1"))

    assert told.kind == Kind.ANSWER
    assert await desk.balance(a) == 9900


async def test_what_nobody_knows_how_to_mend_stops_the_context_and_changes_nothing(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    desk.context = replace(LEDGER, store=TroubledStore("SELECT no_such_function()"))

    with pytest.raises(Fatal, match="42883"):
        await desk.run([desk.part(moving(a, b, "1"))])

    assert await desk.balance(a) == 10000


async def test_waiting_ends_when_the_partitions_are_to_be_given_up(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    store = TroubledStore("DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$", times=10**9)
    context, let_go = replace(LEDGER, store=store), asyncio.Event()
    waiting = asyncio.create_task(persist(desk.database, context, [desk.part(moving(a, b, "1"))], let_go=let_go))
    await asyncio.wait_for(store.in_trouble.wait(), 10)

    let_go.set()

    with pytest.raises(Abandoned):
        await asyncio.wait_for(waiting, 10)
    assert await desk.balance(a) == 10000


async def test_a_database_that_cannot_be_reached_is_waited_for(desk: Desk, database_url: str) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    let_go, away = asyncio.Event(), Database("postgresql://nobody@127.0.0.1:1/none", role="away")
    waiting = asyncio.create_task(persist(away, LEDGER, [desk.part(moving(a, b, "1"))], let_go=let_go))

    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    away._url = database_url  # it is back

    await asyncio.wait_for(waiting, 10)
    assert await desk.balance(a) == 9900
    await away.close()
