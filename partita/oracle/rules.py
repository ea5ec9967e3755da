"""The rules, stated a second time: a bank in exact decimals that decides one command after another.

Product ``plain`` only: no fees, no protection, no holds, so what is available is the balance.
Codes are tried in the order of precedence in which the wire lists them.
"""

from collections.abc import Collection
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
REVERSIBLE = ("transfer.make", "transfer.deposit", "transfer.withdraw", "transfer.batch")


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


class Bank:
    """All accounts and transactions, and the one way to change them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.transactions: dict[str, Transaction] = {}
        self._unseen: Collection[str] = ()
        self._undo: dict[str, tuple[Decimal, int]] = {}
        self._shown: list[Json] = []
        self._booked: list[tuple[str, int, Decimal, Decimal]] = []

    def decide(self, command: Json, instant: str, unseen: Collection[str] = ()) -> Answer:
        """Answer *command* as if it were decided at *instant*, after everything that was decided before.

        Accounts and transactions with an id in *unseen* are as if they were not there yet.
        """
        self._undo, self._shown, self._booked, self._unseen = {}, [], [], unseen
        family, verb = command["type"].split(".")
        try:
            type_, fields = getattr(self, f"_{verb}")(command, instant)
        except No as no:
            self._take_all_back()
            if family == "transfer":
                failed = Transaction(type=command["type"], currency="", legs=[], refused=True)
                self.transactions[command["command_id"]] = failed
            return Answer(type=f"{family}.rejected", fields={"code": no.code, "details": no.details})
        return Answer(type=type_, fields=fields, booked=self._booked)

    # accounts

    def _open(self, command: Json, instant: str) -> tuple[str, Json]:
        limit = _amount(command["currency"], command.get("overdraft_limit", "0"))
        _not_reserved(command["account_id"])
        if command["account_id"] in self.accounts:
            raise No("account_exists")
        if command.get("customer_id"):
            raise No("customer_not_found")
        if command.get("product", "") not in ("", "plain"):
            raise No("product_not_found")
        account = Account(
            id=command["account_id"], type=command["account_type"], currency=command["currency"], limit=limit,
            opened_at=instant,
        )  # fmt: skip
        self.accounts[account.id] = account
        return "account.opened", account.shown()

    def _freeze(self, command: Json, _instant: str) -> tuple[str, Json]:
        account = self._own(command["account_id"])
        if account.status == "FROZEN":
            raise No("account_already_frozen")
        account.status = "FROZEN"
        return "account.frozen", account.shown() | {"purpose": command["reason"]}

    def _unfreeze(self, command: Json, _instant: str) -> tuple[str, Json]:
        account = self._own(command["account_id"])
        if account.status != "FROZEN":
            raise No("account_not_frozen")
        account.status = "ACTIVE"
        return "account.unfrozen", account.shown() | {"purpose": command["reason"]}

    def _set_overdraft(self, command: Json, _instant: str) -> tuple[str, Json]:
        known = self._seen(command["account_id"])
        limit = _amount(known.currency, command["overdraft_limit"]) if known else Decimal(0)
        account = self._own(command["account_id"])
        if account.balance < -limit:
            raise No("overdraft_in_use")
        account.limit = limit
        return "account.overdraft_set", account.shown()

    def _close(self, command: Json, instant: str) -> tuple[str, Json]:
        to = command.get("payout_account_id", "")
        _not_reserved(command["account_id"])
        account = self._own(command["account_id"])
        if to:
            _not_reserved(to)
            self._payable(account, to)
        if account.balance and (not to or account.balance < 0 or account.status == "FROZEN"):
            raise No("balance_not_zero")
        if account.balance:
            leg = Leg(source=account.id, destination=to, amount=account.balance)
            self._move(leg, "TRANSFER_OUT", "TRANSFER_IN")
            self._within_limits()
            swept = Transaction(type=command["type"], currency=account.currency, legs=[leg])
            self.transactions[command["command_id"]] = swept
        account.status, account.closed_at = "CLOSED", instant
        return "account.closed", account.shown()

    def _payable(self, account: Account, to: str) -> None:
        if self._seen(to) is None:
            raise No("payout_account_not_found")
        if to == account.id:
            raise No("accounts_must_differ")
        if self.accounts[to].status == "CLOSED":
            raise No("payout_account_closed")
        if self.accounts[to].currency != account.currency:
            raise No("currency_differs")

    # transfers

    def _make(self, command: Json, _instant: str) -> tuple[str, Json]:
        leg = self._transfer(command)
        return "transfer.posted", self._posted(command, [leg]) | {"overdraft": self._used(leg)}

    def _deposit(self, command: Json, _instant: str) -> tuple[str, Json]:
        account, amount = self._at_the_counter(command, debit=False)
        leg = Leg(source=None, destination=account.id, amount=amount)
        self._move(leg, "DEPOSIT", "DEPOSIT")
        self._within_limits()
        return "transfer.posted", self._posted(command, [leg]) | {"overdraft": self._used(leg)}

    def _withdraw(self, command: Json, _instant: str) -> tuple[str, Json]:
        account, amount = self._at_the_counter(command, debit=True)
        if account.balance - amount < -account.limit:
            raise No("insufficient_funds")
        leg = Leg(source=account.id, destination=None, amount=amount)
        self._move(leg, "WITHDRAWAL", "WITHDRAWAL")
        return "transfer.posted", self._posted(command, [leg]) | {"overdraft": self._used(leg)}

    def _batch(self, command: Json, _instant: str) -> tuple[str, Json]:
        legs: list[Leg] = []
        used: list[Json] = []
        for index, wanted in enumerate(command["legs"]):
            try:
                legs.append(self._transfer(wanted, together=self._currency(legs[0]) if legs else ""))
            except No as no:
                raise No("leg_refused", index=index, code=no.code) from None
            used.append(self._used(legs[-1]))
        return "transfer.batch_posted", self._posted(command, legs) | {"overdraft": used}

    def _reverse(self, command: Json, _instant: str) -> tuple[str, Json]:
        _not_reserved(command["account_id"])
        original = self.transactions.get(command["transaction_id"])
        if original is None or command["transaction_id"] in self._unseen:
            raise No("transaction_not_found")
        first = original.legs[0] if original.legs else None
        if first and command["account_id"] != (first.source or first.destination):
            raise No("account_differs")
        if original.reversed:
            raise No("already_reversed")
        if original.refused or original.type not in REVERSIBLE:
            raise No("not_reversible")
        for leg in reversed(original.legs):  # what came last goes back first
            self._take_back(leg)
        self._within_limits()
        original.reversed = True
        back = [Leg(source=leg.destination, destination=leg.source, amount=leg.amount) for leg in original.legs]
        fields = self._posted(command, back) | {"original_transaction_id": command["transaction_id"]}
        if original.type != "transfer.batch":
            fields["overdraft"] = self._used(back[0])
        return "transfer.reversed", fields

    def _transfer(self, wanted: Json, together: str = "") -> Leg:
        source_id, destination_id = wanted["source_account_id"], wanted["destination_account_id"]
        amount = self._amount_of(wanted, source_id)
        _not_reserved(source_id)
        _not_reserved(destination_id)
        if source_id == destination_id:
            raise No("accounts_must_differ")
        source, destination = self._existing(source_id), self._existing(destination_id)
        for account in (source, destination):
            if account.status == "CLOSED":
                raise No("account_closed", account_id=account.id)
        if source.status == "FROZEN":
            raise No("account_frozen", account_id=source.id)
        if {wanted.get("currency", ""), destination.currency, together} - {"", source.currency}:
            raise No("currency_differs")
        if source.balance - amount < -source.limit:
            raise No("insufficient_funds")
        leg = Leg(source=source_id, destination=destination_id, amount=amount)
        self._move(leg, "TRANSFER_OUT", "TRANSFER_IN")
        self._within_limits()
        return leg

    def _take_back(self, leg: Leg) -> None:
        for account_id in (leg.destination, leg.source):
            if account_id and self.accounts[account_id].status == "CLOSED":
                raise No("account_closed", account_id=account_id)
        if leg.destination:
            receiver = self.accounts[leg.destination]
            if receiver.status == "FROZEN":
                raise No("account_frozen", account_id=receiver.id)
            if receiver.balance < leg.amount:
                raise No("insufficient_funds")
        self._move(Leg(source=leg.destination, destination=leg.source, amount=leg.amount), "REVERSAL", "REVERSAL")

    def _at_the_counter(self, command: Json, *, debit: bool) -> tuple[Account, Decimal]:
        amount = self._amount_of(command, command["account_id"])
        _not_reserved(command["account_id"])
        account = self._existing(command["account_id"])
        if account.status == "CLOSED":
            raise No("account_closed")
        if debit and account.status == "FROZEN":
            raise No("account_frozen")
        if command.get("currency", "") not in ("", account.currency):
            raise No("currency_differs")
        return account, amount

    # what the rules share

    def _own(self, account_id: str) -> Account:
        _not_reserved(account_id)
        account = self._existing(account_id)
        if account.status == "CLOSED":
            raise No("account_closed")
        return account

    def _existing(self, account_id: str) -> Account:
        account = self._seen(account_id)
        if account is None:
            raise No("account_not_found", account_id=account_id)
        return account

    def _seen(self, account_id: str) -> Account | None:
        return None if account_id in self._unseen else self.accounts.get(account_id)

    def _amount_of(self, wanted: Json, account_id: str) -> Decimal:
        """Judge the amount by the given currency, else by the account's; without either the account is missed next."""
        account = self._seen(account_id)
        currency = wanted.get("currency") or (account.currency if account else "")
        return _amount(currency, wanted["amount"]) if currency else Decimal(wanted["amount"])

    def _currency(self, leg: Leg) -> str:
        return self.accounts[leg.source or leg.destination or ""].currency

    def _used(self, leg: Leg) -> Json:
        return self.accounts[leg.source or leg.destination or ""].used()

    def _move(self, leg: Leg, debit: str, credit: str) -> None:
        self._post(leg.source, debit, -leg.amount)
        self._post(leg.destination, credit, leg.amount)

    def _post(self, account_id: str | None, entry_type: str, amount: Decimal) -> None:
        if account_id is None:
            return
        account = self.accounts[account_id]
        self._undo.setdefault(account_id, (account.balance, account.entries))
        account.balance += amount
        account.entries += 1
        self._booked.append((account_id, account.entries, amount, account.balance))
        after = account.text(account.balance)
        self._shown.append({
            "account_id": account_id, "entry_no": account.entries, "entry_type": entry_type,
            "direction": "DEBIT" if amount < 0 else "CREDIT", "amount": account.text(abs(amount)),
            "balance_after": after, "available_after": after,
        })  # fmt: skip

    def _within_limits(self) -> None:
        for account_id in self._undo:
            account = self.accounts[account_id]
            if abs(account.balance).scaleb(DECIMALS[account.currency]) > BALANCE_MAX:
                raise No("balance_limit_exceeded")

    def _take_all_back(self) -> None:
        for account_id, before in self._undo.items():
            self.accounts[account_id].balance, self.accounts[account_id].entries = before

    def _posted(self, command: Json, legs: list[Leg]) -> Json:
        currency = self._currency(legs[0])
        self.transactions[command["command_id"]] = Transaction(type=command["type"], currency=currency, legs=legs)
        told = {"description": "description", "reason": "purpose", "reference": "reference"}
        return {
            "transaction_id": command["command_id"],
            "amount": f"{sum((leg.amount for leg in legs), Decimal(0)):.{DECIMALS[currency]}f}",
            "currency": currency,
            "entries": self._shown,
        } | {name: command[said] for said, name in told.items() if command.get(said)}


def _amount(currency: str, text: str) -> Decimal:
    if currency not in DECIMALS:
        raise No("currency_unknown")
    decimals = DECIMALS[currency]
    if len(text.partition(".")[2]) > decimals or Decimal(text).scaleb(decimals) >= AMOUNT_BELOW:
        raise No("amount_invalid")
    return Decimal(text)


def _not_reserved(account_id: str) -> None:
    if account_id.startswith(HOUSE):
        raise No("account_reserved")
