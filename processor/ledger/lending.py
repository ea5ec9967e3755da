"""The values of advances: what was granted, and the payments by which it comes back.

Invariant Values are frozen; a change is a new value. Days are the bank's.
"""

from datetime import date, datetime
from enum import IntEnum, StrEnum

from msgspec import Struct


class AdvanceStatus(IntEnum):
    """Of an advance. OPEN -> one of the others, for ever."""

    OPEN = 1
    REPAID = 2
    WRITTEN_OFF = 3


class PaymentStatus(IntEnum):
    """Of a payment of an advance. SCHEDULED -> one of the others, for ever; what a FAILED one left has moved."""

    SCHEDULED = 1
    COLLECTED = 2
    FAILED = 3
    REPAID = 4
    WRITTEN_OFF = 5


class CarryOver(StrEnum):
    """Where the amount of a payment goes that could not be collected: the next payment, or extra ones at the end."""

    NEXT = "next"
    EXTRA = "extra"


class Advance(Struct, frozen=True, gc=False):
    """Money granted at once: what was paid back, what was written off and what is outstanding sum to it.

    Its payments are numbered from 1; those after the first ``granted_in`` came of what could not be collected.
    """

    account_no: int
    advance_id: str
    status: int
    amount_minor: int
    outstanding_minor: int
    written_off_minor: int
    payments: int
    granted_in: int
    interval_days: int
    granted_at: datetime


class Payment(Struct, frozen=True, gc=False):
    """A payment of an advance: ``amount_minor`` counts what moved to it from others, ``moved_to`` is where it moved."""

    account_no: int
    advance_id: str
    payment_no: int
    due: date
    status: int
    amount_minor: int
    paid_minor: int = 0
    moved_to: int | None = None

    @property
    def owed_minor(self) -> int:
        """Return what is still to be collected or repaid; 0 once the payment is settled."""
        return self.amount_minor - self.paid_minor if self.status == PaymentStatus.SCHEDULED else 0
