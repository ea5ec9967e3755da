"""How results show accounts and records: their fields, as the command leaves them."""

from typing import Any

from contracts.envelope import moment_text
from contracts.money import decimal_text, exponent_of
from processor.revenue.values import Account, Record


def amount_text(minor: int, currency: str) -> str:
    """Return *minor* units of *currency* as results write them."""
    exponent = exponent_of(currency)
    assert exponent is not None, "only currencies that ISO 4217 lists are kept"
    return decimal_text(minor, exponent)


def account_fields(account: Account) -> dict[str, Any]:
    """Return *account* as every event of it shows it."""
    return {
        "account_id": account.account_id,
        "name": account.name,
        "tier": account.tier,
        "created_at": moment_text(account.created_at),
        "version": account.version_no,
    }


def record_fields(record: Record, account_id: str) -> dict[str, Any]:
    """Return *record*, of the account with this id, as every event of it shows it."""
    return {
        "record_id": record.record_id,
        "account_id": account_id,
        "amount": amount_text(record.amount_minor, record.currency),
        "currency": record.currency,
        "period_start": record.period_start.isoformat(),
        "period_end": record.period_end.isoformat(),
        "version": record.version_no,
    }
