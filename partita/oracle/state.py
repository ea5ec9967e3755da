"""What the books hold: customers, products, accounts with their holds, fees, interest and advances, transactions.

An instant is a text of one form, RFC 3339 in UTC with microseconds, so instants compare as they stand. What was so at
the end of a day is kept as the days on which it changed.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from partita.oracle.history import Json

T = TypeVar("T")
ZERO = Decimal(0)
NOTHING = Fraction(0)


@dataclass(kw_only=True)
class Customer:
    """A customer as the commands so far leave it."""

    id: str
    name: str
    born: str
    address: str
    kyc_status: str
    good_standing: bool = True


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A rate a year, and the balance from which on it holds: in minor units, in units for a product of any currency."""

    start: Decimal
    rate: Decimal


@dataclass(frozen=True, kw_only=True)
class Product:
    """What a product says of accounts that may have it, of fees and of interest; no currency means every one."""

    types: tuple[str, ...]
    currency: str = ""
    version: int = 1
    fee_minor: int
    per_day: int = 3
    per_month: int = 10
    first_waived: bool = True
    may_exceed_limit: bool = True
    grace_hours: int = 0
    interest: str = "none"
    tier_mode: str = "whole"
    tiers: tuple[Tier, ...] = ()
    day_count: int = 365


@dataclass(frozen=True, kw_only=True)
class Fee:
    """An overdraft fee that fell due: charged or waived; refundable until an instant, or never (an empty one)."""

    amount: Decimal
    day: date
    charged: bool
    until: str = ""
    refunded: bool = False


@dataclass(kw_only=True)
class Hold:
    """Money set aside; ``amount`` is the authorised total."""

    id: str
    account_id: str
    reason: str
    amount: Decimal
    remaining: Decimal
    expires_at: str | None
    captured: Decimal = ZERO
    status: str = "OPEN"

    def expired(self, instant: str) -> bool:
        """Say whether it holds nothing any more from *instant* on, tidied up or not."""
        return self.expires_at is not None and self.expires_at <= instant


@dataclass(frozen=True, kw_only=True)
class Accrual:
    """What an account has earned and was not paid, in units of its currency: *carried* over, and by month since.

    *until* is the last day that has accrued, *posted* the last one of the months that were posted.
    """

    until: date
    posted: date
    carried: Fraction = NOTHING
    months: tuple[tuple[date, Fraction], ...] = ()  # by the first day of each

    @property
    def total(self) -> Fraction:
        """Return all of it."""
        return sum((amount for _, amount in self.months), self.carried)


@dataclass(kw_only=True)
class Payment:
    """A payment of an advance; ``amount`` is with what was moved to it."""

    number: int
    due: date
    amount: Decimal
    paid: Decimal = ZERO
    status: str = "SCHEDULED"
    moved_to: int | None = None

    @property
    def left(self) -> Decimal:
        """Return what is not paid of it."""
        return self.amount - self.paid


@dataclass(kw_only=True)
class Advance:
    """Money granted, and the payments that bring it back, by number; so many of them were planned at first."""

    id: str
    amount: Decimal
    planned: int
    payments: list[Payment]
    written_off: Decimal = ZERO
    status: str = "OPEN"

    @property
    def scheduled(self) -> list[Payment]:
        """Return the payments that are not settled."""
        return [payment for payment in self.payments if payment.status == "SCHEDULED"]

    @property
    def outstanding(self) -> Decimal:
        """Return how much is owed."""
        return sum((payment.left for payment in self.scheduled), ZERO)


@dataclass(kw_only=True)
class Account:
    """An account as the commands so far leave it, with its last entry; *open* are its holds that have not ended.

    *closings* is the balance, and *products* the product, that each day ended with on which it changed; *advance* is
    the id of the one that is neither repaid nor written off.
    """

    id: str
    type: str
    currency: str
    decimals: int
    limit: Decimal
    product: str
    customer_id: str | None
    opened_at: str
    balance: Decimal = ZERO
    entries: int = 0
    moved_at: str = ""
    status: str = "ACTIVE"
    closed_at: str | None = None
    protection: str | None = None
    holds: dict[str, Hold] = field(default_factory=dict)
    open: tuple[Hold, ...] = ()
    fees: tuple[Fee, ...] = ()
    accrual: Accrual
    closings: tuple[tuple[date, Decimal], ...] = ()
    products: tuple[tuple[date, str], ...] = ()
    advances: dict[str, Advance] = field(default_factory=dict)
    advance: str | None = None

    def text(self, amount: Decimal) -> str:
        """Write *amount* with the decimals of the account's currency."""
        return f"{amount:.{self.decimals}f}"

    def available(self, instant: str) -> Decimal:
        """Return what may be spent at *instant*, besides the overdraft."""
        return self.balance - sum((hold.remaining for hold in self.open if not hold.expired(instant)), ZERO)

    def shown(self, instant: str) -> Json:
        """Return the account as results of *instant* show it."""
        return {
            "account_id": self.id, "account_type": self.type, "currency": self.currency, "status": self.status,
            "product": self.product, "customer_id": self.customer_id, "ledger_balance": self.text(self.balance),
            "available_balance": self.text(self.available(instant)), "overdraft_limit": self.text(self.limit),
            "overdraft_used": self.text(max(ZERO, -self.balance)), "protection_account_id": self.protection,
            "opened_at": self.opened_at, "closed_at": self.closed_at,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Leg:
    """Money from *source* to *destination*; None is the house."""

    source: str | None
    destination: str | None
    amount: Decimal


@dataclass(kw_only=True)
class Transaction:
    """What was posted, as far as a reversal or a refund asks for it: its own legs, and how much has come back."""

    type: str
    currency: str
    legs: list[Leg]
    refused: bool = False
    reversed: bool = False
    refunded: Decimal = ZERO

    @property
    def maker(self) -> str:
        """Return the account that it was made from: the first one debited, of a deposit the credited one; or none."""
        return (self.legs[0].source or self.legs[0].destination or "") if self.legs else ""


def ended_with(days: tuple[tuple[date, T], ...], day: date, value: T) -> tuple[tuple[date, T], ...]:
    """Return *days* where *day*, none of which is later, ends with *value* so far."""
    return (*(days[:-1] if days and days[-1][0] == day else days), (day, value))


def at_the_end(days: tuple[tuple[date, T], ...], day: date, before: T) -> T:
    """Return what *day* ended with by *days*; *before* the first of them it was that."""
    index = bisect_right(days, day, key=lambda one: one[0])
    return days[index - 1][1] if index else before
