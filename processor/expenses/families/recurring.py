"""The rows of recurring entries: where each stands, its rules, and the days whose expenses were made."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import asyncpg

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.expenses.values import Recurring, RecurringRule
from processor.moments import days, microseconds

_SQL = named_queries("processor.expenses.families", "recurring.sql")

Key = tuple[int, str]


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    entry: Recurring = row.value
    next_on = None if entry.next_on is None else days(entry.next_on)
    next_us = None if entry.next_due_at is None else microseconds(entry.next_due_at)
    return (entry.user_no, len(entry.rules), instant_us, next_on, next_us, entry.recurring_id)


def _changed(entry: Recurring) -> tuple[Any, ...]:
    return (entry.user_no, entry.recurring_id, len(entry.rules), entry.next_on, entry.next_due_at)


SHELVES: Final = (
    Shelf(
        table=Table(
            "recurring",
            user_no="int8",
            rules="int4",
            decided_at="timestamptz",
            next_on="date?",
            next_due_at="timestamptz?",
            recurring_id="text",
        ),
        update=_SQL["update_recurring"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "recurring_rule",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        user_no="int8",
        change_no="int8",
        rule_no="int4",
        effective_from="date",
        amount_minor="int8",
        frequency="int2",
        starts_on="date",
        stopped="bool",
        ends_on="date?",
        recurring_id="text",
        currency="text",
        category="text",
        notes="text",
    ),
    Table(
        "recurring_entry",
        lane_no="int4",
        seq="int8",
        made_at="timestamptz",
        user_no="int8",
        date="date",
        recurring_id="text",
        expense_id="text",
    ),
)


async def recurring_in_tx(tx: Connection, keys: Sequence[Key], moving: Sequence[int]) -> ByKey:
    """Return recurring entries of users that are locked: those named by *keys*, and all of the users *moving*."""
    if not keys and not moving:
        return {}
    named = [list(column) for column in zip(*keys, strict=True)] or [[], []]
    records = await tx.fetch(_SQL["recurring"], *named, list(moving))
    found = [[row["user_no"] for row in records], [row["recurring_id"] for row in records]]
    rules = _by_entry(await tx.fetch(_SQL["recurring_rules"], *found))
    made = _by_entry(await tx.fetch(_SQL["recurring_made"], *found, [row["next_on"] for row in records]))
    return {(row["user_no"], row["recurring_id"]): Shelved(_entry(row, rules, made), row["version"]) for row in records}


def _by_entry(records: Sequence[asyncpg.Record]) -> Mapping[Key, Sequence[asyncpg.Record]]:
    rows: dict[Key, list[asyncpg.Record]] = {}
    for row in records:
        rows.setdefault((row["user_no"], row["recurring_id"]), []).append(row)
    return rows


def _entry(
    row: asyncpg.Record,
    rules: Mapping[Key, Sequence[asyncpg.Record]],
    made: Mapping[Key, Sequence[asyncpg.Record]],
) -> Recurring:
    key = (row["user_no"], row["recurring_id"])
    days_made: list[date] = [each["date"] for each in made.get(key, ())]
    next_on: date | None = row["next_on"]
    return Recurring(
        user_no=row["user_no"],
        recurring_id=row["recurring_id"],
        rules=tuple(rule_of_row(each) for each in rules[key]),
        next_on=next_on,
        next_due_at=row["next_due_at"],
        made=frozenset(day for day in days_made if next_on is None or day > next_on),
        last_made=max(days_made, default=None),
    )


def rule_of_row(row: asyncpg.Record) -> RecurringRule:
    """Return the rule of a row."""
    return RecurringRule(*(row[name] for name in RecurringRule.__struct_fields__))
