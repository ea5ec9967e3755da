"""The rows of expenses: each as it is, and every version of it."""

from collections.abc import Sequence
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.expenses.values import Expense
from processor.moments import days

_SQL = named_queries("processor.expenses.families", "expenses.sql")
_TEXTS: Final = {
    "expense_id": "text",
    "category": "text",
    "currency": "text",
    "rate_over": "text",
    "rate_under": "text",
    "notes": "text",
    "device_id": "text?",
    "recurring_id": "text?",
}


def _texts(expense: Expense) -> tuple[str | None, ...]:
    return tuple(getattr(expense, name) for name in _TEXTS)


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    expense: Expense = row.value
    money = (expense.amount_minor, expense.base_minor)
    numbers = (expense.user_no, expense.version_no, expense.change_no)
    fixed = (*numbers, days(expense.date), *money, expense.deleted, instant_us)
    return (*fixed, *_texts(expense))


def _changed(expense: Expense) -> tuple[Any, ...]:
    money = (expense.amount_minor, expense.currency, expense.base_minor, expense.rate_over, expense.rate_under)
    place = (expense.user_no, expense.expense_id, expense.version_no, expense.change_no, expense.date, expense.category)
    return (*place, *money, expense.notes, expense.device_id, expense.deleted)


SHELVES: Final = (
    Shelf(
        table=Table(
            "expense",
            user_no="int8",
            version_no="int4",
            change_no="int8",
            date="date",
            amount_minor="int8",
            base_minor="int8",
            deleted="bool",
            decided_at="timestamptz",
            **_TEXTS,
        ),
        update=_SQL["update_expenses"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "expense_version",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        user_no="int8",
        change_no="int8",
        version_no="int4",
        date="date",
        amount_minor="int8",
        base_minor="int8",
        deleted="bool",
        **_TEXTS,
    ),
)


async def expenses_in_tx(tx: Connection, keys: Sequence[tuple[int, str]]) -> ByKey:
    """Return expenses of users that are locked, by user number and id."""
    if not keys:
        return {}
    records = await tx.fetch(_SQL["expenses"], *(list(column) for column in zip(*keys, strict=True)))
    fields = Expense.__struct_fields__
    return {
        (row["user_no"], row["expense_id"]): Shelved(Expense(*(row[name] for name in fields)), row["version"])
        for row in records
    }
