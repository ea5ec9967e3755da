"""The ledger's own tables: how their rows are packed, written and read.

Invariant A row of an account is written only where it is still as it was read; the numbers of rows are counted.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import asyncpg

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import update_in_tx
from processor.ledger.book import Book
from processor.ledger.bookkeeping import TERMS, Row
from processor.ledger.values import Account
from processor.moments import days, microseconds

_SQL = named_queries("processor.ledger", "store.sql")

ENTRY: Final = Table(
    "entry",
    account_no="int8",
    entry_no="int8",
    lane_no="int4",
    seq="int8",
    entry_type="int2",
    amount_minor="int8",
    balance_after_minor="int8",
    posted_at="timestamptz",
    hash="hash",
)
TRANSACTION: Final = Table(
    "transaction",
    lane_no="int4",
    seq="int8",
    kind="int2",
    initiated_at="timestamptz",
    posted_at="timestamptz",
    source_no="int8?",
    destination_no="int8?",
    amount_minor="int8?",
    currency="text?",
    refusal="text?",
    description="text",
    reference="text",
)
BATCH_LEG: Final = Table(
    "batch_leg",
    lane_no="int4",
    seq="int8",
    leg_no="int2",
    source_no="int8",
    destination_no="int8",
    amount_minor="int8",
)
REVERSAL: Final = Table("reversal", original_lane_no="int4", original_seq="int8", lane_no="int4", seq="int8")
ACCOUNT: Final = Table(
    "account",
    account_no="int8",
    lane_no="int4",
    account_type="int2",
    status="int2",
    ledger_minor="int8",
    available_minor="int8",
    overdraft_limit_minor="int8",
    last_entry_no="int8",
    chain="hash",
    decided_at="timestamptz",
    opened_at="timestamptz",
    good_standing="bool",
    fees_on_day="int4",
    fees_in_month="int4",
    fee_year="int4",
    closed_at="timestamptz?",
    fee_day="date?",
    hold_expiry="timestamptz?",
    grace_until="timestamptz?",
    account_id="text",
    currency="text",
    product="text",
    customer_id="text?",
    protection_account_id="text?",
    advance_id="text?",
)

# What an update writes of a row, in the order of its query's arrays.
_BALANCES: Final = (
    *("account.account_no", "version", "account.ledger_minor", "account.available_minor"),
    *("account.last_entry_no", "chain"),
)
_BALANCE: Final = attrgetter(*_BALANCES)
_STATE: Final = attrgetter(*_BALANCES, *(f"account.{name}" for name in TERMS))


def row_of(record: asyncpg.Record) -> Row:
    """Return the account of a record: its first columns are the account's, in order, then lane, chain and version."""
    values = tuple(record)
    size = len(Account.__struct_fields__)
    lane_no, chain, version = values[size : size + 3]
    return Row(Account(*values[:size]), lane_no, chain, version)


async def save_accounts_in_tx(tx: Connection, world: Book, instant: datetime) -> None:
    """Write every account that has changed."""
    changed = world.changed_rows()
    # Sorted, so that two batches that open the same accounts wait for one another and do not deadlock.
    opened = sorted((row for row in changed if row.version == 0), key=lambda row: row.account.account_id)
    await ACCOUNT.copy_in_tx(tx, _packed(opened, microseconds(instant)))
    known = [row for row in changed if row.version > 0]
    moved, restated = [row for row in known if not row.restated], [row for row in known if row.restated]
    await _update_in_tx(tx, "update_balances", _BALANCE, moved, instant)
    await _update_in_tx(tx, "update_accounts", _STATE, restated, instant)


def _packed(rows: Iterable[Row], decided_us: int) -> list[bytes]:
    return [ACCOUNT.pack(*_fixed(row, decided_us), *_variable(row.account)) for row in rows]


def _fixed(row: Row, decided_us: int) -> tuple[Any, ...]:
    account = row.account
    return (
        *(account.account_no, row.lane_no, account.account_type, account.status, account.ledger_minor),
        *(account.available_minor, account.overdraft_limit_minor, account.last_entry_no, row.chain, decided_us),
        *(microseconds(account.opened_at), account.good_standing),
        *(account.fees_on_day, account.fees_in_month, account.fee_year),
    )


def _variable(account: Account) -> tuple[Any, ...]:
    instants = (account.closed_at, account.hold_expiry, account.grace_until)
    closed_us, expiry_us, grace_us = (each and microseconds(each) for each in instants)
    fee_day = None if account.fee_day is None else days(account.fee_day)
    texts = (account.account_id, account.currency, account.product, account.customer_id)
    return (closed_us, fee_day, expiry_us, grace_us, *texts, account.protection_id, account.advance_id)


async def _update_in_tx(
    tx: Connection, query: str, columns: Callable[[Row], tuple[Any, ...]], rows: Sequence[Row], instant: datetime
) -> None:
    """Write *columns* of *rows* by the named *query*, which takes them as arrays in their order."""
    if rows:
        await update_in_tx(tx, _SQL[query], [columns(row) for row in rows], instant)
