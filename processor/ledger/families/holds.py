"""The rows of holds: each as it is, and every state it was in; and what the audit proves of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, by_lane, keys_cut_by
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.ledger.values import Hold
from processor.moments import microseconds

_SQL = named_queries("processor.ledger.families", "holds.sql")

Key = tuple[int, str]


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    hold: Hold = row.value
    parts = (hold.amount_minor, hold.captured_minor, hold.released_minor, hold.expired_minor)
    expires_us = None if hold.expires_at is None else microseconds(hold.expires_at)
    fixed = (
        hold.account_no,
        hold.reason,
        hold.status,
        *parts,
        hold.lapsed,
        instant_us,
        instant_us,
        row.lane_no,
        row.seq,
    )
    return (*fixed, expires_us, hold.hold_id)


def _changed(hold: Hold) -> tuple[Any, ...]:
    parts = (hold.amount_minor, hold.captured_minor, hold.released_minor, hold.expired_minor)
    return (hold.account_no, hold.hold_id, hold.status, *parts, hold.expires_at, hold.lapsed)


HOLDS: Final = Shelf(
    table=Table(
        "hold",
        account_no="int8",
        reason="int2",
        status="int2",
        amount_minor="int8",
        captured_minor="int8",
        released_minor="int8",
        expired_minor="int8",
        lapsed="bool",
        decided_at="timestamptz",
        placed_at="timestamptz",
        lane_no="int4",
        seq="int8",
        expires_at="timestamptz?",
        hold_id="text",
    ),
    update=_SQL["update_holds"],
    made=_made,
    changed=_changed,
)
SHELVES: Final = (HOLDS,)
TABLES: Final = (
    Table(
        "hold_version",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        account_no="int8",
        status="int2",
        amount_minor="int8",
        captured_minor="int8",
        released_minor="int8",
        expired_minor="int8",
        expires_at="timestamptz?",
        hold_id="text",
    ),
)


async def holds_in_tx(tx: Connection, keys: Sequence[Key]) -> ByKey:
    """Return holds of accounts that are locked, by account number and id."""
    records = await tx.fetch(_SQL["holds"], *map(list, zip(*keys, strict=True))) if keys else []
    return {(row["account_no"], row["hold_id"]): _hold(row) for row in records}


async def due_in_tx(
    tx: Connection, account_nos: Collection[int], instant: datetime
) -> tuple[ByKey, Mapping[int, datetime]]:
    """Return what is counted as held on locked accounts and has expired, and when the next on each account will."""
    due = await tx.fetch(_SQL["due_holds"], list(account_nos), instant)
    following = await tx.fetch(_SQL["next_expiries"], list(account_nos), instant)
    return {(row["account_no"], row["hold_id"]): _hold(row) for row in due}, dict(map(tuple, following))


def _hold(row: asyncpg.Record) -> Shelved:
    return Shelved(Hold(*(row[name] for name in Hold.__struct_fields__)), row["version"])


by_hold: Final = keys_cut_by(_SQL["next_hold_slice"], first=(-END, ""), last=(END, ""))

CHECKS: Final = (
    Check(
        name="holds",
        promise="Each hold is as its last version says and was placed by its first; what ended has nothing left.",
        parts=(Part(statement=_SQL["audit_holds"], slicing=by_hold),),
    ),
    Check(
        name="hold_versions",
        promise="Holds change by what was answered alone, not after end or expiry, and captures post what they take.",
        parts=(
            Part(statement=_SQL["audit_hold_versions"], slicing=by_hold),
            Part(statement=_SQL["audit_hold_answers"], slicing=by_lane),
        ),
    ),
)
