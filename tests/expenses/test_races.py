"""Two lanes speak of one user, or of rates, at once: whichever is decided first is seen by the other."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from random import Random
from typing import Any, Final

import msgspec
import pytest

from contracts.envelope import Command
from contracts.expenses import ExpenseChange
from processor.database import Connection, Database
from processor.engine.audit import audit
from producers.command_ids import new_command_id
from tests.engine.desk import PARTITIONS, Desk, names
from tests.engine.meeting import BLOCKED, meet, met, outcomes
from tests.expenses.erasing_story import adding, creating, erasing, opened, rating, rows_with

CLOCK: Final = "UPDATE clock SET ahead = $1::text::interval"
INSTANT: Final = """
SELECT occurred_at FROM event JOIN lane USING (lane_no)
 WHERE context = 'expenses' AND partition = $1 AND source_offset = $2 AND kind = 1"""
IN_ORDER: Final = """
SELECT type, payload FROM event JOIN lane USING (lane_no) WHERE context = 'expenses' AND kind = 1
 ORDER BY occurred_at, partition, seq"""
DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
FEED: Final = """
SELECT change_no FROM expense_version JOIN expense_user USING (user_no) WHERE user_id = $1 ORDER BY change_no"""
ROUNDS: Final = 8
DAYS: Final = count(1)


@pytest.fixture
async def desk(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    desk = await opened(connection, database_url)
    yield desk
    await connection.execute(CLOCK, "0")
    await desk.database.close()


def day() -> str:
    """Return a day whose rates no test has set."""
    number = next(DAYS)
    return f"{1900 + number}-06-01"


async def instants(desk: Desk, *parts: Any) -> list[Any]:
    return [await desk.connection.fetchval(INSTANT, part.partition, part.start) for part in parts]


async def test_a_conversion_that_waits_for_a_rate_is_made_at_it_and_behind_it(desk: Desk, database_url: str) -> None:
    (user,) = names(1)
    on = day()
    await desk.one(creating(user))
    first, second = (
        desk.part(rating("0.5", day=on)),
        desk.part(adding(user, "E", "x", currency="USD", date=on), partition=1),
    )

    async with met(desk, database_url, first, second):
        await desk.connection.execute(CLOCK, "0")

    assert [*await outcomes(desk, first), *await outcomes(desk, second)] == ["rate.defined", "expense.added"]
    rated, added = await instants(desk, first, second)
    assert ((await desk.told(1))[-1].body["rate"], added > rated) == ("0.5", True)


async def test_conversions_do_not_wait_for_one_another(desk: Desk, database_url: str) -> None:
    one, other = names(2)
    on = day()
    await desk.tell(creating(one), creating(other), rating(day=on))
    first, second = (
        desk.part(adding(user, "E", "x", currency="USD", date=on), partition=number)
        for number, user in enumerate((one, other))
    )

    async with met(desk, database_url, first, second):
        assert [await outcomes_of(desk, part) for part in (first, second)] == [[], ["expense.added"]]


async def outcomes_of(desk: Desk, part: Any) -> list[str]:
    """Return what became of *part* so far."""
    found = await instants(desk, part)
    return await outcomes(desk, part) if found != [None] else []


async def test_a_rate_that_waits_is_not_passed_by_conversions_that_come_later(desk: Desk, database_url: str) -> None:
    one, other = names(2)
    on = day()
    await desk.tell(creating(one), creating(other), rating("1", day=on))
    first, late = (
        desk.part(adding(user, "E", "x", currency="USD", date=on), partition=number)
        for number, user in enumerate((one, other))
    )

    waiting = desk.part(rating("2", day=on), partition=2)

    async with Database(database_url, role="late") as session:
        async with met(desk, database_url, first, waiting):
            passing = asyncio.create_task(desk.run([late], database=session))
            async with asyncio.timeout(10):
                while not passing.done() and await desk.connection.fetchval(BLOCKED) < 2:
                    await desk.connection.execute("SELECT pg_sleep(0.001)")
            assert not passing.done()
        await passing
    assert (await desk.told(1))[-1].body["rate"] == "2"


async def test_of_two_batches_that_create_a_user_the_first_does_and_the_other_sees_it(
    desk: Desk, database_url: str
) -> None:
    (user,) = names(1)
    first = desk.part(creating(user), adding(user, "E1", "x"))
    second = desk.part(creating(user, timezone="Asia/Tokyo"), adding(user, "E2", "x"), partition=1)

    became = await meet(desk, database_url, first, second)

    assert became == ["user.created", "expense.added", "user_exists", "expense.added"]
    assert [row[0] for row in await desk.connection.fetch(FEED, user)] == [1, 2]


async def test_two_lanes_that_change_an_expense_at_once_leave_one_feed(desk: Desk, database_url: str) -> None:
    (user,) = names(1)
    await desk.tell(creating(user), adding(user, "E", "x"))
    change: dict[str, Any] = {"user_id": user, "expense_id": "E", "base_version": 1}
    first, second = (
        desk.part(
            ExpenseChange(command_id=new_command_id(), **change, amount="2"),
            adding(user, f"E{number}", "x"),
            partition=number,
        )
        for number in range(2)
    )

    became = await meet(desk, database_url, first, second)

    assert became == ["expense.changed", "expense.added", "version_stale", "expense.added"]
    assert [row[0] for row in await desk.connection.fetch(FEED, user)] == [1, 2, 3, 4]


@pytest.mark.parametrize("erasure_is_first", [True, False], ids=["the erasure first", "the expense first"])
async def test_an_erasure_and_an_expense_in_another_lane_leave_no_text(
    desk: Desk, database_url: str, *, erasure_is_first: bool
) -> None:
    (user,) = names(1)
    await desk.tell(creating(user), adding(user, "E", f"Zorg{user}"))
    parts = [desk.part(erasing(user)), desk.part(adding(user, "E2", f"Zorg{user}", notes=f"Zorg{user}"), partition=1)]
    one, other = parts if erasure_is_first else reversed(parts)

    became = await meet(desk, database_url, one, other)

    assert became == (["user.erased", "user_not_found"] if erasure_is_first else ["expense.added", "user.erased"])
    assert await rows_with(desk.connection, [f"Zorg{user}"]) == []


async def test_lanes_that_name_the_same_users_in_any_order_never_deadlock_and_replay_in_their_order(
    desk: Desk, database_url: str
) -> None:
    """Each lane is worked by a session of its own; rates are set and used by all of them."""
    random, users, days = Random(1), names(6), [day() for _ in range(3)]
    await desk.tell(*map(creating, users), *(rating("1", day=each) for each in days))
    batches = {lane: [commands(random, users, days) for _ in range(ROUNDS)] for lane in range(PARTITIONS)}

    async def work(lane: int) -> None:
        async with Database(database_url, role="lane") as session:
            for batch in batches[lane]:
                await desk.run([desk.part(*batch, partition=lane)], database=session)

    await asyncio.gather(*map(work, range(PARTITIONS)))

    known: dict[str, str] = {}
    rows = await desk.connection.fetch(IN_ORDER)
    converted = 0
    for kind, payload in rows:
        body = msgspec.json.decode(payload)
        if kind == "rate.defined":
            known[body["date"]] = body["rate"]
        elif body.get("date") in days:
            assert body["rate"] == known[body["date"]]
            converted += 1
    assert converted == PARTITIONS * ROUNDS * len(users)
    assert await desk.connection.fetchval(DEADLOCKS) == 0
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, report.failed


def commands(random: Random, users: list[str], days: list[str]) -> list[Command]:
    """Return an expense in another currency for each user, in any order, with a rate among them now and then."""
    ids = (new_command_id() for _ in users)
    expenses: list[Command] = [
        adding(user, f"E-{command_id}", "x", currency="USD", date=random.choice(days), command_id=command_id)
        for user, command_id in zip(random.sample(users, len(users)), ids, strict=True)
    ]
    rates = [rating(str(random.randint(1, 10**6)), day=random.choice(days))] if random.random() < 0.5 else []
    return [*expenses[:3], *rates, *expenses[3:]]


# Last: lanes decide an hour ahead of the clock from now on.
@pytest.mark.parametrize("rate_is_first", [True, False], ids=["the rate first", "the conversion first"])
async def test_rates_and_conversions_follow_one_another_even_when_the_clock_goes_back(
    desk: Desk, database_url: str, *, rate_is_first: bool
) -> None:
    (user,) = names(1)
    on = day()
    await desk.tell(creating(user), rating("0.5", day=on))
    rate, conversion = rating("0.7", day=on), adding(user, "E", "x", currency="USD", date=on)
    one, other = (rate, conversion) if rate_is_first else (conversion, rate)
    await desk.connection.execute(CLOCK, "1 hour")
    first, second = desk.part(one, partition=2), desk.part(other, partition=3)

    async with met(desk, database_url, first, second):
        await desk.connection.execute(CLOCK, "0")

    earlier, later = await instants(desk, first, second)
    assert later > earlier
    assert (await desk.told(3 if rate_is_first else 2))[-1].body["rate"] == ("0.7" if rate_is_first else "0.5")
