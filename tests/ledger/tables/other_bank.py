"""A bank of a few lines: the ledger's rules stated once more, in decimals and dictionaries.

Invariant It shares nothing with the product but the words on the wire, so that both can be wrong only on their own.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

PLACES: Final = {"USD": 2, "JPY": 0}
Leg = tuple[str, str, Decimal]  # from, to, amount; "" is the house's cash


class No(Exception):
    """The other bank's way to refuse: with a code."""


@dataclass
class Account:
    currency: str
    limit: Decimal
    balance: Decimal = Decimal(0)
    entries: int = 0
    frozen: bool = False
    closed: bool = False


@dataclass
class Deed:
    """What a command did, if it moved money or tried to."""

    legs: list[Leg]
    may_be_reversed: bool
    is_reversed: bool = False


@dataclass
class OtherBank:
    """The rules once more. Every method either does what it is asked, or raises ``No`` and has done nothing."""

    accounts: dict[str, Account] = field(default_factory=dict)
    cash: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(PLACES, Decimal(0)))
    deeds: dict[str, Deed] = field(default_factory=dict)

    def open(self, name: str, currency: str, limit: str) -> None:
        allowed = _measured(limit, currency)
        _own(name)
        _unless(name in self.accounts, "account_exists")
        self.accounts[name] = Account(currency, allowed)

    def freeze(self, name: str) -> None:
        account = self._living(name)
        _unless(account.frozen, "account_already_frozen")
        account.frozen = True

    def unfreeze(self, name: str) -> None:
        account = self._living(name)
        _unless(not account.frozen, "account_not_frozen")
        account.frozen = False

    def limit(self, name: str, limit: str) -> None:
        allowed = _measured(limit, self.accounts[name].currency) if name in self.accounts else Decimal(0)
        account = self._living(name)
        _unless(account.balance + allowed < 0, "overdraft_in_use")
        account.limit = allowed

    def close(self, deed: str, name: str, payout: str) -> None:
        _own(name, payout)
        account = self._living(name)
        if payout:
            _unless(payout not in self.accounts, "payout_account_not_found")
            _unless(payout == name, "accounts_must_differ")
            _unless(self.accounts[payout].closed, "payout_account_closed")
            _unless(self.accounts[payout].currency != account.currency, "currency_differs")
        _unless(account.balance < 0, "balance_not_zero")
        _unless(account.balance > 0 and (account.frozen or not payout), "balance_not_zero")
        if account.balance:
            legs = [(name, payout, account.balance)]
            self.post(legs, account.currency)
            self.deeds[deed] = Deed(legs, may_be_reversed=False)
        account.closed = True

    def deposit(self, name: str, amount: str, currency: str) -> tuple[list[Leg], str]:
        value = self._value(name, amount, currency)
        account = self._living(name)
        _unless(currency not in ("", account.currency), "currency_differs")
        return [("", name, value)], account.currency

    def withdraw(self, name: str, amount: str, currency: str) -> tuple[list[Leg], str]:
        value = self._value(name, amount, currency)
        account = self._living(name)
        _unless(account.frozen, "account_frozen")
        _unless(currency not in ("", account.currency), "currency_differs")
        _unless(account.balance - value < -account.limit, "insufficient_funds")
        return [(name, "", value)], account.currency

    def transfer(self, source: str, target: str, amount: str, currency: str, shared: str = "") -> tuple[list[Leg], str]:
        value = self._value(source, amount, currency)
        _own(source, target)
        _unless(source == target, "accounts_must_differ")
        _unless(source not in self.accounts or target not in self.accounts, "account_not_found")
        payer, payee = self.accounts[source], self.accounts[target]
        _unless(payer.closed or payee.closed, "account_closed")
        _unless(payer.frozen, "account_frozen")
        one = payer.currency
        _unless({one, payee.currency, currency or one, shared or one} != {one}, "currency_differs")
        _unless(payer.balance - value < -payer.limit, "insufficient_funds")
        return [(source, target, value)], payer.currency

    def batch(self, legs: list[tuple[str, str, str, str]]) -> tuple[list[Leg], str]:
        trial = OtherBank({name: Account(**vars(account)) for name, account in self.accounts.items()}, dict(self.cash))
        done: list[Leg] = []
        shared = ""
        for index, leg in enumerate(legs):
            try:
                moved, shared = trial.transfer(*leg, shared)
            except No as no:
                raise No(f"leg_refused {index} {no}") from None
            trial.post(moved, shared)
            done += moved
        return done, shared

    def reverse(self, name: str, deed: str) -> tuple[list[Leg], str]:
        _own(name)
        _unless(deed not in self.deeds, "transaction_not_found")
        original = self.deeds[deed]
        if original.legs:
            _unless(name != (original.legs[0][0] or original.legs[0][1]), "account_differs")
        _unless(original.is_reversed, "already_reversed")
        _unless(not original.may_be_reversed, "not_reversible")
        back = [(target, source, value) for source, target, value in reversed(original.legs)]
        touched = [self.accounts[side] for source, target, _ in back for side in (source, target) if side]
        _unless(any(account.closed for account in touched), "account_closed")
        _unless(any(self.accounts[source].frozen for source, _, _ in back if source), "account_frozen")
        having = {side: account.balance for side, account in self.accounts.items()}
        for source, target, value in back:
            _unless(bool(source) and having[source] < value, "insufficient_funds")
            having[source] = having.get(source, Decimal(0)) - value
            having[target] = having.get(target, Decimal(0)) + value
        original.is_reversed = True
        return back, touched[0].currency

    def post(self, legs: list[Leg], currency: str) -> None:
        for source, target, value in legs:
            for side, change in ((source, -value), (target, value)):
                if side:
                    self.accounts[side].balance += change
                    self.accounts[side].entries += 1
                else:
                    self.cash[currency] += change

    def _living(self, name: str) -> Account:
        _own(name)
        _unless(name not in self.accounts, "account_not_found")
        _unless(self.accounts[name].closed, "account_closed")
        return self.accounts[name]

    def _value(self, name: str, amount: str, currency: str) -> Decimal:
        if not currency and name not in self.accounts:
            return Decimal(0)
        return _measured(amount, currency or self.accounts[name].currency)


def _unless(wrong: bool, code: str) -> None:  # noqa: FBT001 - reads as: unless this, or no
    if wrong:
        raise No(code)


def _own(*names: str) -> None:
    _unless(any(name.startswith("house:") for name in names), "account_reserved")


def _measured(amount: str, currency: str) -> Decimal:
    _unless(currency not in PLACES, "currency_unknown")
    value = Decimal(amount).scaleb(PLACES[currency])
    _unless(-int(Decimal(amount).as_tuple().exponent) > PLACES[currency] or value >= 10**15, "amount_invalid")
    return Decimal(amount)
