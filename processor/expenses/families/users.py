"""The rows of users, each the lock of everything below it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.expenses.values import User
from processor.moments import microseconds

_SQL = named_queries("processor.expenses.families", "users.sql")


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    user: User = row.value
    erased_us = None if user.erased_at is None else microseconds(user.erased_at)
    stamp = (microseconds(user.created_at), row.lane_no, row.seq, instant_us)
    return (user.user_no, user.last_change_no, *stamp, erased_us, user.user_id, user.base_currency, user.timezone)


def _changed(user: User) -> tuple[Any, ...]:
    return (user.user_no, user.timezone, user.last_change_no, user.erased_at)


SHELVES: Final = (
    Shelf(
        table=Table(
            "expense_user",
            user_no="int8",
            last_change_no="int8",
            created_at="timestamptz",
            lane_no="int4",
            seq="int8",
            decided_at="timestamptz",
            erased_at="timestamptz?",
            user_id="text",
            base_currency="text",
            timezone="text",
        ),
        update=_SQL["update_users"],
        made=_made,
        changed=_changed,
    ),
)


async def lock_users_in_tx(tx: Connection, user_ids: Collection[str]) -> tuple[ByKey, datetime | None]:
    """Lock users and return them by id, with the instant of the last change of anything below any of them."""
    records = await tx.fetch(_SQL["lock_users"], list(user_ids)) if user_ids else []
    fields = User.__struct_fields__
    rows: ByKey = {row["user_id"]: Shelved(User(*(row[name] for name in fields)), row["version"]) for row in records}
    return rows, max((row["decided_at"] for row in records), default=None)


async def user_numbers_in_tx(tx: Connection, count: int) -> Sequence[int]:
    """Return *count* numbers that no user has."""
    return [row["user_no"] for row in await tx.fetch(_SQL["user_numbers"], count)] if count else []
