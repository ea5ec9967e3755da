"""The rows of sums: what a user has spent on a category in a month, kept in the transaction of each expense."""

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.expenses.values import Summary
from processor.moments import days

_SQL = named_queries("processor.expenses.families", "summaries.sql")


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    summary: Summary = row.value
    sums = (summary.spent_minor, summary.expenses, summary.told)
    return (summary.user_no, days(summary.month), *sums, instant_us, summary.category)


def _changed(summary: Summary) -> tuple[Any, ...]:
    return (summary.user_no, summary.month, summary.category, summary.spent_minor, summary.expenses, summary.told)


SHELVES: Final = (
    Shelf(
        table=Table(
            "expense_summary",
            user_no="int8",
            month="date",
            spent_minor="int8",
            expenses="int4",
            told="int2",
            decided_at="timestamptz",
            category="text",
        ),
        update=_SQL["update_summaries"],
        made=_made,
        changed=_changed,
    ),
)


async def summaries_in_tx(tx: Connection, keys: Collection[tuple[int, date, str]]) -> ByKey:
    """Return sums of users that are locked, by user number, month and category."""
    if not keys:
        return {}
    records = await tx.fetch(_SQL["summaries"], *(list(column) for column in zip(*keys, strict=True)))
    rows = [(Summary(*(row[name] for name in Summary.__struct_fields__)), row["version"]) for row in records]
    return {(each.user_no, each.month, each.category): Shelved(each, version) for each, version in rows}
