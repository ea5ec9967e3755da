"""What recurs as its job says it: each day that has begun for its user, once, however late, by the engine's answers."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from contracts.envelope import Command
from contracts.rates import RateSet
from contracts.recurring import RecurringMaterialise, RecurringStop
from contracts.users import UserUpdate
from partita.local.stack import LocalStack
from processor.database import Connection, named_queries
from processor.engine.events import Kind
from processor.engine.jobs import Due
from producers.command_ids import new_command_id, scheduled_command_id
from tests.conftest import fresh_database
from tests.engine.test_plans import reads, session
from tests.expenses.recurring_desk import JOB, NOON, Office, answer, opened

__all__ = ["session"]

A_MOMENT: Final = timedelta(microseconds=1)
ADDED: Final = "expense.added"


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    """Return the office of all tests in which no day passes; each leaves nothing due."""
    async with opened(database_url) as shared:
        yield shared
        assert await shared.due() == []


@pytest.fixture
async def own(stack: LocalStack, migrated_database: str) -> AsyncIterator[Office]:
    """Return an office of the test's own, where time may pass."""
    async with fresh_database(stack, migrated_database) as url, opened(url) as travelling:
        yield travelling


def subjects(found: Sequence[Due]) -> list[str]:
    return [each.subject for each in found]


def dated(found: Sequence[Due]) -> list[str]:
    return [each.subject.rpartition("/")[2] for each in found]


def days(first: str, last: str) -> list[str]:
    start = date.fromisoformat(first)
    return [str(start + timedelta(days=number)) for number in range((date.fromisoformat(last) - start).days + 1)]


def said(due: Due, command_id: str = "") -> Command:
    return due.says(command_id=command_id or new_command_id())


# When a day begins ----------------------------------------------------------------------------------------------------

TO_COME: Final = [  # in zones that change no clocks
    ("Asia/Kolkata", "2031-05-16", "2031-05-15T18:30"),
    ("UTC", "2031-05-16", "2031-05-16T00:00"),
    ("America/Caracas", "2031-05-16", "2031-05-16T04:00"),
    ("Pacific/Apia", "2031-05-17", "2031-05-16T11:00"),
]
GONE_BY: Final = [  # so that they stay as they are
    ("America/St_Johns", "2024-05-16", "2024-05-16T02:30"),
    ("Europe/Berlin", "2024-03-31", "2024-03-30T23:00"),  # a day of 23 hours
    ("Europe/Berlin", "2024-04-01", "2024-03-31T22:00"),
    ("Europe/Berlin", "2024-10-27", "2024-10-26T22:00"),  # a day of 25 hours
    ("Europe/Berlin", "2024-10-28", "2024-10-27T23:00"),
    ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00"),  # its midnight is skipped
    ("America/Havana", "2024-11-03", "2024-11-03T04:00"),  # its midnight comes twice
]


async def test_a_day_is_due_from_the_moment_on_at_which_it_begins_for_its_user(office: Office) -> None:
    for number, (timezone, day, begins) in enumerate(GONE_BY):
        await office.user(f"gone-{number}", timezone)
        await office.set(day, user_id=f"gone-{number}", recurring_id="r", ends_on=day)
        instant = datetime.fromisoformat(f"{begins}+00:00")
        assert await office.due(instant - A_MOMENT) == []
        assert [(each.subject, each.period) for each in await office.due(instant)] == [
            (f"gone-{number}/r/{day}", instant)
        ]
        assert await office.fire() == [f"{day} {ADDED}"]


async def test_the_rules_make_a_day_from_that_very_moment_on(own: Office) -> None:
    for number, (timezone, day, begins) in enumerate(TO_COME):
        await own.user(f"u{number}", timezone)
        await own.set(day, user_id=f"u{number}", recurring_id="r", ends_on=day)
        instant = datetime.fromisoformat(f"{begins}+00:00")
        assert await own.due(instant - A_MOMENT) == []
        (found,) = await own.due(instant)
        assert (found.subject, found.period) == (f"u{number}/r/{day}", instant)
        materialise = said(found)
        assert isinstance(materialise, RecurringMaterialise)
        assert (materialise.user_id, materialise.recurring_id, materialise.date) == (f"u{number}", "r", day)
        await own.at(instant - timedelta(seconds=60))
        assert answer(await own.one(said(found))) == f"{day} not_due"
        await own.at(instant)
        assert answer(await own.one(materialise)) == f"{day} {ADDED}"


async def test_a_day_that_a_zone_has_left_out_is_made_too(office: Office) -> None:
    """Samoa went from the 29th to the 31st of December 2011; the month's entry of the 30th is owed all the same."""
    await office.user("samoan", "Pacific/Apia")
    await office.set("2011-12-28", user_id="samoan", ends_on="2012-01-01")
    found = await office.due()
    assert dated(found) == days("2011-12-28", "2012-01-01")
    assert found[2].period == found[3].period
    assert len({scheduled_command_id(period=due.period, job=JOB.name, subject=due.subject) for due in found}) == 5
    assert await office.fire() == [f"{day} {ADDED}" for day in days("2011-12-28", "2012-01-01")]


# What was missed ------------------------------------------------------------------------------------------------------


async def test_months_that_lack_a_day_have_their_last_and_all_that_was_missed_is_caught_up(own: Office) -> None:
    await own.user("u")
    await own.set("2031-12-31", frequency="monthly")
    assert await own.fire() == []
    await own.at(datetime(2032, 6, 29, 23, tzinfo=UTC))
    expected = ["2031-12-31", "2032-01-31", "2032-02-29", "2032-03-31", "2032-04-30", "2032-05-31"]
    assert await own.fire() == [f"{day} {ADDED}" for day in expected]
    assert await own.fire() == []
    await own.at(datetime(2032, 6, 30, tzinfo=UTC))
    assert await own.fire() == [f"2032-06-30 {ADDED}"]
    assert await own.made() == [(day, 500) for day in [*expected, "2032-06-30"]]


async def test_what_was_due_before_anybody_counts_days_from_is_caught_up_too(office: Office) -> None:
    await office.user("old")
    await office.set("1900-01-01", user_id="old", ends_on="1900-01-02")
    assert await office.fire() == [f"1900-01-01 {ADDED}", f"1900-01-02 {ADDED}"]


async def test_days_are_read_in_pages_each_once_whatever_is_applied_meanwhile(office: Office) -> None:
    await office.user("u")
    await office.user("v", "Asia/Kolkata")
    for page in (1, 3, 9):
        await office.set("2031-05-01", recurring_id=f"r{page}", ends_on="2031-05-15")
        await office.set("2031-05-09", user_id="v", recurring_id=f"a{page}", ends_on="2031-05-09")
        await office.set("2031-05-15", user_id="v", recurring_id=f"b{page}", ends_on="2031-05-15")
        read, place = list[str](), JOB.first
        while found := await JOB.due(office.connection, NOON, place, page):
            read += subjects(found)
            place = found[-1].place
            await office.tell(*map(said, found[: page - 1]))  # the last is in flight still
        expected = [f"u/r{page}/{day}" for day in days("2031-05-01", "2031-05-15")]
        assert sorted(read) == [*expected, f"v/a{page}/2031-05-09", f"v/b{page}/2031-05-15"]
        assert {each.partition(" ")[2] for each in await office.fire()} <= {ADDED}
        assert await office.due() == []


async def test_whatever_fires_twice_makes_a_day_once(office: Office) -> None:
    await office.user("twice")
    await office.set("2031-05-13", user_id="twice", recurring_id="twice")
    found = await office.due()
    ids = [scheduled_command_id(period=due.period, job=JOB.name, subject=due.subject) for due in found]
    expected = days("2031-05-13", "2031-05-15")
    same = [said(due, command_id) for due, command_id in zip(found, ids, strict=True)]
    first = await office.tell(same[0])
    assert [(each.subject, each.period) for each in await office.due()] == [
        (each.subject, each.period)
        for each in found[1:]  # so whoever looks later says the same
    ]
    told = [*first, *await office.tell(*same[1:])]
    assert [answer(each) for each in told] == [f"{day} {ADDED}" for day in expected]
    assert [each.kind for each in await office.tell(*same)] == [Kind.REPEAT] * 3
    others = await office.tell(*map(said, found), partition=1)
    assert [answer(each) for each in others] == [f"{day} already_materialised" for day in expected]
    assert await office.made("twice") == [(day, 500) for day in expected]


# What changes meanwhile -----------------------------------------------------------------------------------------------


async def test_what_is_behind_is_made_by_the_rule_that_stood_at_its_beginning(own: Office) -> None:
    await own.user("u")
    await own.set("2031-05-13")
    told = await own.set("2031-05-01", amount="7.00", frequency="weekly")
    assert told.body["effective_from"] == "2031-05-16"
    await own.at(NOON + timedelta(days=10))
    assert await own.fire() == [f"{day} {ADDED}" for day in [*days("2031-05-13", "2031-05-15"), "2031-05-22"]]
    assert await own.made() == [*((day, 500) for day in days("2031-05-13", "2031-05-15")), ("2031-05-22", 700)]
    stopped = RecurringStop(command_id=new_command_id(), user_id="u", recurring_id="r")
    await own.at(NOON + timedelta(days=14))
    assert (await own.one(stopped)).body["effective_from"] == "2031-05-30"
    await own.at(NOON + timedelta(days=100))
    assert await own.fire() == [f"2031-05-29 {ADDED}"]
    assert await own.due() == []


async def test_days_that_are_to_come_move_with_their_user_to_another_zone(own: Office) -> None:
    await own.user("u", "Pacific/Apia")
    await own.set("2031-05-15")
    assert await own.fire() == [f"2031-05-15 {ADDED}", f"2031-05-16 {ADDED}"]  # where it is the 16th by now
    moved = UserUpdate(command_id=new_command_id(), user_id="u", timezone="America/Caracas")
    assert (await own.one(moved)).type == "user.updated"
    await own.at(datetime(2031, 5, 17, 3, 59, tzinfo=UTC))
    assert await own.fire() == []
    await own.at(datetime(2031, 5, 17, 4, tzinfo=UTC))
    assert await own.fire() == [f"2031-05-17 {ADDED}"]


# Rates that are missing -----------------------------------------------------------------------------------------------


def rate(day: str) -> RateSet:
    return RateSet(command_id=new_command_id(), base="USD", quote="EUR", date=day, rate="0.9")


async def test_a_missing_rate_holds_up_no_other_day_and_is_tried_again_once_on_each_day(own: Office) -> None:
    await own.user("u")
    await own.tell(rate("2031-04-20"))
    await own.set("2031-03-25", frequency="monthly", currency="USD", amount="10.00")
    await own.set("2031-05-15", recurring_id="other")
    first = await own.fire()
    assert first == ["2031-03-25 rate_unknown", f"2031-04-25 {ADDED}", f"2031-05-15 {ADDED}"]
    for hours in (1, 11):
        await own.at(NOON + timedelta(hours=hours))
        assert await own.fire() == []
    for days_later in (1, 2):
        await own.at(datetime(2031, 5, 15, tzinfo=UTC) + timedelta(days=days_later))
        assert await own.fire() == [
            "2031-03-25 rate_unknown",
            f"{NOON.date() + timedelta(days=days_later)} {ADDED}",
        ]
        assert await own.fire() == []
    await own.tell(rate("2031-03-01"))
    await own.at(NOON + timedelta(days=3))
    assert await own.fire() == [f"2031-03-25 {ADDED}", f"2031-05-18 {ADDED}"]
    assert await own.made() == [("2031-03-25", 1000), ("2031-04-25", 1000)]
    assert await own.due() == []


# Plans ----------------------------------------------------------------------------------------------------------------

INDEXES: Final = {
    "due_recurring": ["recurring_due", "expense_user_pkey"],
}


@pytest.mark.parametrize("tables", ["SELECT", "VACUUM ANALYZE"], ids=["unknown", "a few rows"])
async def test_what_is_due_is_found_by_index_and_no_sort_stands_before_a_page(session: Connection, tables: str) -> None:
    await session.execute(tables)
    queries = named_queries("processor.expenses", "jobs.sql")
    assert {name: await reads(session, name, query) for name, query in queries.items()} == {
        name: sorted((index, True) for index in indexes) for name, indexes in INDEXES.items()
    }
    plan = [row[0] for row in await session.fetch("EXPLAIN EXECUTE due_recurring(NULL, NULL, NULL, NULL, NULL)")]
    under_limit = "\n".join(plan).partition("Limit")[2]
    assert "Index Scan using recurring_due" in under_limit
    assert "Sort" not in under_limit
