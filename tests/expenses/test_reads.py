"""What is read of users, held against the model: whatever was added, changed, deleted, set and stopped before."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest

from contracts.expenses import SUGGESTED_CATEGORIES
from processor.database import Connection
from processor.errors import Declined
from processor.expenses import feed, lists, reads
from processor.expenses.lists import ExpensesQuery
from processor.expenses.progress import progress
from processor.expenses.summaries import TREND_MONTHS_MAX, month_summary, trend, year_summary
from processor.expenses.tax_year import tax_year
from tests.expenses.expected_reads import budgets_of, counted, nothing, share, sums_of, total
from tests.expenses.model import Model
from tests.expenses.model_money import money, units
from tests.expenses.model_state import User, view
from tests.expenses.reading import DAYS, FEED, FIRST, LIST, Json, Story, expenses_desk, saying

YEARS: Final = (2023, 2024, 2025)
MONTHS: Final = [f"{year}-{month:02}" for year in YEARS for month in range(1, 13)]
ALL: Final = ExpensesQuery(since=FIRST, until=FIRST + timedelta(days=DAYS), limit=1000)


@pytest.fixture(scope="module")
def model(database_url: str) -> Model:
    """Return what was written into the module's database."""

    async def write() -> Model:
        async with expenses_desk(database_url) as desk:
            story = Story(desk)
            await story.begin(("ada", "EUR"), ("bob", "JPY"), ("cyd", "KWD"), ("eve", "EUR"))
            await story.go_on("ada", batches=8)
            await story.go_on("bob", batches=4)
            await story.go_on("eve", batches=1)
            gone = {"amount": "1", "currency": "EUR", "category": "Gone", "date": "2024-03-03"}
            await story.tell(saying("expense.add", expense_id="gone", user_id="ada", **gone))
            await story.tell(saying("expense.delete", expense_id="gone", user_id="ada", base_version=1))
            await story.tell(saying("user.erase", user_id="eve"))
            return story.model

    return asyncio.run(write())


@pytest.fixture(params=["ada", "bob", "cyd"])
def user(model: Model, request: pytest.FixtureRequest) -> User:
    return model.users[request.param]


# One thing, and lists of them -----------------------------------------------------------------------------------------


async def test_a_user_and_each_expense_are_read_as_they_are(connection: Connection, user: User) -> None:
    found = await reads.user(connection, user.id)
    assert (found.base_currency, found.timezone, found.last_change_no) == (user.base, user.zone, len(user.feed))
    for each in user.expenses.values():
        as_read = msgspec.to_builtins(await reads.expense(connection, user.id, each.id))
        assert as_read == view(user, each) | {"deleted": each.deleted}


async def test_today_is_the_day_where_the_user_is(connection: Connection, database_url: str) -> None:
    async with expenses_desk(database_url) as desk:
        for name, zone in (("east", "Pacific/Kiritimati"), ("west", "Pacific/Niue")):
            await Story(desk).tell(saying("user.create", user_id=name, base_currency="EUR", timezone=zone))
    east, west = [date.fromisoformat((await reads.user(connection, name)).today) for name in ("east", "west")]
    assert east - west in (timedelta(days=1), timedelta(days=2))  # 25 hours apart


async def listed(connection: Connection, user_id: str, query: ExpensesQuery) -> list[list[Json]]:
    """Return the pages of a list."""
    page = await lists.expenses(connection, user_id, query, seal=LIST)
    pages = [page.expenses]
    while page.next_token is not None:
        page = await lists.expenses(connection, user_id, page.next_token, seal=LIST)
        pages.append(page.expenses)
    return [msgspec.to_builtins(each) for each in pages]


@pytest.mark.parametrize("category", ["", "Food", "Cafe\u0301", "nothing"])
async def test_a_list_has_each_expense_of_its_days_once_the_latest_first(
    connection: Connection, user: User, category: str
) -> None:
    query = ExpensesQuery(since=date(2024, 2, 10), until=date(2024, 11, 20), category=category, limit=7)
    pages = await listed(connection, user.id, query)
    shown = [each for page in pages for each in page]
    name = {"Cafe\u0301": "Café"}.get(category, category)
    expected = {
        each.id: view(user, each) | {"deleted": False}
        for each in user.expenses.values()
        if not each.deleted and query.since <= each.day <= query.until and name in ("", each.category)
    }
    assert {each["expense_id"]: each for each in shown} == expected
    assert len(shown) == len(expected)
    assert [each["date"] for each in shown] == sorted((each["date"] for each in shown), reverse=True)
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)


def replace_limit(query: ExpensesQuery, limit: int) -> ExpensesQuery:
    return msgspec.structs.replace(query, limit=limit)


async def test_categories_are_those_used_the_most_frequent_first_then_the_suggested(
    connection: Connection, user: User
) -> None:
    numbers = Counter(each.category for each in counted(user, MONTHS))
    used = sorted(numbers, key=lambda name: (-numbers[name], name))
    rest = [name for name in SUGGESTED_CATEGORIES if name not in used]
    assert await reads.categories(connection, user.id) == used + rest


async def test_recurring_entries_are_read_as_they_were_agreed_on_last(connection: Connection, user: User) -> None:
    told = {body["recurring_id"]: body for body in user.feed if body["type"].startswith("recurring.")}
    expected = [
        {name: value for name, value in told[each].items() if name != "type"}
        | {"next_on": str(recurring.next_on() or "") or None, "stopped": told[each]["type"] == "recurring.stopped"}
        for each, recurring in sorted(user.recurring.items())
    ]
    assert msgspec.to_builtins(await reads.recurring(connection, user.id)) == expected


# Sums -----------------------------------------------------------------------------------------------------------------


async def test_a_month_is_what_its_expenses_sum_up_to_with_its_budgets(connection: Connection, user: User) -> None:
    for month in MONTHS:
        found, budgets = await month_summary(connection, user.id, month), budgets_of(user, month)
        spent = sums_of(user, counted(user, [month]), lambda each: each.category)
        assert found.total == total(user, counted(user, [month]))
        assert found.expenses == len(counted(user, [month]))
        assert {each.category for each in found.categories} == spent.keys() | budgets.keys()
        for each in found.categories:
            assert (each.spent, each.expenses) == spent.get(each.category, nothing(user))
            assert each.share == share(each.spent, found.total)
            assert (each.limit, each.percent) == budgets.get(each.category, (None, None))
        amounts = [Decimal(each.spent) for each in found.categories]
        assert amounts == sorted(amounts, reverse=True)


async def test_budgets_stand_as_what_was_spent_of_them(connection: Connection, user: User) -> None:
    for month in MONTHS:
        found = (await progress(connection, user.id, month)).budgets
        expected = budgets_of(user, month)
        assert {each.category: (each.limit, each.percent) for each in found} == expected
        assert [each.category for each in found] == sorted(expected)
        assert [each.spent for each in found] == [
            money(user.spent(each, month), user.base) for each in sorted(expected)
        ]


async def test_a_budget_is_told_in_a_line(database_url: str) -> None:
    async with expenses_desk(database_url) as desk:
        story = Story(desk)
        await story.begin(("fay", "EUR"))
        place = {"user_id": "fay", "currency": "EUR", "date": "2026-07-03"}
        await story.tell(
            saying("budget.set", user_id="fay", category="Food", limit="500"),
            saying("budget.set", user_id="fay", category="Fun", limit="0"),
            saying("budget.set", user_id="fay", category="Fun", month="2026-08", limit="3"),
            saying("expense.add", expense_id="1", category="Food", amount="320", **place),
            saying("expense.add", expense_id="2", category="Fun", amount="1.5", **place),
        )
        july = await progress(desk.connection, "fay", "2026-07")
        assert [each.line for each in july.budgets] == ["Food: 320.00 of 500.00, 64 %", "Fun: 1.50 of 0.00"]
        august = await progress(desk.connection, "fay", "2026-08")
        assert [each.line for each in august.budgets] == ["Food: 0.00 of 500.00, 0 %", "Fun: 0.00 of 3.00, 0 %"]


async def test_a_year_is_its_categories_and_each_of_its_months(connection: Connection, user: User) -> None:
    for year in YEARS:
        found = await year_summary(connection, user.id, year)
        of_it = counted(user, [month for month in MONTHS if month.startswith(str(year))])
        assert found.total == total(user, of_it)
        by_category = sums_of(user, of_it, lambda each: each.category)
        assert {each.category: (each.spent, each.expenses) for each in found.categories} == by_category
        assert [each.share for each in found.categories] == [
            share(each.spent, found.total) for each in found.categories
        ]
        by_month = sums_of(user, of_it, lambda each: each.month)
        expected = [
            (f"{year}-{number:02}", *by_month.get(f"{year}-{number:02}", nothing(user))) for number in range(1, 13)
        ]
        assert [msgspec.structs.astuple(each) for each in found.months] == expected


@pytest.mark.parametrize("category", ["", "Food", "Cafe\u0301"])
async def test_a_trend_has_a_point_for_every_month_from_the_first_to_the_last(
    connection: Connection, user: User, category: str
) -> None:
    name = {"Cafe\u0301": "Café"}.get(category, category)
    found = await trend(connection, user.id, "2023-11", "2025-02", category)
    months = MONTHS[MONTHS.index("2023-11") : MONTHS.index("2025-02") + 1]
    of_it = [each for each in counted(user, months) if name in ("", each.category)]
    by_month = sums_of(user, of_it, lambda each: each.month)
    assert [msgspec.structs.astuple(each) for each in found.months] == [
        (month, *by_month.get(month, nothing(user))) for month in months
    ]
    assert (found.category or "", found.expenses) == (name, len(of_it))
    assert found.total == total(user, of_it)


# Tax years ------------------------------------------------------------------------------------------------------------


async def test_a_tax_year_has_its_expenses_in_their_order_and_sums_up_to_them(
    connection: Connection, user: User
) -> None:
    for year in YEARS:
        of_it = counted(user, [month for month in MONTHS if month.startswith(str(year))])
        async with tax_year(connection, user.id, year) as (summed, rows):
            found = [row async for row in rows]
        of_it.sort(key=lambda each: (each.day, each.id))
        assert [(row.date, row.expense_id) for row in found] == [(each.day, each.id) for each in of_it]
        assert [(row.base_minor, row.rate, row.notes) for row in found] == [
            (units(each.base, user.base), each.ratio.shown, each.notes) for each in of_it
        ]
        told = {each.category: (each.expenses, each.base_minor) for each in summed.categories}
        assert told == {
            name: (
                sum(row.category == name for row in found),
                sum(row.base_minor for row in found if row.category == name),
            )
            for name in {row.category for row in found}
        }
        assert (summed.expenses, summed.total_minor) == (len(found), sum(row.base_minor for row in found))


# What is not given ----------------------------------------------------------------------------------------------------

Reading = Callable[[Connection, str], Awaitable[Any]]


async def _tax_year(connection: Connection, user_id: str) -> None:
    async with tax_year(connection, user_id, 2024):
        pass


EVERY_READ: Final[list[Reading]] = [
    reads.user,
    lambda connection, user_id: reads.expense(connection, user_id, "E1"),
    reads.categories,
    reads.recurring,
    lambda connection, user_id: lists.expenses(connection, user_id, ALL, seal=LIST),
    lambda connection, user_id: month_summary(connection, user_id, "2024-05"),
    lambda connection, user_id: progress(connection, user_id, "2024-05"),
    lambda connection, user_id: year_summary(connection, user_id, 2024),
    lambda connection, user_id: trend(connection, user_id, "2024-05", "2024-05"),
    lambda connection, user_id: feed.changes(connection, user_id, seal=FEED),
    _tax_year,
]


async def refusal(reading: Awaitable[Any]) -> str:
    with pytest.raises(Declined) as declined:
        await reading
    return declined.value.code


@pytest.mark.parametrize("user_id", ["eve", "nobody"])
async def test_nothing_is_read_of_a_user_who_was_erased_or_never_was(
    connection: Connection, model: Model, user_id: str
) -> None:
    assert model.users["eve"].erased
    codes = [await refusal(read(connection, user_id)) for read in EVERY_READ]
    assert codes == ["user_not_found"] * len(EVERY_READ)


async def test_what_cannot_be_read_is_declined_by_its_reason(connection: Connection, model: Model) -> None:
    some = next(iter(model.users["ada"].expenses))
    token = (await lists.expenses(connection, "ada", replace_limit(ALL, 1), seal=LIST)).next_token
    assert token is not None
    for code, reading in (
        ("expense_not_found", reads.expense(connection, "bob", some)),
        ("month_invalid", month_summary(connection, "ada", "2024-13")),
        ("month_invalid", progress(connection, "ada", "1899-12")),
        ("month_invalid", trend(connection, "ada", "2024-1", "2024-02")),
        ("year_invalid", year_summary(connection, "ada", 9999)),
        ("window_invalid", trend(connection, "ada", "2024-02", "2024-01")),
        ("window_too_large", trend(connection, "ada", "2014-01", "2024-01")),
        ("window_invalid", lists.expenses(connection, "ada", backwards(ALL), seal=LIST)),
        ("limit_invalid", lists.expenses(connection, "ada", replace_limit(ALL, 0), seal=LIST)),
        ("limit_invalid", lists.expenses(connection, "ada", replace_limit(ALL, 51), seal=LIST, rows_max=50)),
        ("token_invalid", lists.expenses(connection, "bob", token, seal=LIST)),
        ("token_invalid", lists.expenses(connection, "ada", token[:-1], seal=LIST)),
    ):
        assert await refusal(reading) == code
    assert len((await trend(connection, "ada", "2014-02", "2024-01")).months) == TREND_MONTHS_MAX


def backwards(query: ExpensesQuery) -> ExpensesQuery:
    return msgspec.structs.replace(query, since=query.until, until=query.since)
