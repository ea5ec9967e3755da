"""How a user's budgets stand in a month.

Promise   A budget and what was spent of it are of one moment. A month's own budget holds before every month's.
Cost      One statement, of index scans on the month alone.
"""

from msgspec import Struct

from processor.database import Connection
from processor.expenses.rules.views import amount_text
from processor.expenses.summaries import Cell, month_cells


class BudgetLine(Struct, frozen=True, kw_only=True):
    """A budget, in words too: *line* is such as ``Food: 320.00 of 500.00, 64 %``.

    *percent* is how much of *limit* is spent, rounded down; null for a limit of 0.
    """

    category: str
    limit: str
    spent: str
    percent: int | None
    line: str


class Progress(Struct, frozen=True, kw_only=True):
    """The budgets that hold in a month, by category."""

    user_id: str
    month: str
    base_currency: str
    budgets: list[BudgetLine]


async def progress(connection: Connection, user_id: str, month: str) -> Progress:
    """Return how the budgets that a user has in *month*, written YYYY-MM, stand.

    Raises:
        Declined: ``user_not_found``, or ``month_invalid``.
    """
    currency, cells = await month_cells(connection, user_id, month)
    lines = [_line(cell, cell.limit_minor, currency) for cell in cells if cell.limit_minor is not None]
    lines.sort(key=lambda each: each.category)
    return Progress(user_id=user_id, month=month, base_currency=currency, budgets=lines)


def _line(cell: Cell, limit_minor: int, currency: str) -> BudgetLine:
    spent, limit = amount_text(cell.spent_minor, currency), amount_text(limit_minor, currency)
    part = "" if cell.percent is None else f", {cell.percent} %"
    line = f"{cell.category}: {spent} of {limit}{part}"
    return BudgetLine(category=cell.category, limit=limit, spent=spent, percent=cell.percent, line=line)
