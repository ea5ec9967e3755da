"""The rows of advances: each and its payments as they are, every state a payment was in; and what the audit proves.

The watchdog asks here which advances do not sum up.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, by_lane, keys_cut_by, once
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import Shelved, Shelves
from processor.ledger.lending import Advance, Payment
from processor.moments import days, microseconds

_SQL = named_queries("processor.ledger.families", "advances.sql")

Key = tuple[int, str]
PAGE: Final = 5000  # advances that the watchdog judges in one statement
_ROWS_PER_ADVANCE: Final = 32  # payments and their versions, about


def _made_advance(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    advance: Advance = row.value
    money = (advance.amount_minor, advance.outstanding_minor, advance.written_off_minor)
    numbers = (advance.payments, advance.granted_in, advance.interval_days)
    stamp = (microseconds(advance.granted_at), row.lane_no, row.seq, instant_us)
    return (advance.account_no, advance.status, *money, *numbers, *stamp, advance.advance_id)


def _changed_advance(advance: Advance) -> tuple[Any, ...]:
    money = (advance.outstanding_minor, advance.written_off_minor)
    return (advance.account_no, advance.advance_id, advance.status, *money, advance.payments)


def _made_payment(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    payment: Payment = row.value
    place = (payment.account_no, payment.payment_no, days(payment.due), payment.status)
    return (*place, payment.amount_minor, payment.paid_minor, instant_us, payment.moved_to, payment.advance_id)


def _changed_payment(payment: Payment) -> tuple[Any, ...]:
    money = (payment.amount_minor, payment.paid_minor)
    return (payment.account_no, payment.advance_id, payment.payment_no, payment.status, *money, payment.moved_to)


SHELVES: Final = (
    Shelf(
        table=Table(
            "advance",
            account_no="int8",
            status="int2",
            amount_minor="int8",
            outstanding_minor="int8",
            written_off_minor="int8",
            payments="int4",
            granted_in="int4",
            interval_days="int4",
            granted_at="timestamptz",
            lane_no="int4",
            seq="int8",
            decided_at="timestamptz",
            advance_id="text",
        ),
        update=_SQL["update_advances"],
        made=_made_advance,
        changed=_changed_advance,
    ),
    Shelf(
        table=Table(
            "advance_payment",
            account_no="int8",
            payment_no="int4",
            due="date",
            status="int2",
            amount_minor="int8",
            paid_minor="int8",
            decided_at="timestamptz",
            moved_to="int4?",
            advance_id="text",
        ),
        update=_SQL["update_advance_payments"],
        made=_made_payment,
        changed=_changed_payment,
    ),
)
TABLES: Final = (
    Table(
        "advance_payment_version",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        account_no="int8",
        payment_no="int4",
        due="date",
        status="int2",
        amount_minor="int8",
        paid_minor="int8",
        moved_to="int4?",
        advance_id="text",
    ),
)


async def advances_in_tx(tx: Connection, keys: Sequence[Key]) -> Shelves:
    """Return advances of accounts that are locked, by account number and id, and all of their payments."""
    if not keys:
        return {}
    wanted = [list(column) for column in zip(*keys, strict=True)]
    advances = await tx.fetch(_SQL["advances"], *wanted)
    payments = await tx.fetch(_SQL["advance_payments"], *wanted)
    return {
        "advance": {(row["account_no"], row["advance_id"]): _shelved(Advance, row) for row in advances},
        "advance_payment": {
            (row["account_no"], row["advance_id"], row["payment_no"]): _shelved(Payment, row) for row in payments
        },
    }


def _shelved(kind: type[Advance | Payment], row: asyncpg.Record) -> Shelved:
    return Shelved(kind(*(row[name] for name in kind.__struct_fields__)), row["version"])


async def suspects(connection: Connection, after: Key, limit: int) -> Sequence[tuple[int, str, str]]:
    """Return advances behind *after* that do not sum up, in order of their key, so many at most.

    Each is (account number, advance id, account id); the first two are where to go on. Less than *limit* of them mean
    that all advances have been judged, some thousand in each statement.
    """
    found: list[tuple[int, str, str]] = []
    while len(found) < limit and (rows := await connection.fetch(_SQL["suspects"], *after, PAGE)):
        found += [(no, advance_id, account_id) for no, advance_id, account_id, is_suspect in rows if is_suspect]
        after = tuple(rows[-1])[:2]
    return found[:limit]


by_advance: Final = keys_cut_by(
    _SQL["next_advance_slice"], first=(-END, ""), last=(END, ""), rows_each=_ROWS_PER_ADVANCE
)

CHECKS: Final = (
    Check(
        name="advances",
        promise="Each advance was granted by an answer, and what was paid, written off and is owed sums to it.",
        parts=(
            Part(statement=_SQL["audit_advances"], slicing=by_advance),
            Part(statement=_SQL["audit_advances_owed"], slicing=once),
        ),
    ),
    Check(
        name="advance_payments",
        promise="Payments of advances change by what was answered alone, not once settled, and by what moved.",
        parts=(
            Part(statement=_SQL["audit_advance_payments"], slicing=by_advance),
            Part(statement=_SQL["audit_advance_answers"], slicing=by_lane),
        ),
    ),
)
