"""Draws a user's tax year for an export: the document that `partita report expenses` writes, as of a cut."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from partita.expense_report.writing import write_pdf
from processor.database import Connection
from processor.engine.cuts import Cut
from processor.engine.exporting import Drawn, Filters
from processor.expenses.exports import year_below
from processor.expenses.tax_rows import TaxRow


async def draw_year(connection: Connection, cut: Cut, filters: Filters, target: Path) -> Drawn:
    """Write the year that *filters* name as PDF to *target*; the same cut makes the same bytes.

    Raises:
        Declined: ``user_not_found``.
        OSError: *target* cannot be written.
    """
    sums = Counter[str]()

    async def counted(rows: AsyncIterator[TaxRow]) -> AsyncIterator[TaxRow]:
        async for row in rows:
            sums[row.currency] += row.amount_minor
            yield row

    async with year_below(connection, cut, filters) as (year, rows):
        await write_pdf(year, counted(rows), target)
    return Drawn(rows=year.expenses, sums=dict(sums))
