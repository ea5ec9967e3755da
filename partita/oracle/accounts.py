"""The family ``account``. Codes are tried in the order of precedence in which the wire lists them."""

from partita.oracle import interest, overdraft, products
from partita.oracle.books import DECIMALS, Books, No, Rule, money, not_reserved
from partita.oracle.history import Json
from partita.oracle.state import ZERO, Account, Leg, Transaction, ended_with

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
    customer_id = command.get("customer_id")
    if customer_id is not None and books.customer(customer_id).kyc_status != "VERIFIED":
        raise No("customer_not_verified")
    products.suits(books, command["product"], command["account_type"], command["currency"])
    account = Account(
        id=command["account_id"],
        type=command["account_type"],
        currency=command["currency"],
        decimals=DECIMALS[command["currency"]],
        limit=limit,
        product=command["product"],
        customer_id=customer_id,
        opened_at=instant,
        accrual=interest.nothing_yet(books.today),
        products=((books.today, command["product"]),),
    )
    books.accounts[account.id] = account
    return "account.opened", account.shown(instant)


def _freeze(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    account = books.own(command["account_id"])
    if account.status == "FROZEN":
        raise No("account_already_frozen")
    account.status = "FROZEN"
    return "account.frozen", account.shown(instant) | {"purpose": command["reason"]}


def _unfreeze(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    account = books.own(command["account_id"])
    if account.status != "FROZEN":
        raise No("account_not_frozen")
    account.status = "ACTIVE"
    return "account.unfrozen", account.shown(instant) | {"purpose": command["reason"]}


def _set_overdraft(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    known = books.seen(command["account_id"])
    limit = money(known.currency, command["overdraft_limit"]) if known else ZERO
    account = books.own(command["account_id"])
    if account.balance < -limit:
        raise No("overdraft_in_use")
    account.limit = limit
    return "account.overdraft_set", account.shown(instant)


def _close(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    to = command.get("payout_account_id", "")
    not_reserved(command["account_id"])
    not_reserved(to)
    account = books.own(command["account_id"])
    if any(not hold.expired(instant) for hold in account.open):
        raise No("holds_open")
    if account.advance:
        raise No("advance_open")
    if to:
        _payable(books, account, to)
    if account.balance < 0:
        raise No("balance_not_zero")
    interest.pay_all(books, account)
    if account.balance and (not to or account.status == "FROZEN"):
        raise No("balance_not_zero")
    if account.balance:
        leg = Leg(source=account.id, destination=to, amount=account.balance)
        books.move(leg, "TRANSFER_OUT", "TRANSFER_IN")
        overdraft.give_back(books, [to])
        books.within_limits()
        swept = Transaction(type=command["type"], currency=account.currency, legs=[leg])
        books.transactions[command["command_id"]] = swept
    account.status, account.closed_at = "CLOSED", instant
    for other in books.accounts.values():
        if other.protection == account.id:
            other.protection = None
    return "account.closed", account.shown(instant)


def _payable(books: Books, account: Account, to: str) -> None:
    if books.seen(to) is None:
        raise No("payout_account_not_found")
    if to == account.id:
        raise No("accounts_must_differ")
    if books.accounts[to].status == "CLOSED":
        raise No("payout_account_closed")
    if books.accounts[to].currency != account.currency:
        raise No("currency_differs")


def _set_product(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    account = books.own(command["account_id"])
    products.suits(books, command["product"], account.type, account.currency)
    account.product = command["product"]
    account.products = ended_with(account.products, books.today, account.product)
    return "account.product_set", account.shown(instant)


def _link_protection(books: Books, command: Json, instant: str) -> tuple[str, Json]:
    by = command["protection_account_id"]
    not_reserved(command["account_id"])
    not_reserved(by or "")
    account = books.existing(command["account_id"])
    if by is not None:
        _may_protect(books, account, by)
    account.protection = by
    return "account.protection_linked", account.shown(instant)


def _may_protect(books: Books, account: Account, by: str) -> None:
    protector = books.seen(by)
    if protector is None:
        raise No("protection_account_not_found")
    if protector is account:
        raise No("accounts_must_differ")
    if protector.status == "CLOSED":
        raise No("protection_account_closed")
    if protector.customer_id != account.customer_id:
        raise No("customer_differs")
    if protector.currency != account.currency:
        raise No("currency_differs")
    following = protector
    while following.protection is not None:
        following = books.accounts[following.protection]
        if following is account:
            raise No("protection_cycle")


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
    "account.set_product": Rule(decide=_set_product, needed=("account_id", "product")),
    "account.link_protection": Rule(decide=_link_protection, needed=("account_id", "protection_account_id")),
}
