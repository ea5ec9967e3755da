"""Sums that are wrong are written anew, beside batches that change them, and nothing else is."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from contracts.envelope import Command
from partita.cli.rebuild import rebuild as door
from processor.database import Connection, Database, connect
from processor.engine.audit import audit
from processor.engine.persist import persist
from processor.errors import Declined
from processor.expenses.context import EXPENSES
from processor.expenses.rebuilding import Rebuilt, rebuild
from processor.expenses.store import ExpensesStore
from processor.expenses.tracker import Tracker
from tests.engine.desk import Desk
from tests.engine.meeting import BLOCKED
from tests.expenses.reading import command_of, expenses_desk, saying

SUMS = [check for check in EXPENSES.checks if check.name in ("expense_sums", "budget_thresholds")]
USERS = ("ann", "ben", "cat", "dot", "eve")
ROWS = "SELECT xmin::text, ctid::text, kept.* FROM expense_summary AS kept ORDER BY user_no, month, category"
Said = dict[str, Any]


class HeldStore(ExpensesStore):
    """A store that has everything written, and waits before it lets the engine commit."""

    def __init__(self) -> None:
        self.written, self.go_on = asyncio.Event(), asyncio.Event()

    async def save_in_tx(self, tx: Connection, world: Tracker) -> None:
        await super().save_in_tx(tx, world)
        self.written.set()
        await self.go_on.wait()


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with expenses_desk(database_url) as opened:
        if not await opened.last_seq(0):
            await tell(opened, *(saying("user.create", user_id=name, base_currency="EUR") for name in USERS))
            await tell(opened, *(budget(name) for name in USERS))
            await tell(opened, *(add(name, f"e{number}", number) for number in range(1, 4) for name in USERS))
        yield opened


def budget(name: str) -> Said:
    return saying("budget.set", user_id=name, category="Food", month=None, limit="5")


def add(name: str, expense: str, month: int, category: str = "Food") -> Said:
    what = {"amount": "5", "currency": "EUR", "category": category, "date": f"2026-0{month}-09"}
    return saying("expense.add", user_id=name, expense_id=expense, **what)


async def tell(desk: Desk, *said: Said) -> None:
    await desk.tell(*map(command_of, said))


async def wrong(connection: Connection) -> tuple[str, ...]:
    return (await audit(connection, SUMS)).failed


async def test_what_differs_is_written_anew_what_was_told_stays_told_and_the_rest_is_not_touched(desk: Desk) -> None:
    right = [tuple(row) for row in await desk.connection.fetch(ROWS)]
    for change in (
        "UPDATE expense_summary SET spent_minor = spent_minor + 1 WHERE month = '2026-01-01' AND user_no % 2 = 0",
        "DELETE FROM expense_summary WHERE month = '2026-02-01' AND user_no % 2 = 0",
        "UPDATE expense_summary SET category = 'Gold' WHERE month = '2026-03-01' AND user_no % 2 = 1",
    ):
        await desk.connection.execute(change)
    spoilt = await wrong(desk.connection)
    first = await rebuild(desk.connection, page=2)
    mended, rows = await wrong(desk.connection), [tuple(row) for row in await desk.connection.fetch(ROWS)]
    again = await rebuild(desk.connection, page=len(USERS))

    assert spoilt == ("expense_sums", "budget_thresholds")
    assert (first.users, first.sums, mended) == (5, 15, ())
    assert first.differed == 15 - len({*right} & {*rows}) + 3 == 10
    assert [row[2:8] for row in rows] == [row[2:8] for row in right]
    assert (again, [tuple(row) for row in await desk.connection.fetch(ROWS)]) == (Rebuilt(users=5, sums=15), rows)


async def test_one_user_is_rebuilt_alone_and_one_that_there_is_not_declined(desk: Desk) -> None:
    await desk.connection.execute("UPDATE expense_summary SET expenses = expenses + 1 WHERE month = '2026-01-01'")
    one = await rebuild(desk.connection, user_id="ben")
    others = await rebuild(desk.connection)

    assert (one, others) == (Rebuilt(users=1, sums=3, differed=1), Rebuilt(users=5, sums=15, differed=4))
    with pytest.raises(Declined, match="No user has this id"):
        await rebuild(desk.connection, user_id="nobody")


async def test_what_a_batch_is_about_to_commit_is_waited_for_and_counted(desk: Desk, database_url: str) -> None:
    await desk.connection.execute("UPDATE expense_summary SET spent_minor = spent_minor + 7")
    store, part = HeldStore(), desk.part(command_of(add("cat", "held", 1)))
    async with Database(database_url, role="held") as other:
        batch = asyncio.create_task(persist(other, replace(EXPENSES, store=store), [part], let_go=asyncio.Event()))
        await store.written.wait()
        rebuilding = asyncio.create_task(rebuild(desk.connection))
        looking = await connect(database_url, role="test")
        async with asyncio.timeout(10):
            while not rebuilding.done() and not await looking.fetchval(BLOCKED):
                await looking.execute("SELECT pg_sleep(0.001)")
        store.go_on.set()
        await batch
        rebuilt = await rebuilding
        await looking.close()

    assert (rebuilt.differed, await wrong(desk.connection)) == (15, ())


async def test_rebuilding_and_auditing_beside_busy_writers_loses_nothing_and_finds_nothing(
    desk: Desk, database_url: str
) -> None:
    await desk.connection.execute("UPDATE expense_summary SET spent_minor = spent_minor + 7")

    def spending(batch: int) -> list[Command]:
        return [command_of(add(name, f"b{batch}", 1 + batch % 6)) for name in USERS]

    parts = [
        [desk.part(*spending(batch), partition=1), desk.part(*spending(batch)[::-1], partition=2)]
        for batch in range(20)
    ]

    async def write(partition: int) -> None:
        async with Database(database_url, role="writer") as other:
            for each in parts:
                await desk.run([each[partition]], database=other)

    async with asyncio.TaskGroup() as writers:
        tasks = [writers.create_task(write(partition)) for partition in range(2)]
        while not all(task.done() for task in tasks):
            await rebuild(desk.connection, page=3)
            meanwhile = await audit(desk.connection, EXPENSES.checks)

            assert meanwhile.failed == ()

    assert await wrong(desk.connection) == ()
    assert await desk.connection.fetchval("SELECT count(*) FROM expense WHERE expense_id LIKE 'b%'") == 100


async def test_the_door_says_what_it_has_found(
    desk: Desk, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARTITA_DATABASE_URL", database_url)
    await desk.connection.execute("UPDATE expense_summary SET expenses = expenses + 1 WHERE month = '2026-01-01'")
    for name, said in (("eve", (1, 1)), ("", (5, 4)), ("", (5, 0))):
        await door(user=name)
        told = json.loads(capsys.readouterr().out)

        assert (told["users"], told["differed"]) == said
