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
    user_nos, ids, next_days = ([row[name] for row in records] for name in ("user_no", "recurring_id", "next_on"))
    rules = await rules_of(tx, user_nos, ids)
    made = await days_made(tx, user_nos, ids, next_days)
    return {(row["user_no"], row["recurring_id"]): Shelved(_entry(row, rules, made), row["version"]) for row in records}


async def rules_of(
    connection: Connection, user_nos: Sequence[int], ids: Sequence[str]
) -> Mapping[Key, Sequence[RecurringRule]]:
    """Return the rules of recurring entries, in the order in which they were agreed."""
    rules: dict[Key, list[RecurringRule]] = {}
    for row in await connection.fetch(_SQL["recurring_rules"], user_nos, ids):
        rule = RecurringRule(*(row[name] for name in RecurringRule.__struct_fields__))
        rules.setdefault((row["user_no"], row["recurring_id"]), []).append(rule)
    return rules


async def days_made(
    connection: Connection, user_nos: Sequence[int], ids: Sequence[str], next_days: Sequence[date | None]
) -> Mapping[Key, Sequence[date]]:
    """Return the days of recurring entries that are made behind their *next_days*, and the last of all."""
    made: dict[Key, list[date]] = {}
    for row in await connection.fetch(_SQL["recurring_made"], user_nos, ids, next_days):
        made.setdefault((row["user_no"], row["recurring_id"]), []).append(row["date"])
    return made


def _entry(
    row: asyncpg.Record,
    rules: Mapping[Key, Sequence[RecurringRule]],
    made: Mapping[Key, Sequence[date]],
) -> Recurring:
    key = (row["user_no"], row["recurring_id"])
    made_days = made.get(key, ())
    next_on: date | None = row["next_on"]
    return Recurring(
        user_no=row["user_no"],
        recurring_id=row["recurring_id"],
        rules=tuple(rules[key]),
        next_on=next_on,
        next_due_at=row["next_due_at"],
        made=frozenset(day for day in made_days if next_on is None or day > next_on),
        last_made=max(made_days, default=None),
    )
