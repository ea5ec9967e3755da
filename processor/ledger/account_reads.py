"""One account as people read it: its balances and counters, what is held of it, and what was posted or refused.

Promise   A hold that is open reads as a PENDING transaction, what was posted as POSTED or REVERSED, what was refused as
          FAILED with its code. What has expired is available, whether or not anybody has decided on the account since.
Cost      Three statements, and one for a product that is not the bank's. Refused transactions are found by time: they
          have no entry on the account.
Bound     The latest transactions of some days.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg

from contracts.envelope import moment_text
from contracts.ids import uuid_text
from contracts.money import decimal_text, exponent_of
from processor.database import Connection, named_queries
from processor.ledger.bank import Bank
from processor.ledger.earning import accrual_text, rate_at
from processor.ledger.families.interest import months_of
from processor.ledger.families.products import product_of
from processor.ledger.products import BUILT_IN
from processor.ledger.values import AccountType, EntryType, HoldReason, Status

ROWS_MAX: Final = 1000

_SQL = named_queries("processor.ledger", "reads.sql")

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AccountRead:
    """An account, what is held of it, and its transactions with the latest first, as JSON objects."""

    account: Json
    holds: list[Json]
    transactions: list[Json]


async def read_account(
    connection: Connection, account_id: str, *, bank: Bank, days: int, rows: int = ROWS_MAX
) -> AccountRead | None:
    """Return an account with the transactions of so many days, at most so many *rows*; None where there is none."""
    row = await connection.fetchrow(_SQL["account"], account_id)
    if row is None:
        return None
    instant: datetime = row["instant"]
    exponent = exponent_of(row["currency"]) or 0
    held = await connection.fetch(_SQL["open_holds"], row["account_no"], instant)
    since = instant - timedelta(days=days)
    told = await connection.fetch(_SQL["account_transactions"], row["account_no"], since, rows)
    pending = [_pending(hold, row["currency"], exponent) for hold in held]
    return AccountRead(
        account=_account(row, exponent, bank.day(instant)) | await _interest(connection, row),
        holds=[_hold(hold, exponent) for hold in held],
        transactions=pending[::-1] + [_transaction(each, row["currency"], exponent) for each in told],
    )


def _account(row: asyncpg.Record, exponent: int, today: date) -> Json:
    last: date | None = row["fee_day"]
    this_month = last is not None and (last.year, last.month) == (today.year, today.month)
    return {
        "account_id": row["account_id"],
        "account_type": AccountType(row["account_type"]).name,
        "currency": row["currency"],
        "status": Status(row["status"]).name,
        "product": row["product"],
        "customer_id": row["customer_id"],
        "ledger_balance": decimal_text(row["ledger_minor"], exponent),
        "available_balance": decimal_text(row["spendable_minor"], exponent),
        "overdraft_limit": decimal_text(row["overdraft_limit_minor"], exponent),
        "overdraft_used": decimal_text(max(0, -row["ledger_minor"]), exponent),
        "protection_account_id": row["protection_account_id"],
        "fee_count_today": row["fees_on_day"] if last == today else 0,
        "fee_count_month": row["fees_in_month"] if this_month else 0,
        "opened_at": moment_text(row["opened_at"]),
        "closed_at": row["closed_at"] and moment_text(row["closed_at"]),
    }


async def _interest(connection: Connection, row: asyncpg.Record) -> Json:
    """Return the rate that the ledger balance has now, and what has accrued and is no money yet."""
    product = BUILT_IN.get(row["product"])
    if product is None:
        known = await connection.fetchrow(_SQL["product"], row["product"])
        assert known is not None, "accounts only have products that there are"
        product = product_of(known)
    units = sum((each for _, each in months_of(row["unposted"] or "")), row["carried"] or 0)
    return {
        "interest_rate": rate_at(product, row["currency"], row["ledger_minor"]),
        "interest_accrued": accrual_text(units, row["currency"]),
    }


def _hold(row: asyncpg.Record, exponent: int) -> Json:
    parts = ("captured_minor", "released_minor", "expired_minor")
    remaining_minor = row["amount_minor"] - sum(row[part] for part in parts)
    return {
        "hold_id": row["hold_id"],
        "reason": HoldReason(row["reason"]).name,
        "amount": decimal_text(row["amount_minor"], exponent),
        "captured": decimal_text(row["captured_minor"], exponent),
        "remaining": decimal_text(remaining_minor, exponent),
        "placed_at": moment_text(row["placed_at"]),
        "expires_at": row["expires_at"] and moment_text(row["expires_at"]),
    }


def _pending(row: asyncpg.Record, currency: str, exponent: int) -> Json:
    hold = _hold(row, exponent)
    return {
        "transaction_id": uuid_text(row["command_id"]),
        "status": "PENDING",
        "reason": hold["reason"],
        "txn_type": EntryType.WITHDRAWAL.name,
        "direction": "DEBIT",
        "amount": hold["remaining"],
        "currency": currency,
        "balance_after": None,
        "initiated_at": hold["placed_at"],
        "posted_at": None,
    }


def _transaction(row: asyncpg.Record, currency: str, exponent: int) -> Json:
    amount_minor = row["amount_minor"]
    failed = row["refusal"] is not None
    return {
        "transaction_id": uuid_text(row["command_id"]),
        "status": "FAILED" if failed else "REVERSED" if row["reversed"] else "POSTED",
        "reason": row["refusal"],
        "txn_type": None if failed else EntryType(row["entry_type"]).name,
        "direction": None if amount_minor is None else "DEBIT" if amount_minor < 0 else "CREDIT",
        "amount": None if amount_minor is None else decimal_text(abs(amount_minor), exponent),
        "currency": currency,
        "balance_after": None if failed else decimal_text(row["balance_after_minor"], exponent),
        "initiated_at": moment_text(row["initiated_at"]),
        "posted_at": None if failed else moment_text(row["posted_at"]),
    }
