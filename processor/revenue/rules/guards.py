"""Guards that the rules of revenue share."""

from datetime import date

from contracts.dates import day_of
from contracts.envelope import YEARS, CommonRefusal
from contracts.revenue import RevenueRefusal
from processor.engine.decision import Refused
from processor.revenue.register import Register
from processor.revenue.values import Account, Record


def account_of(register: Register, account_id: str) -> Account | Refused:
    """Return an account, unless there is none or it was deleted."""
    account = register.account(account_id)
    if account is None:
        return Refused(RevenueRefusal.ACCOUNT_NOT_FOUND, {"account_id": account_id})
    if account.deleted_at is not None:
        return Refused(RevenueRefusal.ACCOUNT_DELETED, {"account_id": account_id})
    return account


def record_of(register: Register, account_id: str, record_id: str) -> tuple[Account, Record] | Refused:
    """Return an account and a record of it, unless one of them is not there or was deleted."""
    account = account_of(register, account_id)
    if isinstance(account, Refused):
        return account
    record = register.record(account, record_id)
    details = {"account_id": account_id, "record_id": record_id}
    if record is None:
        return Refused(RevenueRefusal.RECORD_NOT_FOUND, details)
    return Refused(RevenueRefusal.RECORD_DELETED, details) if record.deleted else (account, record)


def day_in(text: str, *, field: str) -> date | Refused:
    """Return the day that the command's *field* names: any there is in the years that days lie in."""
    day = day_of(text)
    if day is None or day.year not in YEARS:
        return Refused(CommonRefusal.DATE_INVALID, {"field": field})
    return day
