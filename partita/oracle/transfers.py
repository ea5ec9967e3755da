"""The family ``transfer``. Codes are tried in the order of precedence in which the wire lists them.

A refused transfer stays known, as one that cannot be reversed.
"""

from decimal import Decimal

from partita.oracle import fields
from partita.oracle.books import DECIMALS, Books, No, Rule, not_reserved
from partita.oracle.history import Json
from partita.oracle.overdraft import receive, spend
from partita.oracle.state import Account, Leg, Transaction

REVERSIBLE = ("transfer.make", "transfer.deposit", "transfer.withdraw", "transfer.batch")
_LEG = ("source_account_id", "destination_account_id", "amount")
_LEG_MAY = ("currency", "direction", "description", "reference")
_LEGS_MAX = 100


def _make(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    leg, overdraft = _transfer(books, command)
    return "transfer.posted", _posted(books, command, [leg]) | {"overdraft": overdraft}


def _deposit(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account, amount = _at_the_counter(books, command, debit=False)
    leg = Leg(source=None, destination=account.id, amount=amount)
    overdraft = receive(books, leg, "DEPOSIT", "DEPOSIT", of=account.id)
    books.within_limits()
    return "transfer.posted", _posted(books, command, [leg]) | {"overdraft": overdraft}


def _withdraw(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account, amount = _at_the_counter(books, command, debit=True)
    leg = Leg(source=account.id, destination=None, amount=amount)
    overdraft = spend(books, leg, "WITHDRAWAL", "WITHDRAWAL")
    books.within_limits()
    return "transfer.posted", _posted(books, command, [leg]) | {"overdraft": overdraft}


def _batch(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    legs: list[Leg] = []
    overdrafts: list[Json] = []
    for index, wanted in enumerate(command["legs"]):
        try:
            leg, overdraft = _transfer(books, wanted, together=_currency(books, legs[0]) if legs else "")
        except No as no:
            raise No("leg_refused", index=index, code=no.code) from None
        legs.append(leg)
        overdrafts.append(overdraft)
    return "transfer.batch_posted", _posted(books, command, legs) | {"overdraft": overdrafts}


def _reverse(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    not_reserved(command["account_id"])
    original = books.transaction(command["transaction_id"])
    if original.maker not in ("", command["account_id"]):
        raise No("account_differs")
    if original.reversed:
        raise No("already_reversed")
    if original.refused or original.type not in REVERSIBLE:
        raise No("not_reversible")
    _may_go_back(books, original.legs[::-1])
    back = [Leg(source=leg.destination, destination=leg.source, amount=leg.amount) for leg in original.legs[::-1]]
    overdrafts = [_take_back(books, leg) for leg in back]  # what came last goes back first
    books.within_limits()
    original.reversed = True
    fields = _posted(books, command, back) | {"original_transaction_id": command["transaction_id"]}
    return "transfer.reversed", fields | {
        "overdraft": overdrafts if original.type == "transfer.batch" else overdrafts[0]
    }


def _transfer(books: Books, wanted: Json, together: str = "") -> tuple[Leg, Json]:
    source_id, destination_id = wanted["source_account_id"], wanted["destination_account_id"]
    amount = books.measured(wanted, source_id)
    not_reserved(source_id)
    not_reserved(destination_id)
    if source_id == destination_id:
        raise No("accounts_must_differ")
    source, destination = books.existing(source_id), books.existing(destination_id)
    for account in (source, destination):
        if account.status == "CLOSED":
            raise No("account_closed", account_id=account.id)
    if source.status == "FROZEN":
        raise No("account_frozen", account_id=source.id)
    if {wanted.get("currency", ""), destination.currency, together} - {"", source.currency}:
        raise No("currency_differs")
    leg = Leg(source=source_id, destination=destination_id, amount=amount)
    overdraft = spend(books, leg, "TRANSFER_OUT", "TRANSFER_IN")
    books.within_limits()
    return leg, overdraft


def _may_go_back(books: Books, legs: list[Leg]) -> None:
    """Refuse where an account of any leg is closed, then where one that has to give back is frozen."""
    for account_id in [one for leg in legs for one in (leg.destination, leg.source) if one]:
        if books.accounts[account_id].status == "CLOSED":
            raise No("account_closed", account_id=account_id)
    for account_id in [leg.destination for leg in legs if leg.destination]:
        if books.accounts[account_id].status == "FROZEN":
            raise No("account_frozen", account_id=account_id)


def _take_back(books: Books, leg: Leg) -> Json:
    if leg.source and books.available(books.accounts[leg.source]) < leg.amount:
        raise No("insufficient_funds")
    return receive(books, leg, "REVERSAL", "REVERSAL", of=leg.source or leg.destination)


def _at_the_counter(books: Books, command: Json, *, debit: bool) -> tuple[Account, Decimal]:
    amount = books.measured(command, command["account_id"])
    not_reserved(command["account_id"])
    account = books.existing(command["account_id"])
    if account.status == "CLOSED":
        raise No("account_closed")
    if debit and account.status == "FROZEN":
        raise No("account_frozen")
    if command.get("currency", "") not in ("", account.currency):
        raise No("currency_differs")
    return account, amount


def _currency(books: Books, leg: Leg) -> str:
    return books.accounts[leg.source or leg.destination or ""].currency


def _posted(books: Books, command: Json, legs: list[Leg]) -> Json:
    currency = _currency(books, legs[0])
    books.transactions[command["command_id"]] = Transaction(type=command["type"], currency=currency, legs=legs)
    told = {"description": "description", "reason": "purpose", "reference": "reference"}
    return {
        "transaction_id": command["command_id"],
        "amount": f"{sum((leg.amount for leg in legs), Decimal(0)):.{DECIMALS[currency]}f}",
        "currency": currency,
        "entries": books.shown,
    } | {name: command[said] for said, name in told.items() if command.get(said)}


def keep_failed(books: Books, command: Json) -> None:
    """Keep the transaction that a refused command is."""
    failed = Transaction(type=command["type"], currency="", legs=[], refused=True)
    books.transactions[command["command_id"]] = failed


def _debiting(leg: Json) -> Json:
    """Turn a credit round: it takes from its destination and gives to its source."""
    if leg.get("direction", "debit") == "debit":
        return leg
    turned = {"source_account_id": leg["destination_account_id"], "destination_account_id": leg["source_account_id"]}
    return leg | turned | {"direction": "debit"}


def _legs_debiting(command: Json) -> Json:
    legs = [_debiting(leg) for leg in command["legs"]]
    return command | {"legs": legs, "source_account_id": legs[0]["source_account_id"]}


def in_lower_case(command: Json) -> Json:
    """Write the transaction's id in one way."""
    return command | {"transaction_id": command["transaction_id"].lower()}


def _has_legs(said: Json) -> bool:
    legs = said["legs"]
    if not 1 <= len(legs) <= _LEGS_MAX or not all(
        isinstance(leg, dict) and fields.fit(leg, _LEG, _LEG_MAY) for leg in legs
    ):
        return False
    first = {"", legs[0]["source_account_id"], _debiting(legs[0])["source_account_id"]}
    return said.get("source_account_id", "") in first


RULES = {
    "transfer.make": Rule(decide=_make, needed=_LEG, may=_LEG_MAY, canonical=_debiting, refused=keep_failed),
    "transfer.deposit": Rule(
        decide=_deposit, needed=("account_id", "amount"), may=("currency", "reason", "reference"), refused=keep_failed
    ),
    "transfer.withdraw": Rule(
        decide=_withdraw, needed=("account_id", "amount"), may=("currency", "reason", "reference"), refused=keep_failed
    ),
    "transfer.reverse": Rule(
        decide=_reverse,
        needed=("account_id", "transaction_id"),
        may=("reason",),
        canonical=in_lower_case,
        refused=keep_failed,
    ),
    "transfer.batch": Rule(
        decide=_batch,
        needed=("legs",),
        may=("source_account_id",),
        well_formed=_has_legs,
        canonical=_legs_debiting,
        refused=keep_failed,
    ),
}
