"""What a user has, as it is now: the user, one expense, recurring entries, categories. Nothing here locks or writes.

Promise   What is read was so at one moment. A user who was erased is read as one that never was: ``user_not_found``.
Cost      One statement each, of one or two index scans below the user; nothing grows with other users. A session that
          lasts is one of ``Database``: it looks up by index also where it made its plans while tables were small.
Bound     The latest ``SUMS`` sums for categories, ``ENTRIES`` recurring entries.
"""

from datetime import date
from typing import Any, Final

import asyncpg
from msgspec import Struct

from contracts.envelope import moment_text
from contracts.expenses import SUGGESTED_CATEGORIES, ExpenseFields
from contracts.recurring import Frequency
from processor.database import Connection, named_queries
from processor.errors import Declined
from processor.expenses.rules.views import amount_text, expense_fields
from processor.expenses.values import Expense, User
from processor.expenses.values import Frequency as Rhythm

SUMS: Final = 1000
ENTRIES: Final = 1000

_SQL = named_queries("processor.expenses", "reads.sql")


class UserRead(Struct, frozen=True, kw_only=True):
    """A user. *today* is the day that it is where the user is, *last_change_no* how many changes the feed has."""

    user_id: str
    base_currency: str
    timezone: str
    today: str
    last_change_no: int
    created_at: str


class ExpenseRead(ExpenseFields, frozen=True, kw_only=True):
    """An expense in one of its versions; one that is *deleted* has the fields that it had."""

    deleted: bool


class RecurringState(Struct, frozen=True, kw_only=True):
    """What was agreed of a recurring entry: holds from *effective_from* on, or ends it there where it *stopped*."""

    recurring_id: str
    user_id: str
    amount: str
    currency: str
    category: str
    frequency: Frequency
    starts_on: str
    ends_on: str | None
    notes: str
    effective_from: str
    stopped: bool
    change_no: int


class RecurringRead(RecurringState, frozen=True, kw_only=True):
    """A recurring entry: what was agreed of it last, and the first day whose expense was not made, or null."""

    next_on: str | None


async def user(connection: Connection, user_id: str) -> UserRead:
    """Return a user.

    Raises:
        Declined: ``user_not_found``.
    """
    row = await connection.fetchrow(_SQL["user"], user_id)
    if row is None:
        raise no_user(user_id)
    found = user_of(row)
    return UserRead(
        user_id=user_id,
        base_currency=found.base_currency,
        timezone=found.timezone,
        today=found.day(row["instant"]).isoformat(),
        last_change_no=found.last_change_no,
        created_at=moment_text(found.created_at),
    )


async def expense(connection: Connection, user_id: str, expense_id: str) -> ExpenseRead:
    """Return an expense as it is, a deleted one too.

    Raises:
        Declined: ``user_not_found``, or ``expense_not_found``.
    """
    row = await connection.fetchrow(_SQL["expense"], user_id, expense_id)
    if row is None:
        raise no_user(user_id)
    if row["expense_id"] is None:
        raise Declined("expense_not_found", f"The user has no expense {expense_id}; add it first, or correct the id.")
    return ExpenseRead(**expense_of(row))


async def categories(connection: Connection, user_id: str) -> list[str]:
    """Return the categories that a user has spent on, the most frequent first, then those that are suggested.

    Raises:
        Declined: ``user_not_found``.
    """
    rows = await connection.fetch(_SQL["categories"], user_id, SUMS)
    if not rows:
        raise no_user(user_id)
    used = [row["category"] for row in rows if row["category"] is not None]
    return [*used, *(each for each in SUGGESTED_CATEGORIES if each not in used)]


async def recurring(connection: Connection, user_id: str) -> list[RecurringRead]:
    """Return a user's recurring entries by their ids, stopped ones too.

    Raises:
        Declined: ``user_not_found``.
    """
    rows = await connection.fetch(_SQL["recurring"], user_id, ENTRIES)
    if not rows:
        raise no_user(user_id)
    entries = [row for row in rows if row["recurring_id"] is not None]
    return [RecurringRead(**recurring_of(row), next_on=day_text(row["next_on"])) for row in entries]


# What rows look like --------------------------------------------------------------------------------------------------


def no_user(user_id: str) -> Declined:
    """Return what is said where there is no user, or no more."""
    return Declined("user_not_found", f"No user has the id {user_id}, or it was erased; correct the id.")


def user_of(row: asyncpg.Record) -> User:
    """Return the user that a row is of."""
    return User(*(row[name] for name in User.__struct_fields__))


def expense_of(row: asyncpg.Record) -> dict[str, Any]:
    """Return the fields of an expense, or of one of its versions, as results show them, and whether it is deleted."""
    found = Expense(*(row[name] for name in Expense.__struct_fields__))
    return expense_fields(found, user_of(row)) | {"deleted": found.deleted}


def recurring_of(row: asyncpg.Record) -> dict[str, Any]:
    """Return the fields of a rule of a recurring entry, with its user's id."""
    return {
        "recurring_id": row["recurring_id"],
        "user_id": row["user_id"],
        "amount": amount_text(row["amount_minor"], row["currency"]),
        "currency": row["currency"],
        "category": row["category"],
        "frequency": Rhythm(row["frequency"]).name.lower(),
        "starts_on": row["starts_on"].isoformat(),
        "ends_on": day_text(row["ends_on"]),
        "notes": row["notes"],
        "effective_from": row["effective_from"].isoformat(),
        "stopped": row["stopped"],
        "change_no": row["change_no"],
    }


def day_text(day: date | None) -> str | None:
    """Return a day as it is written, or None for none."""
    return None if day is None else day.isoformat()
