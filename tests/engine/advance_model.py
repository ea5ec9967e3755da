"""Advances told a second time, by the standard library alone: one account and its advance, in whole minor units.

Every method is a command's: it changes the account, and returns the type of the answer or the code of the refusal, with
what the answer says in figures.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

WEEK = timedelta(days=7)
OPEN, COLLECTED, FAILED, REPAID, WRITTEN_OFF = range(1, 6)

Told = tuple[str, int | None, int | None]  # type or code, amount, payment that it moved to


@dataclass
class Instalment:
    """A payment, as the tables have it."""

    due: date
    amount: int
    status: int = OPEN
    paid: int = 0
    moved_to: int | None = None

    @property
    def owed(self) -> int:
        return self.amount - self.paid if self.status == OPEN else 0


@dataclass
class Debtor:
    """An account that never had more than one advance."""

    extra: bool  # what fails gathers behind the last payment
    balance: int = 0
    frozen: bool = False
    granted: int = 0
    count: int = 0
    written_off: int = 0
    payments: list[Instalment] = field(default_factory=list)

    @property
    def owed(self) -> int:
        return sum(payment.owed for payment in self.payments)

    def grant(self, amount: int, count: int, first_due: date) -> Told:
        self.granted, self.count = amount, count
        self.balance += amount
        self.payments = [Instalment(first_due + number * WEEK, amount // count) for number in range(count)]
        self.payments[-1].amount = amount - (count - 1) * (amount // count)
        return "advance.granted", amount, None

    def deposit(self, amount: int) -> Told:
        self.balance += amount
        return "transfer.posted", amount, None

    def withdraw(self, amount: int) -> Told:
        if self.frozen:
            return "account_frozen", None, None
        if amount > self.balance:
            return "insufficient_funds", None, None
        self.balance -= amount
        return "transfer.posted", amount, None

    def freeze(self) -> Told:
        if self.frozen:
            return "account_already_frozen", None, None
        self.frozen = True
        return "account.frozen", None, None

    def unfreeze(self) -> Told:
        if not self.frozen:
            return "account_not_frozen", None, None
        self.frozen = False
        return "account.unfrozen", None, None

    def collect(self, number: int, today: date) -> Told:
        if number > len(self.payments):
            return "payment_not_found", None, None
        payment = self.payments[number - 1]
        if payment.status != OPEN:
            return "payment_settled", None, None
        if payment.due > today:
            return "payment_not_due", None, None
        owed = payment.owed
        if not self.frozen and owed <= self.balance:
            self.balance -= owed
            payment.paid, payment.status = payment.amount, COLLECTED
            return "advance.payment_collected", owed, None
        payment.moved_to = self._carry(number, owed, today)
        payment.status = FAILED
        return "advance.payment_failed", owed, payment.moved_to

    def _carry(self, number: int, owed: int, today: date) -> int:
        behind = max(number, self.count) if self.extra else number
        for place, payment in enumerate(self.payments, start=1):
            if place > behind and payment.status == OPEN:
                payment.amount += owed
                return place
        last = max(payment.due for payment in self.payments) if self.extra else self.payments[number - 1].due
        self.payments.append(Instalment(max(last, today) + WEEK, owed))
        return len(self.payments)

    def repay(self, amount: int) -> Told:
        if not self.owed:
            return "advance_closed", None, None
        if self.frozen:
            return "account_frozen", None, None
        if amount > self.owed:
            return "amount_exceeds_advance", None, None
        if amount > self.balance:
            return "insufficient_funds", None, None
        self.balance -= amount
        left = amount
        for _, _, payment in sorted((each.due, place, each) for place, each in enumerate(self.payments) if each.owed):
            part = min(left, payment.owed)
            payment.paid, left = payment.paid + part, left - part
            payment.status = REPAID if payment.paid == payment.amount else OPEN
        return "advance.repaid", amount, None

    def write_off(self) -> Told:
        if not (owed := self.owed):
            return "advance_closed", None, None
        self.written_off = owed
        for payment in self.payments:
            payment.status = WRITTEN_OFF if payment.status == OPEN else payment.status
        return "advance.written_off", owed, None
