"""The rows of budgets: each as it is, and every change of it."""

from collections.abc import Collection
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.expenses.tracker import EVERY_MONTH
from processor.expenses.values import Budget
from processor.moments import days

_SQL = named_queries("processor.expenses.families", "budgets.sql")


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    budget: Budget = row.value
    month = None if budget.month is None else days(budget.month)
    return (budget.user_no, instant_us, month, budget.limit_minor, budget.category)


def _changed(budget: Budget) -> tuple[Any, ...]:
    return (budget.user_no, budget.category, budget.month, budget.limit_minor)


SHELVES: Final = (
    Shelf(
        table=Table(
            "budget", user_no="int8", decided_at="timestamptz", month="date?", limit_minor="int8?", category="text"
        ),
        update=_SQL["update_budgets"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "budget_version",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        user_no="int8",
        change_no="int8",
        month="date?",
        limit_minor="int8?",
        category="text",
    ),
)


async def budgets_in_tx(tx: Connection, keys: Collection[tuple[int, str]]) -> ByKey:
    """Return all budgets of categories, each of a user who is locked, by user number, category and month."""
    if not keys:
        return {}
    records = await tx.fetch(_SQL["budgets"], *(list(column) for column in zip(*keys, strict=True)))
    rows = [(Budget(*(row[name] for name in Budget.__struct_fields__)), row["version"]) for row in records]
    return {
        (each.user_no, each.category, each.month.isoformat() if each.month else EVERY_MONTH): Shelved(each, version)
        for each, version in rows
    }
