"""The family ``hold``. Codes are tried in the order of precedence in which the wire lists them."""

from decimal import Decimal

from partita.oracle.books import Books, No, Rule, not_reserved
from partita.oracle.fields import instant_text, moment
from partita.oracle.history import Json
from partita.oracle.state import ZERO, Account, Hold

_REASONS = ("PENDING_ACH", "DEBIT_CARD_AUTH", "LEGAL")
_WHICH = ("hold_id", "account_id")


def on(account: Account, hold_id: str) -> Hold:
    """Return a hold of *account*, or refuse."""
    if hold_id not in account.holds:
        raise No("hold_not_found")
    return account.holds[hold_id]


def not_over(books: Books, hold: Hold) -> None:
    """Refuse a hold that has ended, or has expired."""
    if hold.status != "OPEN":
        raise No("hold_ended")
    if hold.expired(books.instant):
        raise No("hold_expired")


def end(books: Books, account: Account, hold: Hold, status: str) -> None:
    """End *hold*: whatever is left of it is held no more."""
    books.touch(account)
    books.touch(hold)
    hold.status, hold.remaining = status, ZERO
    account.open = tuple(one for one in account.open if one is not hold)


def _place(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    amount = books.measured(command, command["account_id"])
    not_reserved(command["account_id"])
    known = books.seen(command["account_id"])
    if known and command["hold_id"] in known.holds:
        raise No("hold_exists")
    account, legal = books.own(command["account_id"]), command["reason"] == "LEGAL"
    if account.status == "FROZEN" and not legal:
        raise No("account_frozen")
    if command.get("currency", account.currency) != account.currency:
        raise No("currency_differs")
    _to_come(command.get("expires_at"), instant)
    if not legal:
        _covered(books, account, amount)
    hold = Hold(
        id=command["hold_id"],
        account_id=account.id,
        reason=command["reason"],
        amount=amount,
        remaining=amount,
        expires_at=command.get("expires_at"),
    )
    account.holds[hold.id] = hold
    account.open = (*account.open, hold)
    return "hold.placed", _shown(books, account, hold)


def _adjust(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    amount = books.measured(command, command["account_id"])
    not_reserved(command["account_id"])
    account = books.existing(command["account_id"])
    hold = on(account, command["hold_id"])
    more, legal = amount - hold.amount, hold.reason == "LEGAL"
    if more > 0 and not legal and account.status == "FROZEN":
        raise No("account_frozen")
    not_over(books, hold)
    if amount < hold.captured:
        raise No("amount_below_captured")
    if more > 0 and not legal:
        _covered(books, account, more)
    hold.amount, hold.remaining = amount, amount - hold.captured
    if not hold.remaining:
        end(books, account, hold, "CAPTURED")
    return "hold.adjusted", _shown(books, account, hold)


def _extend(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    account, hold = _found(books, command)
    not_over(books, hold)
    _to_come(command["expires_at"], instant)
    hold.expires_at = command["expires_at"]
    return "hold.extended", _shown(books, account, hold)


def _release(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account, hold = _found(books, command)
    not_over(books, hold)
    end(books, account, hold, "RELEASED")
    return "hold.released", _shown(books, account, hold)


def _expire(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    account, hold = _found(books, command)
    if hold.status != "OPEN":
        raise No("hold_ended")
    if not hold.expired(instant):
        raise No("hold_not_due")
    end(books, account, hold, "EXPIRED")
    return "hold.expired", _shown(books, account, hold)


def _found(books: Books, command: Json) -> tuple[Account, Hold]:
    not_reserved(command["account_id"])
    account = books.existing(command["account_id"])
    return account, on(account, command["hold_id"])


def _to_come(expires_at: str | None, instant: str) -> None:
    """Refuse an expiry that is not after *instant*."""
    if expires_at is not None and expires_at <= instant:
        raise No("expiry_in_past")


def _covered(books: Books, account: Account, amount: Decimal) -> None:
    if amount > books.available(account) + account.limit:
        raise No("insufficient_funds")


def _shown(books: Books, account: Account, hold: Hold) -> Json:
    return {
        "hold_id": hold.id, "account_id": account.id, "status": hold.status, "reason": hold.reason,
        "currency": account.currency, "amount": account.text(hold.amount), "captured": account.text(hold.captured),
        "remaining": account.text(hold.remaining), "expires_at": hold.expires_at,
        "available_after": account.text(books.available(account)),
    }  # fmt: skip


def _in_utc(command: Json) -> Json:
    named = moment(command.get("expires_at", ""))
    return command | {"expires_at": instant_text(named)} if named else command


def _has_reason(said: Json) -> bool:
    return said["reason"] in _REASONS


RULES = {
    "hold.place": Rule(
        decide=_place,
        needed=(*_WHICH, "amount", "reason"),
        may=("currency", "expires_at"),
        well_formed=_has_reason,
        canonical=_in_utc,
    ),
    "hold.adjust": Rule(decide=_adjust, needed=(*_WHICH, "amount")),
    "hold.extend": Rule(decide=_extend, needed=(*_WHICH, "expires_at"), canonical=_in_utc),
    "hold.release": Rule(decide=_release, needed=_WHICH),
    "hold.expire": Rule(decide=_expire, needed=_WHICH),
}
