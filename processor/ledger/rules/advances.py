"""The rules of the family ``advance``: one column of guards each, in the order of ``AdvanceRefusal``.

Money and payments change in one decision. What is owed is what the payments say that are not settled; the advance is
over when that is nothing, and its account knows it no more.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from contracts.advances import (
    AdvanceAudit,
    AdvanceAudited,
    AdvanceAuditFailed,
    AdvanceCollect,
    AdvanceGranted,
    AdvancePaymentCollected,
    AdvancePaymentFailed,
    AdvanceRefusal,
    AdvanceRepaid,
    AdvanceRepay,
    AdvanceRequest,
    AdvanceWriteOff,
    AdvanceWrittenOff,
)
from contracts.dates import day_of
from contracts.envelope import CommonRefusal
from contracts.ids import is_reserved
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.changes import AccountState
from processor.ledger.lending import Advance, AdvanceStatus, Payment, PaymentStatus
from processor.ledger.rules.draft import Draft, amount_of, refused
from processor.ledger.rules.guards import opened
from processor.ledger.rules.overdraft import given_back
from processor.ledger.rules.payments import WEEK, Debt, carried, debt_of, due_days, filled, kept, scheduled
from processor.ledger.rules.views import advance_fields, amount_text, entry_views, payment_views
from processor.ledger.values import ADVANCES, LOSSES, Account, EntryType, Leg, Status, TransactionKind


def request(book: Book, command: AdvanceRequest, instant: datetime) -> Decision:
    """Grant an advance, and schedule its payments."""
    known = book.account(command.account_id)
    amount_minor = amount_of(known, command.amount, command.currency)
    if not isinstance(amount_minor, int):
        return amount_minor
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    dues = _dues(book, command, instant)
    if dues is None:
        return Refused(CommonRefusal.DATE_INVALID, {"field": "first_due"})
    account = _account_for(book, command)
    if isinstance(account, Refused):
        return account
    if refusal := _terms_refusal(book, account, command, amount_minor):
        return refusal
    owed = (AdvanceStatus.OPEN, amount_minor, amount_minor, 0)
    numbers = (command.payments, command.payments, command.interval_days)
    advance = Advance(account.account_no, command.advance_id, *owed, *numbers, instant)
    draft = Draft(book, instant)
    draft.houses = (ADVANCES, ADVANCES)
    draft.move(Leg(None, account.account_id, amount_minor), debit=EntryType.DEPOSIT, credit=EntryType.DEPOSIT)
    given_back(draft, account.account_id)
    if draft.beyond_limit:
        return refused(AdvanceRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    draft.restate(msgspec.structs.replace(draft.existing(account.account_id), advance_id=advance.advance_id))
    payments = scheduled(advance, dues)
    event = AdvanceGranted(
        **advance_fields(advance, account, amount_minor),
        transaction_id=command.command_id.lower(),
        schedule=payment_views(payments, account.currency),
        entries=entry_views(draft.postings, account.currency),
    )
    return Applied(event, (*draft.changes(TransactionKind.GRANT, account.currency), *kept(advance, payments)))


def collect(book: Book, command: AdvanceCollect, instant: datetime) -> Decision:
    """Take all that is owed of a payment from what is available, or carry it over."""
    debt = _debt_of(book, command.account_id, command.advance_id)
    if isinstance(debt, Refused):
        return debt
    account, today = debt.account, book.bank.day(instant)
    payment = _due_payment(debt, command, today)
    if isinstance(payment, Refused):
        return payment
    amount_minor = payment.owed_minor
    if account.status == Status.ACTIVE and amount_minor <= account.available_minor:
        paid = msgspec.structs.replace(payment, paid_minor=payment.amount_minor, status=PaymentStatus.COLLECTED)
        return _paid_back(Draft(book, instant), command, debt, [paid], amount_minor)
    changed = carried(debt, payment, today=today, carry_over=book.bank.carry_over)
    advance = debt.after(changed).advance
    fields = advance_fields(advance, account, amount_minor)
    failed = AdvancePaymentFailed(**fields, payment_no=payment.payment_no, moved_to=changed[1].payment_no)
    return Applied(failed, (AccountState(account), *kept(advance, changed)))


def repay(book: Book, command: AdvanceRepay, instant: datetime) -> Decision:
    """Take a repayment from what is available, and fill the payments that are due first."""
    known = book.account(command.account_id)
    asked_minor = amount_in(known.currency, command.amount) if known is not None and command.amount else 0
    if not isinstance(asked_minor, int):
        return asked_minor
    debt = _open_debt_of(book, command.account_id, command.advance_id)
    if isinstance(debt, Refused):
        return debt
    account, amount_minor = debt.account, asked_minor or debt.owed_minor
    if account.status == Status.CLOSED:
        return refused(AdvanceRefusal.ACCOUNT_CLOSED, command.account_id)
    if account.status == Status.FROZEN:
        return refused(AdvanceRefusal.ACCOUNT_FROZEN, command.account_id)
    if amount_minor > debt.owed_minor:
        outstanding = amount_text(debt.owed_minor, account.currency)
        return Refused(AdvanceRefusal.AMOUNT_EXCEEDS_ADVANCE, {"outstanding": outstanding})
    if amount_minor > account.available_minor:
        return refused(AdvanceRefusal.INSUFFICIENT_FUNDS, command.account_id)
    return _paid_back(Draft(book, instant), command, debt, filled(debt.payments, amount_minor), amount_minor)


def write_off(book: Book, command: AdvanceWriteOff, instant: datetime) -> Decision:
    """Move what is owed from the house's losses to its advances; the customer's account has no entry of it."""
    debt = _open_debt_of(book, command.account_id, command.advance_id)
    if isinstance(debt, Refused):
        return debt
    account, amount_minor = debt.account, debt.owed_minor
    ended = [
        msgspec.structs.replace(payment, status=PaymentStatus.WRITTEN_OFF)
        for payment in debt.payments
        if payment.owed_minor > 0
    ]
    after = debt.after(ended, AdvanceStatus.WRITTEN_OFF).advance
    advance = msgspec.structs.replace(after, written_off_minor=amount_minor)
    draft = Draft(book, instant)
    draft.houses = (LOSSES, ADVANCES)
    draft.move(Leg(None, None, amount_minor), debit=EntryType.WITHDRAWAL, credit=EntryType.WITHDRAWAL)
    draft.restate(msgspec.structs.replace(account, advance_id=None))
    event = AdvanceWrittenOff(
        **advance_fields(advance, account, amount_minor),
        transaction_id=command.command_id.lower(),
        purpose=command.reason,
    )
    changes = draft.changes(TransactionKind.WRITE_OFF, account.currency, description=command.reason)
    return Applied(event, (*changes, *kept(advance, ended)))


def audit(book: Book, command: AdvanceAudit, instant: datetime) -> Decision:
    """Say whether the payments of an advance sum to it, and to what is outstanding; nothing changes."""
    debt = _debt_of(book, command.account_id, command.advance_id)
    if isinstance(debt, Refused):
        return debt
    account, advance = debt.account, debt.advance
    fields = advance_fields(advance, account, advance.amount_minor)
    if (debt.accounted_minor, debt.owed_minor) == (advance.amount_minor, advance.outstanding_minor):
        return Applied(AdvanceAudited(**fields))
    sums = {"accounted": debt.accounted_minor, "scheduled": debt.owed_minor}
    told = {name: amount_text(minor, account.currency) for name, minor in sums.items()}
    return Applied(AdvanceAuditFailed(**fields, **told))


def _dues(book: Book, command: AdvanceRequest, instant: datetime) -> Sequence[date] | None:
    first = book.bank.day(instant) + WEEK if command.first_due is UNSET else day_of(command.first_due)
    if first is None:
        return None
    return due_days(first, count=command.payments, interval_days=command.interval_days)


def _account_for(book: Book, command: AdvanceRequest) -> Account | Refused:
    """Return the account that a new advance may be granted on, its terms apart."""
    known = book.account(command.account_id)
    if known is not None and book.shelved("advance", (known.account_no, command.advance_id)) is not None:
        return Refused(AdvanceRefusal.ADVANCE_EXISTS, {"advance_id": command.advance_id})
    missing, closed = AdvanceRefusal.ACCOUNT_NOT_FOUND, AdvanceRefusal.ACCOUNT_CLOSED
    account = opened(known, command.account_id, not_found=missing, closed=closed)
    if not isinstance(account, Account):
        return account
    if account.status == Status.FROZEN:
        return refused(AdvanceRefusal.ACCOUNT_FROZEN, command.account_id)
    if command.currency not in ("", account.currency):
        details = {"currency": command.currency, "account_currency": account.currency}
        return Refused(AdvanceRefusal.CURRENCY_DIFFERS, details)
    return account


def _terms_refusal(book: Book, account: Account, command: AdvanceRequest, amount_minor: int) -> Refused | None:
    """Say why the bank does not grant so much on *account*."""
    if amount_minor < command.payments:
        return Refused(AdvanceRefusal.AMOUNT_TOO_SMALL, {"payments": command.payments})
    if not account.good_standing:
        return Refused(AdvanceRefusal.CUSTOMER_NOT_IN_GOOD_STANDING, {"customer_id": account.customer_id})
    if account.advance_id is not None:
        return Refused(AdvanceRefusal.ADVANCE_OPEN, {"advance_id": account.advance_id})
    limit_minor = book.bank.advance_limits.get(account.currency)
    if limit_minor is not None and amount_minor > limit_minor:
        return Refused(AdvanceRefusal.ADVANCE_LIMIT_EXCEEDED, {"limit": amount_text(limit_minor, account.currency)})
    return None


def _debt_of(book: Book, account_id: str, advance_id: str) -> Debt | Refused:
    """Return one of the advances of an account, closed or not, over or not."""
    if is_reserved(account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    account = book.account(account_id)
    if account is None:
        return refused(AdvanceRefusal.ACCOUNT_NOT_FOUND, account_id)
    advance = book.shelved("advance", (account.account_no, advance_id))
    if advance is None:
        return Refused(AdvanceRefusal.ADVANCE_NOT_FOUND, {"advance_id": advance_id})
    return debt_of(book, account, advance)


def _open_debt_of(book: Book, account_id: str, advance_id: str) -> Debt | Refused:
    debt = _debt_of(book, account_id, advance_id)
    if not isinstance(debt, Refused) and debt.advance.status != AdvanceStatus.OPEN:
        return Refused(AdvanceRefusal.ADVANCE_CLOSED, {"advance_id": advance_id})
    return debt


def _due_payment(debt: Debt, command: AdvanceCollect, today: date) -> Payment | Refused:
    place: dict[str, Any] = {"advance_id": command.advance_id, "payment_no": command.payment_no}
    payment = debt.payment(command.payment_no)
    if payment is None:
        return Refused(AdvanceRefusal.PAYMENT_NOT_FOUND, place)
    if payment.status != PaymentStatus.SCHEDULED:
        return Refused(AdvanceRefusal.PAYMENT_SETTLED, place | {"status": PaymentStatus(payment.status).name})
    if payment.due > today:
        return Refused(AdvanceRefusal.PAYMENT_NOT_DUE, place | {"due": payment.due.isoformat()})
    return payment


def _paid_back(
    draft: Draft, command: AdvanceCollect | AdvanceRepay, debt: Debt, changed: Sequence[Payment], amount_minor: int
) -> Applied:
    """Move so much back to the house; *changed* are the payments that it fills."""
    account, advance = debt.account, debt.after(changed).advance
    draft.houses = (ADVANCES, ADVANCES)
    leg = Leg(account.account_id, None, amount_minor)
    draft.move(leg, debit=EntryType.WITHDRAWAL, credit=EntryType.WITHDRAWAL)
    if advance.status != AdvanceStatus.OPEN:
        draft.restate(msgspec.structs.replace(draft.existing(account.account_id), advance_id=None))
    shown: dict[str, Any] = {
        **advance_fields(advance, account, amount_minor),
        "transaction_id": command.command_id.lower(),
        "entries": entry_views(draft.postings, account.currency),
    }
    if isinstance(command, AdvanceRepay):
        changes = draft.changes(TransactionKind.REPAY, account.currency)
        return Applied(AdvanceRepaid(**shown), (*changes, *kept(advance, changed)))
    changes = draft.changes(TransactionKind.COLLECT, account.currency)
    collected = AdvancePaymentCollected(**shown, payment_no=command.payment_no)
    return Applied(collected, (*changes, *kept(advance, changed)))


RULES: Final = {
    AdvanceRequest: request,
    AdvanceCollect: collect,
    AdvanceRepay: repay,
    AdvanceWriteOff: write_off,
    AdvanceAudit: audit,
}
