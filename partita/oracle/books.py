"""The books, kept a second time in exact decimals: what every family's rules see, and the ways to change it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from partita.oracle.history import HOUSE, Json
from partita.oracle.state import Account, Customer, Hold, Leg, Product, Transaction, ended_with

_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
        COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
        INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
        MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
        STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {code: decimals for decimals, codes in _CODES.items() for code in codes.split()}
AMOUNT_BELOW = 10**15
BALANCE_MAX = 9 * 10**17
ONE_DAY = timedelta(days=1)

Thing = tuple[str, str]  # a kind of thing ("account", "customer", "product", "transaction"), and an id of that kind


class No(Exception):
    """A refusal."""

    def __init__(self, code: str, /, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(kw_only=True)
class Answer:
    """What should have been told (``fields`` of the payload; None is null or left out) and booked.

    ``booked`` are the entries on customers' accounts (account, number, amount, balance after); ``house`` is how much
    each of the house's accounts got.
    """

    type: str
    fields: Json
    booked: list[tuple[str, int, Decimal, Decimal]] = field(default_factory=list)
    house: dict[str, Decimal] = field(default_factory=dict)


class Books:
    """Everything so far, and what the command being decided has changed of it. Bank days are those of *zone*.

    An advance is no larger than *advance_limits* says of its currency, if anything. What is not collected of one moves
    to its next payment or, where it is *carried_extra*, behind all that were planned.
    """

    def __init__(
        self, zone: tzinfo = UTC, *, advance_limits: Mapping[str, Decimal] | None = None, carried_extra: bool = False
    ) -> None:
        self.advance_limits, self.carried_extra = advance_limits or {}, carried_extra
        self.customers: dict[str, Customer] = {}
        self.products: dict[str, Product] = {}
        self.product_days: dict[str, tuple[tuple[date, Product], ...]] = {}  # the version that each day ended with
        self.accounts: dict[str, Account] = {}
        self.transactions: dict[str, Transaction] = {}
        self.shown: list[Json] = []
        self.booked: list[tuple[str, int, Decimal, Decimal]] = []
        self.house: dict[str, Decimal] = {}
        self.instant = ""
        self._zone = zone
        self._unseen: Collection[Thing] = ()
        self._undo: dict[int, tuple[Account | Hold, Json]] = {}

    def begin(self, instant: str, unseen: Collection[Thing]) -> None:
        """Begin with another command, decided at *instant*, to which what is *unseen* is not there yet."""
        self.instant, self._unseen = instant, unseen
        self._undo, self.shown, self.booked, self.house = {}, [], [], defaultdict(Decimal)

    def touch(self, thing: Account | Hold) -> None:
        """Remember how *thing* is: it is about to change, and the command may still be refused."""
        self._undo.setdefault(id(thing), (thing, dict(vars(thing))))

    def take_all_back(self) -> None:
        """Make everything that was touched as it was before the command."""
        for thing, before in self._undo.values():
            vars(thing).update(before)

    @property
    def now(self) -> datetime:
        """Return the instant of the decision, in the bank's zone."""
        return datetime.fromisoformat(self.instant).astimezone(self._zone)

    @property
    def today(self) -> date:
        """Return the bank day of the decision."""
        return self.now.date()

    def is_unseen(self, kind: str, name: str) -> bool:
        """Say whether what has this id is as if it were not there yet."""
        return (kind, name) in self._unseen

    def seen(self, account_id: str) -> Account | None:
        """Return an account, or None where there is none yet."""
        return None if self.is_unseen("account", account_id) else self.accounts.get(account_id)

    def existing(self, account_id: str) -> Account:
        """Return an account, or refuse."""
        account = self.seen(account_id)
        if account is None:
            raise No("account_not_found", account_id=account_id)
        return account

    def own(self, account_id: str) -> Account:
        """Return a customer's account that is not closed, or refuse."""
        not_reserved(account_id)
        account = self.existing(account_id)
        if account.status == "CLOSED":
            raise No("account_closed")
        return account

    def customer(self, customer_id: str) -> Customer:
        """Return a customer, or refuse."""
        if self.is_unseen("customer", customer_id) or customer_id not in self.customers:
            raise No("customer_not_found")
        return self.customers[customer_id]

    def transaction(self, transaction_id: str) -> Transaction:
        """Return a transaction, or refuse."""
        if self.is_unseen("transaction", transaction_id) or transaction_id not in self.transactions:
            raise No("transaction_not_found")
        return self.transactions[transaction_id]

    def currency_of(self, transaction_id: str) -> str:
        """Return the currency of a transaction, or an empty text where there is none or it was refused."""
        if self.is_unseen("transaction", transaction_id) or transaction_id not in self.transactions:
            return ""
        return self.transactions[transaction_id].currency

    def measured(self, said: Json, account_id: str) -> Decimal:
        """Return the amount that *said* names, or refuse.

        It is measured by the given currency, else by the account's; without either the account is missed next.
        """
        account = self.seen(account_id)
        currency = said.get("currency") or (account.currency if account else "")
        return money(currency, said["amount"]) if currency else Decimal(said["amount"])

    def available(self, account: Account) -> Decimal:
        """Return what may be spent of *account* now, besides the overdraft."""
        return account.available(self.instant)

    def move(self, leg: Leg, debit: str, credit: str, *, house: str = "cash") -> None:
        """Book *leg*, with these types of entries; where it names no account, the house's account *house* is meant."""
        currency = self.accounts[leg.source or leg.destination or ""].currency
        for account_id, entry_type, amount in ((leg.source, debit, -leg.amount), (leg.destination, credit, leg.amount)):
            if account_id is None:
                self.house[f"{HOUSE}{house}:{currency}"] += amount
            else:
                self._post(self.accounts[account_id], entry_type, amount)

    def _post(self, account: Account, entry_type: str, amount: Decimal) -> None:
        self.touch(account)
        account.balance += amount
        account.entries += 1
        account.moved_at = self.instant
        account.closings = ended_with(account.closings, self.today, account.balance)
        self.booked.append((account.id, account.entries, amount, account.balance))
        self.shown.append({
            "account_id": account.id, "entry_no": account.entries, "entry_type": entry_type,
            "direction": "DEBIT" if amount < 0 else "CREDIT", "amount": account.text(abs(amount)),
            "balance_after": account.text(account.balance), "available_after": account.text(self.available(account)),
        })  # fmt: skip

    def within_limits(self) -> None:
        """Refuse if a balance that the command has changed is out of bounds."""
        for thing, _ in self._undo.values():
            if isinstance(thing, Account) and abs(thing.balance).scaleb(thing.decimals) > BALANCE_MAX:
                raise No("balance_limit_exceeded")


Decide = Callable[[Books, Json, str], tuple[str, Json]]


def _any(_said: Json) -> bool:
    return True


def _as_it_is(said: Json) -> Json:
    return said


def _nothing(_books: Books, _command: Json) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A command. ``decide`` returns the type and fields of its result, or raises ``No``, all that it changed touched.

    Beside the fields that it needs and may have, ``well_formed`` looks at what no single field tells; ``canonical``
    turns what means the same into the same, and changes nothing the second time; ``refused`` keeps what a refusal
    leaves.
    """

    decide: Decide
    needed: tuple[str, ...]
    may: tuple[str, ...] = ()
    well_formed: Callable[[Json], bool] = _any
    canonical: Callable[[Json], Json] = _as_it_is
    refused: Callable[[Books, Json], None] = _nothing


def money(currency: str, text: str) -> Decimal:
    """Return the amount that *text* says in *currency*, or refuse."""
    if currency not in DECIMALS:
        raise No("currency_unknown")
    decimals = DECIMALS[currency]
    if len(text.partition(".")[2]) > decimals or Decimal(text).scaleb(decimals) >= AMOUNT_BELOW:
        raise No("amount_invalid")
    return Decimal(text)


def not_reserved(account_id: str) -> None:
    """Refuse an account of the house's."""
    if account_id.startswith(HOUSE):
        raise No("account_reserved")
