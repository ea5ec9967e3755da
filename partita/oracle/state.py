"""What the books hold: customers, products, accounts with their holds and fees, transactions.

An instant is a text of one form, RFC 3339 in UTC with microseconds, so instants compare as they stand.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from partita.oracle.history import Json

ZERO = Decimal(0)


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
class Product:
    """What a product says of accounts that may have it, and of overdraft fees; no currency means every one."""

    types: tuple[str, ...]
    currency: str = ""
    version: int = 1
    fee_minor: int
    per_day: int = 3
    per_month: int = 10
    first_waived: bool = True
    may_exceed_limit: bool = True
    grace_hours: int = 0


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


@dataclass(kw_only=True)
class Account:
    """An account as the commands so far leave it, with its last entry; *open* are its holds that have not ended."""

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
        """Return the account that it was made from: the first one debited, the credited one of a deposit."""
        return (self.legs[0].source or self.legs[0].destination or "") if self.legs else ""
