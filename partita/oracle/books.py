"""The books, kept a second time in exact decimals: what every family's rules see, and the ways to change it.

Product ``plain`` only: no fees, no protection, no holds, so what is available is the balance.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from partita.oracle.history import HOUSE, Json

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


class No(Exception):
    """A refusal."""

    def __init__(self, code: str, /, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(kw_only=True)
class Account:
    """An account as the commands so far leave it."""

    id: str
    type: str
    currency: str
    limit: Decimal
    opened_at: str
    balance: Decimal = Decimal(0)
    entries: int = 0
    status: str = "ACTIVE"
    closed_at: str | None = None

    def text(self, amount: Decimal) -> str:
        """Write *amount* with the decimals of the account's currency."""
        return f"{amount:.{DECIMALS[self.currency]}f}"

    def shown(self) -> Json:
        """Return the account as results show it."""
        return {
            "account_id": self.id, "account_type": self.type, "currency": self.currency, "status": self.status,
            "product": "plain", "customer_id": None, "ledger_balance": self.text(self.balance),
            "available_balance": self.text(self.balance), "overdraft_limit": self.text(self.limit),
            "overdraft_used": self.used()["used"], "protection_account_id": None,
            "opened_at": self.opened_at, "closed_at": self.closed_at,
        }  # fmt: skip

    def used(self) -> Json:
        """Return what results say of its overdraft."""
        zero = self.text(Decimal(0))
        used = self.text(max(Decimal(0), -self.balance))
        return {"used": used, "fee": zero, "waived": False, "protected_by": None, "fee_refunded": zero}


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Money from *source* to *destination*; None is the house's cash."""

    source: str | None
    destination: str | None
    amount: Decimal


@dataclass(kw_only=True)
class Transaction:
    """What was posted, as far as a reversal asks for it."""

    type: str
    currency: str
    legs: list[Leg]
    refused: bool = False
    reversed: bool = False


@dataclass(kw_only=True)
class Answer:
    """What should have been told (``fields`` of the payload) and booked (account, number, amount, balance after)."""

    type: str
    fields: Json
    booked: list[tuple[str, int, Decimal, Decimal]] = field(default_factory=list)


class Books:
    """All accounts and transactions, and what the command that is being decided has changed of them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.transactions: dict[str, Transaction] = {}
        self.shown: list[Json] = []
        self.booked: list[tuple[str, int, Decimal, Decimal]] = []
        self._unseen: Collection[str] = ()
        self._undo: dict[str, tuple[Decimal, int]] = {}

    def begin(self, unseen: Collection[str]) -> None:
        """Begin with another command, to which what has an id in *unseen* is not there yet."""
        self._undo, self.shown, self.booked, self._unseen = {}, [], [], unseen

    def take_all_back(self) -> None:
        """Undo what the command has moved."""
        for account_id, before in self._undo.items():
            self.accounts[account_id].balance, self.accounts[account_id].entries = before

    def seen(self, account_id: str) -> Account | None:
        """Return an account, or None where there is none yet."""
        return None if account_id in self._unseen else self.accounts.get(account_id)

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

    def transaction(self, transaction_id: str) -> Transaction:
        """Return a transaction, or refuse."""
        if transaction_id in self._unseen or transaction_id not in self.transactions:
            raise No("transaction_not_found")
        return self.transactions[transaction_id]

    def move(self, leg: Leg, debit: str, credit: str) -> None:
        """Book *leg*, with these types of entries."""
        self._post(leg.source, debit, -leg.amount)
        self._post(leg.destination, credit, leg.amount)

    def _post(self, account_id: str | None, entry_type: str, amount: Decimal) -> None:
        if account_id is None:
            return
        account = self.accounts[account_id]
        self._undo.setdefault(account_id, (account.balance, account.entries))
        account.balance += amount
        account.entries += 1
        self.booked.append((account_id, account.entries, amount, account.balance))
        after = account.text(account.balance)
        self.shown.append({
            "account_id": account_id, "entry_no": account.entries, "entry_type": entry_type,
            "direction": "DEBIT" if amount < 0 else "CREDIT", "amount": account.text(abs(amount)),
            "balance_after": after, "available_after": after,
        })  # fmt: skip

    def within_limits(self) -> None:
        """Refuse if a balance that the command has changed is out of bounds."""
        for account_id in self._undo:
            account = self.accounts[account_id]
            if abs(account.balance).scaleb(DECIMALS[account.currency]) > BALANCE_MAX:
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
    """A command. ``decide`` returns the type and the fields of its result, or raises ``No`` and has only moved money.

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
