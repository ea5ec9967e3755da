"""The rows of accounts, each the lock of all its records, and every version of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.moments import microseconds
from processor.revenue.values import Account

_SQL = named_queries("processor.revenue.families", "accounts.sql")


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    account: Account = row.value
    deleted_us = None if account.deleted_at is None else microseconds(account.deleted_at)
    stamp = (microseconds(account.created_at), row.lane_no, row.seq, instant_us, deleted_us)
    numbers = (account.account_no, account.version_no, account.records)
    return (*numbers, *stamp, account.account_id, account.name, account.tier)


def _changed(account: Account) -> tuple[Any, ...]:
    numbers = (account.account_no, account.version_no, account.records)
    return (*numbers, account.name, account.tier, account.deleted_at)


SHELVES: Final = (
    Shelf(
        table=Table(
            "revenue_account",
            account_no="int8",
            version_no="int4",
            records="int8",
            created_at="timestamptz",
            lane_no="int4",
            seq="int8",
            decided_at="timestamptz",
            deleted_at="timestamptz?",
            account_id="text",
            name="text",
            tier="text",
        ),
        update=_SQL["update_accounts"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "revenue_account_version",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        account_no="int8",
        version_no="int4",
        deleted="bool",
        name="text",
        tier="text",
    ),
)


async def lock_accounts_in_tx(tx: Connection, account_ids: Collection[str]) -> tuple[ByKey, datetime | None]:
    """Lock accounts and return them by id, with the instant of the last change of any of them or of their records."""
    records = await tx.fetch(_SQL["lock_accounts"], list(account_ids)) if account_ids else []
    fields = Account.__struct_fields__
    rows: ByKey = {
        row["account_id"]: Shelved(Account(*(row[name] for name in fields)), row["version"]) for row in records
    }
    return rows, max((row["decided_at"] for row in records), default=None)


async def account_numbers_in_tx(tx: Connection, count: int) -> Sequence[int]:
    """Return *count* numbers that no account has."""
    return [row["account_no"] for row in await tx.fetch(_SQL["account_numbers"], count)] if count else []
