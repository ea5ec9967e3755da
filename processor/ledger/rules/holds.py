"""The rules of the family ``hold``: one column of guards each, in the order of ``HoldRefusal``.

A hold past its expiry holds nothing: the accounts of the book leave it out of what is available, swept or not.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from contracts.envelope import CommonRefusal, Event
from contracts.holds import (
    HoldAdjust,
    HoldAdjusted,
    HoldExpire,
    HoldExpired,
    HoldExtend,
    HoldExtended,
    HoldPlace,
    HoldPlaced,
    HoldRefusal,
    HoldRelease,
    HoldReleased,
)
from contracts.ids import is_reserved
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.ledger.book import Book
from processor.ledger.changes import AccountState
from processor.ledger.rules.draft import amount_of, refused
from processor.ledger.rules.guards import opened
from processor.ledger.rules.holding import held, hold_refusal, is_over, kept
from processor.ledger.rules.views import hold_fields
from processor.ledger.values import Account, Hold, HoldReason, HoldStatus, Status


def place(book: Book, command: HoldPlace, instant: datetime) -> Decision:
    """Set money aside."""
    known = book.account(command.account_id)
    amount_minor = amount_of(known, command.amount, command.currency)
    if not isinstance(amount_minor, int):
        return amount_minor
    reason, expires_at = HoldReason[command.reason], None if command.expires_at is UNSET else command.expires_at
    account = _place_for(book, command, instant)
    if isinstance(account, Refused):
        return account
    if reason != HoldReason.LEGAL and amount_minor > account.available_minor + account.overdraft_limit_minor:
        return refused(HoldRefusal.INSUFFICIENT_FUNDS, command.account_id)
    status = HoldStatus.OPEN
    hold = Hold(account.account_no, command.hold_id, reason, status, amount_minor, 0, 0, 0, expires_at)
    return _changed(HoldPlaced, held(account, hold, amount_minor), hold)


def adjust(book: Book, command: HoldAdjust, instant: datetime) -> Decision:
    """Set more or less aside."""
    known = book.account(command.account_id)
    amount_minor = 0 if known is None else amount_in(known.currency, command.amount)
    if not isinstance(amount_minor, int):
        return amount_minor
    account = _account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    hold = book.hold(account, command.hold_id)
    raised = hold is not None and amount_minor > hold.amount_minor and hold.reason != HoldReason.LEGAL
    if raised and account.status == Status.FROZEN:
        return refused(HoldRefusal.ACCOUNT_FROZEN, command.account_id)
    if refusal := HoldRefusal.HOLD_NOT_FOUND if hold is None else _refusal_of(hold, instant):
        return Refused(refusal, {"hold_id": command.hold_id})
    assert hold is not None, "what is missing is refused"
    if amount_minor < hold.captured_minor:
        return Refused(HoldRefusal.AMOUNT_BELOW_CAPTURED, {"hold_id": command.hold_id})
    more_minor = amount_minor - hold.amount_minor
    if raised and more_minor > account.available_minor + account.overdraft_limit_minor:
        return refused(HoldRefusal.INSUFFICIENT_FUNDS, command.account_id)
    status = HoldStatus.CAPTURED if amount_minor == hold.captured_minor else HoldStatus.OPEN
    adjusted = msgspec.structs.replace(hold, amount_minor=amount_minor, status=status)
    return _changed(HoldAdjusted, held(account, adjusted, more_minor), adjusted)


def extend(book: Book, command: HoldExtend, instant: datetime) -> Decision:
    """Let a hold expire at another time."""
    found = _open_hold(book, command, instant)
    if isinstance(found, Refused):
        return found
    account, hold = found
    if command.expires_at <= instant:
        return Refused(HoldRefusal.EXPIRY_IN_PAST, {"hold_id": command.hold_id})
    extended = msgspec.structs.replace(hold, expires_at=command.expires_at)
    return _changed(HoldExtended, held(account, extended, 0), extended)


def release(book: Book, command: HoldRelease, instant: datetime) -> Decision:
    """End a hold; what is left of it is available."""
    found = _open_hold(book, command, instant)
    if isinstance(found, Refused):
        return found
    account, hold = found
    left_minor = hold.remaining_minor
    released = msgspec.structs.replace(hold, released_minor=left_minor, status=HoldStatus.RELEASED)
    return _changed(HoldReleased, held(account, released, -left_minor), released)


def expire(book: Book, command: HoldExpire, instant: datetime) -> Decision:
    """Tidy up a hold that holds nothing any more; what is available has known it since."""
    account = _account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    hold = book.hold(account, command.hold_id)
    if hold is None:
        return Refused(HoldRefusal.HOLD_NOT_FOUND, {"hold_id": command.hold_id})
    if hold.status != HoldStatus.OPEN:
        return Refused(HoldRefusal.HOLD_ENDED, {"hold_id": command.hold_id})
    if not is_over(hold, instant):
        return Refused(HoldRefusal.HOLD_NOT_DUE, {"hold_id": command.hold_id})
    expired = msgspec.structs.replace(hold, expired_minor=hold.remaining_minor, status=HoldStatus.EXPIRED)
    return _changed(HoldExpired, account, expired)


def _place_for(book: Book, command: HoldPlace, instant: datetime) -> Account | Refused:
    """Return the account that a hold may be placed on, funds apart."""
    known = book.account(command.account_id)
    if known is not None and book.hold(known, command.hold_id) is not None:
        return Refused(HoldRefusal.HOLD_EXISTS, {"hold_id": command.hold_id})
    account = opened(
        known, command.account_id, not_found=HoldRefusal.ACCOUNT_NOT_FOUND, closed=HoldRefusal.ACCOUNT_CLOSED
    )
    if not isinstance(account, Account):
        return account
    if account.status == Status.FROZEN and command.reason != HoldReason.LEGAL.name:
        return refused(HoldRefusal.ACCOUNT_FROZEN, command.account_id)
    if command.currency not in ("", account.currency):
        return refused(HoldRefusal.CURRENCY_DIFFERS, command.account_id)
    if command.expires_at is not UNSET and command.expires_at <= instant:
        return Refused(HoldRefusal.EXPIRY_IN_PAST, {"hold_id": command.hold_id})
    return account


def _open_hold(book: Book, command: HoldExtend | HoldRelease, instant: datetime) -> tuple[Account, Hold] | Refused:
    account = _account_of(book, command.account_id)
    if isinstance(account, Refused):
        return account
    hold = book.hold(account, command.hold_id)
    if hold is None:
        return Refused(HoldRefusal.HOLD_NOT_FOUND, {"hold_id": command.hold_id})
    if refusal := _refusal_of(hold, instant):
        return Refused(refusal, {"hold_id": command.hold_id})
    return account, hold


def _account_of(book: Book, account_id: str) -> Account | Refused:
    """Return an account, closed or not."""
    if is_reserved(account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, account_id)
    return book.account(account_id) or refused(HoldRefusal.ACCOUNT_NOT_FOUND, account_id)


def _refusal_of(hold: Hold, instant: datetime) -> HoldRefusal | None:
    return hold_refusal(hold, instant, ended=HoldRefusal.HOLD_ENDED, expired=HoldRefusal.HOLD_EXPIRED)


def _changed(event: Callable[..., Event], account: Account, hold: Hold) -> Applied:
    fields: dict[str, Any] = hold_fields(hold, account)
    return Applied(event(**fields), (AccountState(account), *kept(hold)))


RULES: Final = {HoldPlace: place, HoldAdjust: adjust, HoldExtend: extend, HoldRelease: release, HoldExpire: expire}
