"""The rules of records: one column of guards each, in the order of ``RevenueRefusal``.

What a change leaves out stays. An amount is judged by the currency that the record ends up with: where a change names
no currency, that is known behind the record alone.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import msgspec

from contracts.envelope import Command, Event
from contracts.money import trimmed
from contracts.revenue import (
    RevenueChangeRecord,
    RevenueDeleteRecord,
    RevenueRecord,
    RevenueRecordChanged,
    RevenueRecordDeleted,
    RevenueRecorded,
    RevenueRefusal,
)
from processor.engine.amounts import amount_in, currency_refusal
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.moments import days
from processor.revenue.register import ACCOUNT, RECORD, Register
from processor.revenue.rules.guards import account_of, day_in, record_of
from processor.revenue.rules.views import amount_text, record_fields
from processor.revenue.values import Account, Record


def record(register: Register, command: RevenueRecord, instant: datetime) -> Decision:
    """Record what an account has paid for a period."""
    amount_minor = amount_in(command.currency, command.amount)
    if isinstance(amount_minor, Refused):
        return amount_minor
    first, last = day_in(command.period_start, field="period_start"), day_in(command.period_end, field="period_end")
    if isinstance(first, Refused):
        return first
    if isinstance(last, Refused):
        return last
    account = account_of(register, command.account_id)
    if isinstance(account, Refused):
        return account
    if register.record(account, command.record_id) is not None:
        return _refused(RevenueRefusal.RECORD_EXISTS, command)
    if first > last:
        return _refused(RevenueRefusal.PERIOD_INVALID, command)
    made = Record(
        account_no=account.account_no,
        record_id=command.record_id,
        version_no=1,
        amount_minor=amount_minor,
        currency=command.currency,
        period_start=first,
        period_end=last,
    )
    return _written(account, made, RevenueRecorded, records=1)


def change(register: Register, command: RevenueChangeRecord, instant: datetime) -> Decision:
    """Change a record."""
    if refused := _misstated(command):
        return refused
    found = record_of(register, command.account_id, command.record_id)
    if isinstance(found, Refused):
        return found
    account, before = found
    currency = command.currency or before.currency
    amount = command.amount or trimmed(amount_text(before.amount_minor, before.currency))
    amount_minor = amount_in(currency, amount)
    if isinstance(amount_minor, Refused):
        return amount_minor
    after = msgspec.structs.replace(
        before,
        version_no=before.version_no + 1,
        amount_minor=amount_minor,
        currency=currency,
        period_start=date.fromisoformat(command.period_start) if command.period_start else before.period_start,
        period_end=date.fromisoformat(command.period_end) if command.period_end else before.period_end,
    )
    if after.period_start > after.period_end:
        return _refused(RevenueRefusal.PERIOD_INVALID, command)
    return _written(account, after, RevenueRecordChanged)


def delete(register: Register, command: RevenueDeleteRecord, instant: datetime) -> Decision:
    """Delete a record; its fields stay as they were, and its id stays taken."""
    found = record_of(register, command.account_id, command.record_id)
    if isinstance(found, Refused):
        return found
    account, before = found
    after = msgspec.structs.replace(before, version_no=before.version_no + 1, deleted=True)
    return _written(account, after, RevenueRecordDeleted, records=-1)


def _misstated(command: RevenueChangeRecord) -> Refused | None:
    """Refuse a change for what it says by itself."""
    if command.currency:
        amount = amount_in(command.currency, command.amount) if command.amount else currency_refusal(command.currency)
        if isinstance(amount, Refused):
            return amount
    for field in ("period_start", "period_end"):
        day = day_in(text, field=field) if (text := getattr(command, field)) else None
        if isinstance(day, Refused):
            return day
    return None


def _refused(refusal: RevenueRefusal, command: RevenueRecord | RevenueChangeRecord) -> Refused:
    return Refused(refusal, {"account_id": command.account_id, "record_id": command.record_id})


def _written(account: Account, after: Record, event: type[Event], *, records: int = 0) -> Applied:
    """Return the decision that leaves *after* behind, and *account* with so many *records* more.

    The account is written even where its count stays: its row bears the instant of every change of a record.
    """
    version = (
        *(after.account_no, after.version_no, after.amount_minor, days(after.period_start), days(after.period_end)),
        *(after.deleted, after.record_id, after.currency),
    )
    changes = (
        Put(ACCOUNT, account.account_id, msgspec.structs.replace(account, records=account.records + records)),
        Put(RECORD, (after.account_no, after.record_id), after),
        Kept("revenue_record_version", version),
    )
    return Applied(event(**record_fields(after, account.account_id)), changes)


RULES: Final[dict[type[Command], Callable[..., Decision]]] = {
    RevenueRecord: record,
    RevenueChangeRecord: change,
    RevenueDeleteRecord: delete,
}
