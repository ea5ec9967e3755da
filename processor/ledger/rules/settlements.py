"""The rules of the family ``settlement``: money moves by a hold or without one, and comes back.

No settlement asks for funds: a hold has set them aside, or somebody has spent them already. A fee may follow.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.entries import OverdraftView
from contracts.envelope import CommonRefusal
from contracts.ids import is_reserved
from contracts.settlements import (
    SettlementCapture,
    SettlementPost,
    SettlementPosted,
    SettlementRefund,
    SettlementRefunded,
    SettlementRefusal,
)
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.rules.draft import Draft, amount_of, refused
from processor.ledger.rules.guards import opened
from processor.ledger.rules.holding import held, hold_refusal, kept
from processor.ledger.rules.overdraft import BY_THE_LIMIT, given_back, settled
from processor.ledger.rules.views import amount_text, entry_views, overdraft_view
from processor.ledger.values import Account, EntryType, Hold, HoldStatus, Leg, Posted, Status, TransactionKind

_SETTLEMENTS: Final = (TransactionKind.CAPTURE, TransactionKind.SETTLE)


def capture(book: Book, command: SettlementCapture, instant: datetime) -> Decision:
    """Move what a hold has set aside."""
    known = book.account(command.account_id)
    amount_minor = amount_of(known, command.amount, command.currency)
    if not isinstance(amount_minor, int):
        return amount_minor
    found = _captured_hold(book, command, instant)
    if isinstance(found, Refused):
        return found
    account, hold = found
    if refusal := _currency_refusal(book, account, command):
        return refusal
    if amount_minor > hold.remaining_minor:
        remaining = amount_text(hold.remaining_minor, account.currency)
        return Refused(SettlementRefusal.AMOUNT_EXCEEDS_HOLD, {"hold_id": command.hold_id, "remaining": remaining})
    if refusal := _destination_refusal(book, command):
        return refusal
    left = _after_capture(hold, amount_minor, final=command.final)
    draft = Draft(book, instant)
    draft.restate(held(account, left, left.remaining_minor - hold.remaining_minor))
    overdraft = _moved(draft, command, amount_minor)
    if draft.beyond_limit:
        return refused(SettlementRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    event = _posted(draft, command, overdraft, left)
    changes = draft.changes(TransactionKind.CAPTURE, account.currency, reference=command.reference)
    return Applied(event, (*changes, *kept(left)))


def post(book: Book, command: SettlementPost, instant: datetime) -> Decision:
    """Move money without a hold, whether it is there or not."""
    known = book.account(command.account_id)
    amount_minor = amount_of(known, command.amount, command.currency)
    if not isinstance(amount_minor, int):
        return amount_minor
    if refusal := _reserved(command):
        return refusal
    account = opened(
        known,
        command.account_id,
        not_found=SettlementRefusal.ACCOUNT_NOT_FOUND,
        closed=SettlementRefusal.ACCOUNT_CLOSED,
    )
    if not isinstance(account, Account):
        return account
    if account.status == Status.FROZEN:
        return refused(SettlementRefusal.ACCOUNT_FROZEN, command.account_id)
    if refusal := _currency_refusal(book, account, command) or _destination_refusal(book, command):
        return refusal
    draft = Draft(book, instant)
    overdraft = _moved(draft, command, amount_minor)
    if draft.beyond_limit:
        return refused(SettlementRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    changes = draft.changes(TransactionKind.SETTLE, account.currency, reference=command.reference)
    return Applied(_posted(draft, command, overdraft, None), changes)


def refund(book: Book, command: SettlementRefund, instant: datetime) -> Decision:
    """Give back what a settlement has moved, or a part of it."""
    original = book.transactions.get(command.transaction_id)
    left_minor = 0 if original is None else _left_of(book, command.transaction_id, original)
    amount_minor: int | Refused = left_minor
    if command.amount and original is not None and original.currency:
        amount_minor = amount_in(original.currency, command.amount)
    if not isinstance(amount_minor, int):
        return amount_minor
    if refusal := _refund_refusal(command, original):
        return refusal
    assert original is not None, "it was looked for just now"
    (leg,) = original.legs
    if not 0 < amount_minor <= left_minor:
        left = amount_text(left_minor, original.currency)
        return Refused(SettlementRefusal.AMOUNT_EXCEEDS_SETTLEMENT, {"left": left})
    draft = Draft(book, instant)
    for account_id in (leg.source_id, leg.destination_id):
        if account_id is not None and draft.existing(account_id).status == Status.CLOSED:
            return refused(SettlementRefusal.ACCOUNT_CLOSED, account_id)
    backwards = Leg(leg.destination_id, leg.source_id, amount_minor)
    draft.move(backwards, debit=EntryType.REVERSAL, credit=EntryType.REVERSAL)
    refunded_minor = given_back(draft, command.account_id)
    if draft.beyond_limit:
        return refused(SettlementRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    event = SettlementRefunded(
        transaction_id=command.command_id.lower(),
        original_transaction_id=command.transaction_id,
        amount=amount_text(amount_minor, original.currency),
        currency=original.currency,
        entries=entry_views(draft.postings, original.currency),
        overdraft=overdraft_view(draft.existing(command.account_id), refunded_minor=refunded_minor),
    )
    return Applied(event, draft.changes(TransactionKind.REFUND, original.currency, undoes=command.transaction_id))


def _captured_hold(book: Book, command: SettlementCapture, instant: datetime) -> tuple[Account, Hold] | Refused:
    if refusal := _reserved(command):
        return refusal
    account = book.account(command.account_id)
    if account is None:
        return refused(SettlementRefusal.ACCOUNT_NOT_FOUND, command.account_id)
    hold = book.hold(account, command.hold_id)
    if hold is None:
        return Refused(SettlementRefusal.HOLD_NOT_FOUND, {"hold_id": command.hold_id})
    ended, expired = SettlementRefusal.HOLD_ENDED, SettlementRefusal.HOLD_EXPIRED
    if refusal_of_hold := hold_refusal(hold, instant, ended=ended, expired=expired):
        return Refused(refusal_of_hold, {"hold_id": command.hold_id})
    return account, hold


def _after_capture(hold: Hold, amount_minor: int, *, final: bool) -> Hold:
    left_minor = hold.remaining_minor - amount_minor
    ends = final or left_minor == 0
    return msgspec.structs.replace(
        hold,
        captured_minor=hold.captured_minor + amount_minor,
        released_minor=left_minor if ends else 0,
        status=HoldStatus.CAPTURED if ends else HoldStatus.OPEN,
    )


def _reserved(command: SettlementCapture | SettlementPost) -> Refused | None:
    for account_id in (command.account_id, command.destination_account_id):
        if is_reserved(account_id):
            return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    return None


def _currency_refusal(book: Book, account: Account, command: SettlementCapture | SettlementPost) -> Refused | None:
    destination = book.account(command.destination_account_id)
    for currency in (command.currency, destination.currency if destination else ""):
        if currency not in ("", account.currency):
            details = {"currency": currency, "account_currency": account.currency}
            return Refused(SettlementRefusal.CURRENCY_DIFFERS, details)
    return None


def _destination_refusal(book: Book, command: SettlementCapture | SettlementPost) -> Refused | None:
    destination_id = command.destination_account_id
    if not destination_id:
        return None
    destination = book.account(destination_id)
    if destination is None or destination_id == command.account_id:
        return refused(SettlementRefusal.DESTINATION_NOT_FOUND, destination_id)
    if destination.status == Status.CLOSED:
        return refused(SettlementRefusal.DESTINATION_CLOSED, destination_id)
    return None


def _moved(draft: Draft, command: SettlementCapture | SettlementPost, amount_minor: int) -> OverdraftView:
    """Draft the money's way to an account, or to the house's cash, and what follows."""
    destination_id = command.destination_account_id or None
    debit, credit = EntryType.TRANSFER_OUT, EntryType.TRANSFER_IN
    if destination_id is None:
        debit = credit = EntryType.WITHDRAWAL
    draft.move(Leg(command.account_id, destination_id, amount_minor), debit=debit, credit=credit)
    return settled(draft, command.account_id, BY_THE_LIMIT, destination_id)


def _posted(
    draft: Draft, command: SettlementCapture | SettlementPost, overdraft: OverdraftView, hold: Hold | None
) -> SettlementPosted:
    currency = draft.existing(command.account_id).currency
    shown: dict[str, Any] = {"captured": None, "remaining": None, "hold_status": None}
    if hold is not None:
        shown = {
            "hold_id": hold.hold_id,
            "captured": amount_text(hold.captured_minor, currency),
            "remaining": amount_text(hold.remaining_minor, currency),
            "hold_status": HoldStatus(hold.status).name,
        }
    return SettlementPosted(
        transaction_id=command.command_id.lower(),
        amount=amount_text(draft.legs[0].amount_minor, currency),
        currency=currency,
        reference=command.reference,
        entries=entry_views(draft.postings, currency),
        overdraft=overdraft,
        **shown,
    )


def _left_of(book: Book, transaction_id: str, original: Posted) -> int:
    """Return how much of a transaction has not come back."""
    return sum(leg.amount_minor for leg in original.legs) - book.refunded.get(transaction_id, 0)


def _refund_refusal(command: SettlementRefund, original: Posted | None) -> Refused | None:
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    details = {"transaction_id": command.transaction_id}
    if original is None:
        return Refused(SettlementRefusal.TRANSACTION_NOT_FOUND, details)
    own = original.legs and (original.legs[0].source_id or original.legs[0].destination_id)
    if own and command.account_id != own:  # what moves within the house alone is nobody's own
        return Refused(SettlementRefusal.ACCOUNT_DIFFERS, details)
    if original.refused or original.kind not in _SETTLEMENTS:
        return Refused(SettlementRefusal.NOT_REFUNDABLE, details)
    return None


RULES: Final = {SettlementCapture: capture, SettlementPost: post, SettlementRefund: refund}
