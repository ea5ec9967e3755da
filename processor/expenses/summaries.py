"""What a user has spent, by category (pie) and by month (line): read from sums alone.

Promise   Each read is of one moment. Sums are kept in the transaction of each expense, so they are what the expenses
          come to; no expense is looked at.
Cost      One statement each: the user and, by index, a row for each category and month that is shown. Other users,
          and other months of the same user, cost nothing.
Bound     ``TREND_MONTHS_MAX`` months in a trend.
"""

from collections import Counter
from datetime import date
from typing import Any, Final
from unicodedata import normalize

from msgspec import Struct

from processor.database import Connection, named_queries
from processor.errors import Declined
from processor.expenses.periods import month_at, months_between, year_at
from processor.expenses.reads import no_user
from processor.expenses.rules.views import amount_text, month_text

TREND_MONTHS_MAX: Final = 120
_PER_CENT: Final = 100
_PER_MILLE: Final = 1000

_SQL = named_queries("processor.expenses", "summaries.sql")


class CategorySum(Struct, frozen=True, kw_only=True):
    """A slice of the pie: *share* is its part in per cent with one decimal, half up; null where nothing was spent."""

    category: str
    spent: str
    expenses: int
    share: str | None


class CategoryMonth(CategorySum, frozen=True, kw_only=True):
    """A slice with its budget: *percent* is how much of *limit* is spent, rounded down; null for a limit of 0."""

    limit: str | None
    percent: int | None


class MonthSum(Struct, frozen=True, kw_only=True):
    """A point of the line."""

    month: str
    spent: str
    expenses: int


class MonthSummary(Struct, frozen=True, kw_only=True):
    """A month by category, the largest first; categories that have only a budget are there too."""

    user_id: str
    month: str
    base_currency: str
    total: str
    expenses: int
    categories: list[CategoryMonth]


class YearSummary(Struct, frozen=True, kw_only=True):
    """A calendar year by category, the largest first, and by each of its months."""

    user_id: str
    year: int
    base_currency: str
    total: str
    expenses: int
    categories: list[CategorySum]
    months: list[MonthSum]


class Trend(Struct, frozen=True, kw_only=True):
    """Each month from the first to the last, of one category or, where *category* is null, of all."""

    user_id: str
    base_currency: str
    category: str | None
    total: str
    expenses: int
    months: list[MonthSum]


class Cell(Struct, frozen=True):
    """What was spent in a month on a category, and the budget that holds there."""

    month: date
    category: str
    spent_minor: int
    expenses: int
    limit_minor: int | None

    @property
    def percent(self) -> int | None:
        """Return how much of the budget is spent, rounded down; None without a budget, or where it is 0."""
        return _PER_CENT * self.spent_minor // self.limit_minor if self.limit_minor else None


async def month_summary(connection: Connection, user_id: str, month: str) -> MonthSummary:
    """Return what a user has spent in *month*, written YYYY-MM.

    Raises:
        Declined: ``user_not_found``, or ``month_invalid``.
    """
    currency, cells = await month_cells(connection, user_id, month)
    sums = _Sums(currency)
    for cell in cells:
        sums.add(cell.category, cell)
    limits = {cell.category: cell.limit_minor for cell in cells}
    percents = {cell.category: cell.percent for cell in cells}
    return MonthSummary(
        user_id=user_id,
        month=month,
        base_currency=currency,
        **sums.totals(),
        categories=[
            CategoryMonth(
                **each,
                limit=None if (limit_minor := limits[each["category"]]) is None else amount_text(limit_minor, currency),
                percent=percents[each["category"]],
            )
            for each in sums.pie()
        ],
    )


async def month_cells(connection: Connection, user_id: str, month: str) -> tuple[str, list[Cell]]:
    """Return a user's currency, and a cell for each category with expenses or a budget in *month*, written YYYY-MM.

    Raises:
        Declined: ``user_not_found``, or ``month_invalid``.
    """
    return await _cells(connection, "month", user_id, month_at(month))


async def year_summary(connection: Connection, user_id: str, year: int) -> YearSummary:
    """Return what a user has spent in a calendar year.

    Raises:
        Declined: ``user_not_found``, or ``year_invalid``.
    """
    first, last = year_at(year)
    currency, cells = await _cells(connection, "months", user_id, first, last)
    by_category, by_month = _Sums(currency), _Sums(currency)
    for cell in cells:
        by_category.add(cell.category, cell)
        by_month.add(month_text(cell.month), cell)
    return YearSummary(
        user_id=user_id,
        year=year,
        base_currency=currency,
        **by_month.totals(),
        categories=[CategorySum(**each) for each in by_category.pie()],
        months=by_month.line(first, last),
    )


async def trend(connection: Connection, user_id: str, from_month: str, to_month: str, category: str = "") -> Trend:
    """Return what a user has spent in each month from one to another, written YYYY-MM; '' is all categories.

    Raises:
        Declined: ``user_not_found``, ``month_invalid``, ``window_invalid``, or ``window_too_large``.
    """
    first, last = month_at(from_month), month_at(to_month)
    if first > last:
        raise Declined("window_invalid", "The trend would end before it begins; exchange the two months.")
    if 12 * (last.year - first.year) + last.month - first.month >= TREND_MONTHS_MAX:
        raise Declined("window_too_large", f"A trend covers {TREND_MONTHS_MAX} months at most; ask for shorter ones.")
    name = normalize("NFC", category) or None
    currency, cells = await _cells(connection, "trend", user_id, first, last, name)
    sums = _Sums(currency)
    for cell in cells:
        sums.add(month_text(cell.month), cell)
    months = sums.line(first, last)
    return Trend(user_id=user_id, base_currency=currency, category=name, **sums.totals(), months=months)


async def _cells(connection: Connection, query: str, user_id: str, *arguments: object) -> tuple[str, list[Cell]]:
    """Return the user's currency, and what *query* finds."""
    rows = await connection.fetch(_SQL[query], user_id, *arguments)
    if not rows:
        raise no_user(user_id)
    found = [row for row in rows if row["expenses"] is not None]
    cells = [
        Cell(row["month"], row["category"], int(row["spent_minor"]), row["expenses"], row["limit_minor"])
        for row in found
    ]
    return rows[0]["base_currency"], cells


class _Sums:
    """What was spent in *currency*, by category or by month."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._spent_minor, self._expenses = Counter[str](), Counter[str]()

    def add(self, key: str, cell: Cell) -> None:
        self._spent_minor[key] += cell.spent_minor
        self._expenses[key] += cell.expenses

    def totals(self) -> dict[str, Any]:
        total = amount_text(self._spent_minor.total(), self._currency)
        return {"total": total, "expenses": self._expenses.total()}

    def pie(self) -> list[dict[str, Any]]:
        """Return the fields of a ``CategorySum`` for each category, the largest first."""
        total_minor = self._spent_minor.total()
        return [
            {"category": name, "share": _share(self._spent_minor[name], total_minor)} | self._sum(name)
            for name in sorted(self._spent_minor, key=lambda name: (-self._spent_minor[name], name))
        ]

    def line(self, first: date, last: date) -> list[MonthSum]:
        """Return a point for each month, those in which nothing was spent too."""
        names = map(month_text, months_between(first, last))
        return [MonthSum(month=name, **self._sum(name)) for name in names]

    def _sum(self, key: str) -> dict[str, Any]:
        return {"spent": amount_text(self._spent_minor[key], self._currency), "expenses": self._expenses[key]}


def _share(part_minor: int, whole_minor: int) -> str | None:
    if not whole_minor:
        return None
    per_mille = (2 * _PER_MILLE * part_minor + whole_minor) // (2 * whole_minor)
    return f"{per_mille // 10}.{per_mille % 10}"
