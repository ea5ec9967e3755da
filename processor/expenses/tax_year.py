"""A user's tax year: what it sums up to, and its expenses one after the other, all of one snapshot.

Promise   Totals are those of the rows that follow, whatever is written meanwhile.
Cost      One read-only transaction, which ends with the last row: the user, the totals, and a cursor over the year's
          part of the index.
Bound     ``ROWS`` rows in memory.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from typing import Final

from processor.database import Connection, named_queries
from processor.expenses.converting import Ratio
from processor.expenses.periods import year_at
from processor.expenses.reads import no_user
from processor.expenses.tax_rows import CategoryTotal, TaxRow, TaxYear

ROWS: Final = 1000

_SQL = named_queries("processor.expenses", "tax_year.sql")


@asynccontextmanager
async def tax_year(
    connection: Connection, user_id: str, year: int
) -> AsyncIterator[tuple[TaxYear, AsyncIterator[TaxRow]]]:
    """Hand out a calendar year and its rows, in the order of (date, expense_id), which can be read inside the block.

    Raises:
        Declined: ``user_not_found``, or ``year_invalid``.
    """
    first, last = year_at(year)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(connection.transaction(isolation="repeatable_read", readonly=True))
        await connection.execute(_SQL["settle_tax_year"])
        found = await connection.fetchrow(_SQL["tax_user"], user_id)
        if found is None:
            raise no_user(user_id)
        totals = await connection.fetch(_SQL["tax_totals"], found["user_no"], first, last)
        categories = [
            CategoryTotal(category=row["category"], expenses=row["expenses"], base_minor=int(row["base_minor"]))
            for row in totals
        ]
        summed = TaxYear(
            user_id=user_id,
            base_currency=found["base_currency"],
            year=year,
            taken_at=found["instant"],
            categories=categories,
            expenses=sum(each.expenses for each in categories),
            total_minor=sum(each.base_minor for each in categories),
        )
        yield summed, _rows(connection, found["user_no"], first, last, stack)


async def _rows(
    connection: Connection, user_no: int, first: date, last: date, transaction: AsyncExitStack
) -> AsyncIterator[TaxRow]:
    async for row in connection.cursor(_SQL["tax_rows"], user_no, first, last, prefetch=ROWS):
        yield TaxRow(
            date=row["date"],
            category=row["category"],
            notes=row["notes"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            base_minor=row["base_minor"],
            rate=Ratio(row["rate_over"], row["rate_under"]).shown(),
            expense_id=row["expense_id"],
        )
    await transaction.aclose()  # whoever draws a document of them may take long
