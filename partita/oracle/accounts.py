"""The family ``account``. Codes are tried in the order of precedence in which the wire lists them."""

from decimal import Decimal

from partita.oracle.books import Account, Books, Leg, No, Rule, Transaction, money, not_reserved
from partita.oracle.history import Json

_WITH_CUSTOMER = {"CHECKING": "standard", "SAVINGS": "savings", "MONEY_MARKET": "savings"}


def _with_product(command: Json) -> Json:
    """Name the product that an opening without one means."""
    meant = _WITH_CUSTOMER[command["account_type"]] if command.get("customer_id") else "plain"
    return command | {"product": command.get("product") or meant}


def _open(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    limit = money(command["currency"], command.get("overdraft_limit", "0"))
    not_reserved(command["account_id"])
    if command["account_id"] in books.accounts:
        raise No("account_exists")
    if command.get("customer_id"):
        raise No("customer_not_found")
    if command["product"] != "plain":
        raise No("product_not_found")
    account = Account(
        id=command["account_id"], type=command["account_type"], currency=command["currency"], limit=limit,
        opened_at=instant,
    )  # fmt: skip
    books.accounts[account.id] = account
    return "account.opened", account.shown()


def _freeze(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account = books.own(command["account_id"])
    if account.status == "FROZEN":
        raise No("account_already_frozen")
    account.status = "FROZEN"
    return "account.frozen", account.shown() | {"purpose": command["reason"]}


def _unfreeze(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    account = books.own(command["account_id"])
    if account.status != "FROZEN":
        raise No("account_not_frozen")
    account.status = "ACTIVE"
    return "account.unfrozen", account.shown() | {"purpose": command["reason"]}


def _set_overdraft(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    known = books.seen(command["account_id"])
    limit = money(known.currency, command["overdraft_limit"]) if known else Decimal(0)
    account = books.own(command["account_id"])
    if account.balance < -limit:
        raise No("overdraft_in_use")
    account.limit = limit
    return "account.overdraft_set", account.shown()


def _close(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    to = command.get("payout_account_id", "")
    not_reserved(command["account_id"])
    not_reserved(to)
    account = books.own(command["account_id"])
    if to:
        _payable(books, account, to)
    if account.balance and (not to or account.balance < 0 or account.status == "FROZEN"):
        raise No("balance_not_zero")
    if account.balance:
        leg = Leg(source=account.id, destination=to, amount=account.balance)
        books.move(leg, "TRANSFER_OUT", "TRANSFER_IN")
        books.within_limits()
        swept = Transaction(type=command["type"], currency=account.currency, legs=[leg])
        books.transactions[command["command_id"]] = swept
    account.status, account.closed_at = "CLOSED", instant
    return "account.closed", account.shown()


def _payable(books: Books, account: Account, to: str) -> None:
    if books.seen(to) is None:
        raise No("payout_account_not_found")
    if to == account.id:
        raise No("accounts_must_differ")
    if books.accounts[to].status == "CLOSED":
        raise No("payout_account_closed")
    if books.accounts[to].currency != account.currency:
        raise No("currency_differs")


RULES = {
    "account.open": Rule(
        decide=_open,
        needed=("account_id", "account_type", "currency"),
        may=("customer_id", "overdraft_limit", "product"),
        canonical=_with_product,
    ),
    "account.freeze": Rule(decide=_freeze, needed=("account_id", "reason")),
    "account.unfreeze": Rule(decide=_unfreeze, needed=("account_id", "reason")),
    "account.close": Rule(decide=_close, needed=("account_id",), may=("payout_account_id",)),
    "account.set_overdraft": Rule(decide=_set_overdraft, needed=("account_id", "overdraft_limit")),
}
