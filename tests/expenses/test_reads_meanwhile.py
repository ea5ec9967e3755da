"""What is read while others write: nothing is missed, nothing comes twice, and what is of one moment stays so."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest

from processor.database import connect
from processor.expenses import lists
from processor.expenses.feed import changes
from processor.expenses.lists import ExpensesQuery
from processor.expenses.tax_year import tax_year
from tests.engine.desk import Desk
from tests.expenses.reading import FEED, FIRST, LIST, Json, Story, command_of, expenses_desk, saying

BATCHES: Final = 12  # of each writer
SPENT: Final = {"amount": "1", "currency": "EUR", "category": "Food"}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with expenses_desk(database_url) as opened:
        yield opened


async def test_what_changes_while_somebody_pages_takes_nothing_else_from_the_pages(desk: Desk) -> None:
    story = Story(desk)
    await story.begin(("dan", "EUR"))
    spent = {"user_id": "dan", **SPENT}
    days = [(FIRST + timedelta(days=number // 3)).isoformat() for number in range(12)]
    await story.tell(
        *(saying("expense.add", expense_id=f"{number:02}", date=day, **spent) for number, day in enumerate(days))
    )
    query = ExpensesQuery(since=FIRST, until=FIRST + timedelta(days=9), limit=5)
    first = await lists.expenses(desk.connection, "dan", query, seal=LIST)
    assert [each.expense_id for each in first.expenses] == ["11", "10", "09", "08", "07"]
    assert first.next_token is not None
    await story.tell(
        saying("expense.delete", expense_id="07", user_id="dan", base_version=1),
        saying("expense.delete", expense_id="04", user_id="dan", base_version=1),
        saying("expense.add", expense_id="99", date=days[-1], **spent),
        saying("expense.add", expense_id="00a", date=days[0], **spent),
    )
    second = await lists.expenses(desk.connection, "dan", first.next_token, seal=LIST)
    assert [each.expense_id for each in second.expenses] == ["06", "05", "03", "02", "01"]
    assert second.next_token is not None
    third = await lists.expenses(desk.connection, "dan", second.next_token, seal=LIST)
    assert ([each.expense_id for each in third.expenses], third.next_token) == (["00a", "00"], None)


async def test_a_tax_year_is_of_one_moment_and_lets_go_with_its_last_row(desk: Desk, database_url: str) -> None:
    async with expenses_desk(database_url) as other:
        story = Story(other)
        await story.begin(("gus", "EUR"))
        spent = {"user_id": "gus", "date": "2024-05-05", **SPENT}
        await story.tell(saying("expense.add", expense_id="1", **spent))
        async with tax_year(desk.connection, "gus", 2024) as (summed, rows):
            await story.tell(saying("expense.add", expense_id="2", **spent))
            assert [row.expense_id async for row in rows] == ["1"]
            assert summed.total_minor == 100
            assert not desk.connection.is_in_transaction()
        async with tax_year(desk.connection, "gus", 2024) as (summed, _):
            assert summed.total_minor == 200
        assert not desk.connection.is_in_transaction()


def bustle(writer: int, batch: int) -> list[Json]:
    """Return what a writer says at once: some of each kind of change."""
    name = f"{writer}.{batch}"
    return [
        *(saying("expense.add", expense_id=f"{name}.{n}", user_id="hal", date="2024-05-05", **SPENT) for n in range(4)),
        saying("budget.set", user_id="hal", category=f"c{batch % 3}", limit=str(batch)),
        saying("expense.change", expense_id=f"{name}.1", user_id="hal", base_version=1, notes="more"),
        saying("recurring.set", recurring_id=name, user_id="hal", frequency="daily", starts_on="2030-01-01", **SPENT),
        saying("expense.delete", expense_id=f"{name}.1", user_id="hal", base_version=2),
    ]


async def test_whoever_pages_the_feed_while_it_grows_sees_every_change_once_in_order(
    desk: Desk, database_url: str
) -> None:
    await Story(desk).tell(saying("user.create", user_id="hal", base_currency="EUR"))
    writing = 2

    async def write(writer: int) -> None:
        nonlocal writing
        async with expenses_desk(database_url) as own:
            for batch in range(BATCHES):
                told = await own.tell(*map(command_of, bustle(writer, batch)), partition=writer)
                assert not any(each.type.endswith(".rejected") for each in told)
        writing -= 1

    async def page(limit: int) -> list[tuple[int, str]]:
        connection = await connect(database_url, role="test")
        seen, token, is_last = list[tuple[int, str]](), "", False
        while not is_last:
            ended = writing == 0
            found = await changes(connection, "hal", token, seal=FEED, limit=limit)
            seen += [(each.change_no, type(each).__name__) for each in found.changes]
            token, is_last = found.next_token, ended and found.complete
        await connection.close()
        return seen

    *_, one, two, three = await asyncio.gather(write(0), write(1), page(3), page(5), page(1000))
    assert [number for number, _ in one] == list(range(1, 2 * BATCHES * len(bustle(0, 0)) + 1))
    assert one == two == three
