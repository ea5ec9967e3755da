"""The family ``settlement``. Codes are tried in the order of precedence in which the wire lists them.

A settlement needs no funds. A refused one stays known, as one that can be neither reversed nor refunded.
"""

from decimal import Decimal

from partita.oracle import holds
from partita.oracle.books import Books, No, Rule, money, not_reserved
from partita.oracle.history import Json
from partita.oracle.overdraft import receive, spend
from partita.oracle.state import Account, Hold, Leg, Transaction
from partita.oracle.transfers import in_lower_case, keep_failed

_REFUNDABLE = ("settlement.capture", "settlement.post")


def _capture(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    amount = books.measured(command, command["account_id"])
    _nobody_of_the_house(command)
    account = books.existing(command["account_id"])
    hold = holds.on(account, command["hold_id"])
    holds.not_over(books, hold)
    _one_currency(books, command, account)
    if amount > hold.remaining:
        raise No("amount_exceeds_hold", remaining=account.text(hold.remaining))
    leg = Leg(source=account.id, destination=_destination(books, command, account), amount=amount)
    books.touch(hold)
    hold.captured, hold.remaining = hold.captured + amount, hold.remaining - amount
    if command["final"] or not hold.remaining:
        holds.end(books, account, hold, "CAPTURED")
    return "settlement.posted", _posted(books, command, leg, hold)


def _post(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    amount = books.measured(command, command["account_id"])
    _nobody_of_the_house(command)
    account = books.existing(command["account_id"])
    _not_closed(account)
    if account.status == "FROZEN":
        raise No("account_frozen")
    _one_currency(books, command, account)
    leg = Leg(source=account.id, destination=_destination(books, command, account), amount=amount)
    return "settlement.posted", _posted(books, command, leg, None)


def _refund(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    asked = _asked(books, command)
    not_reserved(command["account_id"])
    original = books.transaction(command["transaction_id"])
    if original.maker not in ("", command["account_id"]):
        raise No("account_differs")
    if original.refused or original.type not in _REFUNDABLE:
        raise No("not_refundable")
    (paid,) = original.legs
    account, left = books.accounts[command["account_id"]], paid.amount - original.refunded
    amount = left if asked is None else asked
    if not left or amount > left:
        raise No("amount_exceeds_settlement", left=account.text(left))
    for account_id in (account.id, paid.destination):
        if account_id:
            _not_closed(books.accounts[account_id])
    back = Leg(source=paid.destination, destination=account.id, amount=amount)
    overdraft = receive(books, back, "REVERSAL", "REVERSAL", of=account.id)
    books.within_limits()
    original.refunded += amount
    fields = _kept(books, command, account, back) | {"original_transaction_id": command["transaction_id"]}
    return "settlement.refunded", fields | {"overdraft": overdraft}


def _asked(books: Books, command: Json) -> Decimal | None:
    """Return how much is to come back, None for all that is left; without a currency the transaction is missed next."""
    currency = books.currency_of(command["transaction_id"])
    return money(currency, command["amount"]) if currency and "amount" in command else None


def _nobody_of_the_house(command: Json) -> None:
    not_reserved(command["account_id"])
    not_reserved(command.get("destination_account_id", ""))


def _not_closed(account: Account) -> None:
    if account.status == "CLOSED":
        raise No("account_closed", account_id=account.id)


def _one_currency(books: Books, command: Json, account: Account) -> None:
    destination = books.seen(command.get("destination_account_id", ""))
    named = {command.get("currency", account.currency), destination.currency if destination else account.currency}
    if named != {account.currency}:
        raise No("currency_differs")


def _destination(books: Books, command: Json, account: Account) -> str | None:
    """Return who is credited, None for the house, or refuse."""
    named = command.get("destination_account_id")
    if named is None:
        return None
    destination = books.seen(named)
    if destination is None or destination is account:
        raise No("destination_not_found")
    if destination.status == "CLOSED":
        raise No("destination_closed")
    return destination.id


def _posted(books: Books, command: Json, leg: Leg, hold: Hold | None) -> Json:
    account = books.accounts[command["account_id"]]
    types = ("TRANSFER_OUT", "TRANSFER_IN") if leg.destination else ("WITHDRAWAL", "WITHDRAWAL")
    overdraft = spend(books, leg, *types, checked=False)
    books.within_limits()
    return _kept(books, command, account, leg) | {
        "hold_id": hold.id if hold else None,
        "captured": account.text(hold.captured) if hold else None,
        "remaining": account.text(hold.remaining) if hold else None,
        "hold_status": hold.status if hold else None,
        "reference": command.get("reference") or None,
        "overdraft": overdraft,
    }


def _kept(books: Books, command: Json, account: Account, leg: Leg) -> Json:
    made = Transaction(type=command["type"], currency=account.currency, legs=[leg])
    books.transactions[command["command_id"]] = made
    return {
        "transaction_id": command["command_id"],
        "amount": account.text(leg.amount),
        "currency": account.currency,
        "entries": books.shown,
    }


def _in_full(command: Json) -> Json:
    return {"final": True} | command


_WHERE_TO = ("destination_account_id", "currency", "reference")

RULES = {
    "settlement.capture": Rule(
        decide=_capture,
        needed=("hold_id", "account_id", "amount"),
        may=(*_WHERE_TO, "final"),
        canonical=_in_full,
        refused=keep_failed,
    ),
    "settlement.post": Rule(decide=_post, needed=("account_id", "amount"), may=_WHERE_TO, refused=keep_failed),
    "settlement.refund": Rule(
        decide=_refund,
        needed=("account_id", "transaction_id"),
        may=("amount",),
        canonical=in_lower_case,
        refused=keep_failed,
    ),
}
