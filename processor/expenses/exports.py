"""What can be exported of expenses: a user's calendar year as of a cut, as CSV or as a document that somebody draws.

Promise   What was changed or deleted above the cut is as it was below; what an erasure has taken is gone in every cut.
Cost      One look through all versions of a user's expenses, by the primary key.
Bound     A document: the rows of a year in memory.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

import asyncpg
from msgspec import Struct

from contracts.envelope import YEARS
from contracts.specs import EXPENSES
from processor.database import Connection, named_queries
from processor.engine.cuts import Cut
from processor.engine.export_filters import is_id
from processor.engine.export_view import CutView, view_of
from processor.engine.exporting import Cell, Column, Draw, ExportKind, Filter, Filters, Slice, copied
from processor.expenses.periods import year_at
from processor.expenses.reads import no_user
from processor.expenses.tax_rows import CategoryTotal, TaxRow, TaxYear

_COLUMNS: Final = (
    Column(name="date", cell=Cell.DATE, about="The day of the expense."),
    Column(name="category", cell=Cell.TEXT, about="Its category."),
    Column(name="notes", cell=Cell.TEXT, about="What the user noted."),
    Column(name="amount", cell=Cell.AMOUNT, about="What was spent."),
    Column(name="currency", cell=Cell.CURRENCY, about="The currency that it was spent in."),
    Column(name="base_amount", cell=Cell.AMOUNT, about="The same in the user's currency."),
    Column(name="base_currency", cell=Cell.CURRENCY, about="The user's currency."),
    Column(name="rate", cell=Cell.NUMBER, about="What one of the currency is worth in the user's."),
    Column(name="expense_id", cell=Cell.ID, about="The expense."),
)
_YEAR: Final = re.compile("[0-9]{4}")

_SQL: Final = named_queries("processor.expenses", "exports.sql")


class _Asked(Struct, frozen=True):
    """A year of a user as of a cut."""

    user_no: int
    base_currency: str
    year: int
    first: date
    last: date
    view: CutView


def kinds_of(drawn: Mapping[str, Draw]) -> Sequence[ExportKind]:
    """Return what can be exported of expenses; *drawn* are the documents that a year is drawn as, by format."""
    return (
        ExportKind(
            name="expenses",
            context=EXPENSES,
            about="A user's expenses of a calendar year without deleted ones. Once a user is erased, a cut from before "
            "shows amounts and days as they were, and texts no more. Rows follow each other by date and id.",
            columns=_COLUMNS,
            filters={
                "user_id": Filter(about="a user", fits=is_id, is_required=True),
                "year": Filter(about="a calendar year, written YYYY", fits=_is_year, is_required=True),
            },
            slices=_slices,
            drawn=drawn,
        ),
    )


def _is_year(text: str) -> bool:
    return _YEAR.fullmatch(text) is not None and int(text) in YEARS


async def _slices(connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
    """Yield the year; the versions of a user are looked through once.

    Raises:
        Declined: ``user_not_found``.
    """
    asked = await _ask(connection, cut, filters)
    arguments = (asked.user_no, asked.base_currency, asked.first, asked.last, *asked.view.arrays)
    yield Slice(rows=copied(_SQL["expense_rows"]), sums=_SQL["expense_rows_summed"], arguments=arguments)


@asynccontextmanager
async def year_below(
    connection: Connection, cut: Cut, filters: Filters
) -> AsyncIterator[tuple[TaxYear, AsyncIterator[TaxRow]]]:
    """Hand out the year that an export is asked for as of *cut*, and its rows, which can be read inside the block.

    Raises:
        Declined: ``user_not_found``.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):  # an erasure may come between
        asked = await _ask(connection, cut, filters)
        arguments = (asked.user_no, asked.first, asked.last, *asked.view.arrays)
        totals = [
            CategoryTotal(category=row["category"], expenses=row["expenses"], base_minor=int(row["base_minor"]))
            for row in await connection.fetch(_SQL["expense_totals"], *arguments)
        ]
        rows = await connection.fetch(_SQL["expense_values"], *arguments)
    summed = TaxYear(
        user_id=filters["user_id"],
        base_currency=asked.base_currency,
        year=asked.year,
        taken_at=asked.view.instant,
        categories=totals,
        expenses=sum(each.expenses for each in totals),
        total_minor=sum(each.base_minor for each in totals),
    )
    yield summed, _tax_rows(rows)


async def _tax_rows(rows: Sequence[asyncpg.Record]) -> AsyncIterator[TaxRow]:
    for row in rows:
        yield TaxRow(**dict(row))


async def _ask(connection: Connection, cut: Cut, filters: Filters) -> _Asked:
    view, year = await view_of(connection, cut), int(filters["year"])
    user = await connection.fetchrow(_SQL["user_below"], filters["user_id"], *view.arrays)
    if user is None:
        raise no_user(filters["user_id"])
    return _Asked(user["user_no"], user["base_currency"], year, *year_at(year), view)
