"""The rules of the family ``transfer``.

A movement is drafted leg by leg; each leg passes one column of guards in the order of ``TransferRefusal``. What is
available covers most debits; where it does not, ``overdraft`` says what does, and what follows.

What a helper returns is tested for the class that it usually has: a hit costs ``isinstance`` nothing, a miss among
structs a look through their abstract bases.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from contracts.entries import OverdraftView
from contracts.envelope import CommonRefusal
from contracts.ids import is_reserved
from contracts.transfers import (
    TransferBatch,
    TransferBatchPosted,
    TransferDeposit,
    TransferLeg,
    TransferMake,
    TransferPosted,
    TransferRefusal,
    TransferReverse,
    TransferReversed,
    TransferWithdraw,
)
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.rules.draft import Draft, amount_of, refused
from processor.ledger.rules.guards import opened
from processor.ledger.rules.overdraft import BY_THE_LIMIT, covered, given_back, settled
from processor.ledger.rules.views import amount_text, entry_views, overdraft_view, untouched_overdraft
from processor.ledger.values import Account, EntryType, Leg, Posted, Status, TransactionKind

_ACTIVE: Final = int(Status.ACTIVE)  # a plain number compares in half the time
_REVERSIBLE: Final = (TransactionKind.MAKE, TransactionKind.DEPOSIT, TransactionKind.WITHDRAW, TransactionKind.BATCH)


def make(book: Book, command: TransferMake, instant: datetime) -> Decision:
    """Move money from one account to another."""
    draft = Draft(book, instant)
    overdraft = _transfer(draft, command)
    if not isinstance(overdraft, OverdraftView):
        return overdraft
    leg = draft.legs[0]
    currency = draft.existing(command.source_account_id).currency
    event = TransferPosted(
        transaction_id=command.command_id.lower(),
        amount=amount_text(leg.amount_minor, currency),
        currency=currency,
        description=command.description,
        reference=command.reference,
        entries=entry_views(draft.postings, currency),
        overdraft=overdraft,
    )
    text = {"description": command.description, "reference": command.reference}
    return Applied(event, draft.changes(TransactionKind.MAKE, currency, **text))


def deposit(book: Book, command: TransferDeposit, instant: datetime) -> Decision:
    """Move money from the house's cash to an account."""
    draft = Draft(book, instant)
    found = _cash(draft, command)
    if not isinstance(found, tuple):
        return found
    account, amount_minor = found
    if command.currency not in ("", account.currency):
        return refused(TransferRefusal.CURRENCY_DIFFERS, command.account_id)
    draft.move(Leg(None, command.account_id, amount_minor), debit=EntryType.DEPOSIT, credit=EntryType.DEPOSIT)
    refunded_minor = given_back(draft, command.account_id)
    if draft.beyond_limit:
        return refused(TransferRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    overdraft = overdraft_view(draft.existing(command.account_id), refunded_minor=refunded_minor)
    return _cash_moved(draft, command, overdraft, TransactionKind.DEPOSIT)


def withdraw(book: Book, command: TransferWithdraw, instant: datetime) -> Decision:
    """Move money from an account to the house's cash."""
    draft = Draft(book, instant)
    found = _cash(draft, command)
    if not isinstance(found, tuple):
        return found
    account, amount_minor = found
    if account.status == Status.FROZEN:
        return refused(TransferRefusal.ACCOUNT_FROZEN, command.account_id)
    if command.currency not in ("", account.currency):
        return refused(TransferRefusal.CURRENCY_DIFFERS, command.account_id)
    cover = BY_THE_LIMIT if amount_minor <= account.available_minor else covered(draft, account, amount_minor)
    if cover is None:
        return refused(TransferRefusal.INSUFFICIENT_FUNDS, command.account_id)
    draft.move(Leg(command.account_id, None, amount_minor), debit=EntryType.WITHDRAWAL, credit=EntryType.WITHDRAWAL)
    overdraft = settled(draft, command.account_id, cover)
    return _cash_moved(draft, command, overdraft, TransactionKind.WITHDRAW)


def batch(book: Book, command: TransferBatch, instant: datetime) -> Decision:
    """Make several transfers, all or none."""
    draft = Draft(book, instant)
    currency, overdrafts = "", []
    for index, wanted in enumerate(command.legs):
        overdraft = _transfer(draft, wanted, batch_currency=currency)
        if not isinstance(overdraft, OverdraftView):
            details = {"index": index, "code": overdraft.refusal.value, "details": overdraft.details}
            return Refused(TransferRefusal.LEG_REFUSED, details)
        currency = currency or draft.existing(wanted.source_account_id).currency
        overdrafts.append(overdraft)
    event = TransferBatchPosted(
        transaction_id=command.command_id.lower(),
        amount=amount_text(sum(leg.amount_minor for leg in draft.legs), currency),
        currency=currency,
        entries=entry_views(draft.postings, currency),
        overdraft=overdrafts,
    )
    return Applied(event, draft.changes(TransactionKind.BATCH, currency))


def reverse(book: Book, command: TransferReverse, instant: datetime) -> Decision:
    """Undo every leg of an earlier transaction, or none; what it moved beside them stays."""
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    original = book.transactions.get(command.transaction_id)
    if original is None:
        return Refused(TransferRefusal.TRANSACTION_NOT_FOUND, {"transaction_id": command.transaction_id})
    if refusal := _reversal_refusal(original, command.account_id):
        return Refused(refusal, {"transaction_id": command.transaction_id})
    draft = Draft(book, instant)
    if refusal_of_account := _taking_back_refusal(draft, original.legs[::-1]):
        return refusal_of_account
    overdrafts = []
    for leg in original.legs[::-1]:  # the last one first, or money that went on is missed
        overdraft = _take_back(draft, leg)
        if not isinstance(overdraft, OverdraftView):
            return overdraft
        overdrafts.append(overdraft)
    if draft.beyond_limit:
        return refused(TransferRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    event = TransferReversed(
        transaction_id=command.command_id.lower(),
        original_transaction_id=command.transaction_id,
        amount=amount_text(sum(leg.amount_minor for leg in original.legs), original.currency),
        currency=original.currency,
        purpose=command.reason,
        entries=entry_views(draft.postings, original.currency),
        overdraft=overdrafts if original.kind == TransactionKind.BATCH else overdrafts[0],
    )
    return Applied(event, draft.changes(TransactionKind.REVERSE, original.currency, undoes=command.transaction_id))


def _transfer(draft: Draft, wanted: TransferMake | TransferLeg, *, batch_currency: str = "") -> OverdraftView | Refused:
    """Draft one transfer between accounts and return what became of the overdraft, or say why not."""
    source_id, destination_id = wanted.source_account_id, wanted.destination_account_id
    source, destination = draft.account(source_id), draft.account(destination_id)
    amount_minor = amount_of(source, wanted.amount, wanted.currency)
    if not isinstance(amount_minor, int):
        return amount_minor
    for account_id in (source_id, destination_id):
        if is_reserved(account_id):
            return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    if source_id == destination_id:
        return refused(TransferRefusal.ACCOUNTS_MUST_DIFFER, source_id)
    if source is None or destination is None:
        return refused(TransferRefusal.ACCOUNT_NOT_FOUND, source_id if source is None else destination_id)
    if not source.status == destination.status == _ACTIVE and (refusal := _standing_refusal(source, destination)):
        return refusal
    for currency in (wanted.currency, destination.currency, batch_currency):
        if currency not in ("", source.currency):
            return Refused(
                TransferRefusal.CURRENCY_DIFFERS, {"currency": currency, "account_currency": source.currency}
            )
    available = amount_minor <= source.available_minor
    cover = BY_THE_LIMIT if available else covered(draft, source, amount_minor)
    if cover is None:
        return refused(TransferRefusal.INSUFFICIENT_FUNDS, source_id)
    leg = Leg(source_id, destination_id, amount_minor)
    draft.move(leg, debit=EntryType.TRANSFER_OUT, credit=EntryType.TRANSFER_IN)
    # What is available is never more than the ledger balance, which so stays above zero: nothing follows.
    if available and destination.grace_until is None:
        overdraft = untouched_overdraft(source.currency)
    else:
        overdraft = settled(draft, source_id, cover, destination_id)
    return refused(TransferRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit) if draft.beyond_limit else overdraft


def _standing_refusal(source: Account, destination: Account) -> Refused | None:
    """Say which of the two is closed, or that the source may not be debited."""
    for account in (source, destination):
        if account.status == Status.CLOSED:
            return refused(TransferRefusal.ACCOUNT_CLOSED, account.account_id)
    if source.status == Status.FROZEN:
        return refused(TransferRefusal.ACCOUNT_FROZEN, source.account_id)
    return None


def _taking_back_refusal(draft: Draft, legs: Sequence[Leg]) -> Refused | None:
    """Say which account stands in the way of undoing *legs*: a closed one anywhere, else a frozen receiver."""
    sides = [(_customer(draft, leg.destination_id), _customer(draft, leg.source_id)) for leg in legs]
    for account in chain.from_iterable(sides):
        if account is not None and account.status == Status.CLOSED:
            return refused(TransferRefusal.ACCOUNT_CLOSED, account.account_id)
    for receiver, _ in sides:
        if receiver is not None and receiver.status == Status.FROZEN:
            return refused(TransferRefusal.ACCOUNT_FROZEN, receiver.account_id)
    return None


def _take_back(draft: Draft, leg: Leg) -> OverdraftView | Refused:
    """Draft the opposite of *leg*: whoever received the money must have it, without overdraft."""
    receiver = _customer(draft, leg.destination_id)
    if receiver is not None and leg.amount_minor > receiver.available_minor:
        return refused(TransferRefusal.INSUFFICIENT_FUNDS, receiver.account_id)
    backwards = Leg(leg.destination_id, leg.source_id, leg.amount_minor)
    draft.move(backwards, debit=EntryType.REVERSAL, credit=EntryType.REVERSAL)
    refunded_minor = given_back(draft, leg.source_id)
    shown_id = leg.destination_id or leg.source_id
    assert shown_id is not None, "one side of a leg is a customer's"
    return overdraft_view(draft.existing(shown_id), refunded_minor=refunded_minor)


def _reversal_refusal(original: Posted, account_id: str) -> TransferRefusal | None:
    own = original.legs and (original.legs[0].source_id or original.legs[0].destination_id)
    if own and account_id != own:  # what moves within the house alone is nobody's own
        return TransferRefusal.ACCOUNT_DIFFERS
    if original.reversed:
        return TransferRefusal.ALREADY_REVERSED
    if original.refused or original.kind not in _REVERSIBLE:
        return TransferRefusal.NOT_REVERSIBLE
    return None


def _customer(draft: Draft, account_id: str | None) -> Account | None:
    """Return the customer's account on one side of a leg; the house's side has none."""
    return None if account_id is None else draft.account(account_id)


def _cash(draft: Draft, command: TransferDeposit | TransferWithdraw) -> tuple[Account, int] | Refused:
    """Return the account and the amount that a movement of cash speaks of."""
    known = draft.account(command.account_id)
    amount_minor = amount_of(known, command.amount, command.currency)
    if not isinstance(amount_minor, int):
        return amount_minor
    account = opened(
        known,
        command.account_id,
        not_found=TransferRefusal.ACCOUNT_NOT_FOUND,
        closed=TransferRefusal.ACCOUNT_CLOSED,
    )
    return (account, amount_minor) if isinstance(account, Account) else account


def _cash_moved(
    draft: Draft, command: TransferDeposit | TransferWithdraw, overdraft: OverdraftView, kind: TransactionKind
) -> Decision:
    currency = draft.existing(command.account_id).currency
    event = TransferPosted(
        transaction_id=command.command_id.lower(),
        amount=amount_text(draft.legs[0].amount_minor, currency),
        currency=currency,
        purpose=command.reason,
        reference=command.reference,
        entries=entry_views(draft.postings, currency),
        overdraft=overdraft,
    )
    text = {"description": command.reason, "reference": command.reference}
    return Applied(event, draft.changes(kind, currency, **text))


RULES: Final = {
    TransferMake: make,
    TransferDeposit: deposit,
    TransferWithdraw: withdraw,
    TransferReverse: reverse,
    TransferBatch: batch,
}
