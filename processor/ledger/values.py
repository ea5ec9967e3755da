"""The ledger's values: what accounts, entries and movements are to the rules.

Invariant Values are frozen; a change is a new value. Money is an integer of minor units; a credit is positive, a debit
          negative.
"""

from datetime import date, datetime
from enum import IntEnum
from functools import cache
from typing import Final

import msgspec
from msgspec import Struct

CASH: Final = "cash"
FEES: Final = "fees"
INTEREST: Final = "interest"
ADVANCES: Final = "advances"
LOSSES: Final = "losses"


class AccountType(IntEnum):
    """As the table's column holds them."""

    HOUSE = 0
    CHECKING = 1
    SAVINGS = 2
    MONEY_MARKET = 3


class Status(IntEnum):
    """Of an account. ACTIVE <-> FROZEN, either -> CLOSED."""

    ACTIVE = 1
    FROZEN = 2
    CLOSED = 3


class EntryType(IntEnum):
    """What an entry is, in the words of statements."""

    DEPOSIT = 1
    WITHDRAWAL = 2
    TRANSFER_IN = 3
    TRANSFER_OUT = 4
    FEE = 5
    INTEREST = 6
    REVERSAL = 7


class TransactionKind(IntEnum):
    """What a transaction was made by."""

    MAKE = 1
    DEPOSIT = 2
    WITHDRAW = 3
    REVERSE = 4
    BATCH = 5
    CLOSE = 6
    CAPTURE = 7
    SETTLE = 8
    REFUND = 9
    INTEREST = 10
    GRANT = 11
    COLLECT = 12
    REPAY = 13
    WRITE_OFF = 14


class SideKind(IntEnum):
    """What moved money beside a transaction's own legs."""

    PROTECTION = 1
    FEE = 2
    FEE_REFUND = 3
    INTEREST = 4


class KycStatus(IntEnum):
    """What the check of a customer's identity came to."""

    PENDING = 1
    VERIFIED = 2
    REJECTED = 3


class HoldReason(IntEnum):
    """Why money is held."""

    PENDING_ACH = 1
    DEBIT_CARD_AUTH = 2
    LEGAL = 3


class HoldStatus(IntEnum):
    """Of a hold. OPEN -> one of the others, for ever; one past its expiry stays OPEN until it is tidied up."""

    OPEN = 1
    CAPTURED = 2
    RELEASED = 3
    EXPIRED = 4


class Account(Struct, frozen=True, gc=False):
    """A customer's account as the rules see it.

    ``available_minor`` leaves out whatever is held at the instant of the batch. The fee counters speak of ``fee_day``,
    the day of the last fee that was charged, its month, and ``fee_year``, the last in which one fell due.
    """

    account_no: int
    account_id: str
    account_type: int
    currency: str
    product: str
    status: int
    ledger_minor: int
    available_minor: int
    overdraft_limit_minor: int
    last_entry_no: int
    opened_at: datetime
    closed_at: datetime | None
    customer_id: str | None = None
    protection_id: str | None = None  # the account that steps in
    good_standing: bool = True  # of its customer
    fee_day: date | None = None
    fees_on_day: int = 0
    fees_in_month: int = 0
    fee_year: int = 0
    hold_expiry: datetime | None = None  # nothing that is counted as held expires before
    grace_until: datetime | None = None  # no fee comes back after
    advance_id: str | None = None  # the advance that is neither repaid nor written off


class Customer(Struct, frozen=True):
    """A customer as the rules see it."""

    customer_id: str
    name: str
    date_of_birth: date
    address: str
    ssn_hash: bytes
    kyc_status: int
    good_standing: bool = True


class Tier(Struct, frozen=True):
    """A rate a year as it was written, and the balance from which on it holds."""

    from_minor: int
    rate: str


class Product(Struct, frozen=True):
    """The rules of interest and fees that accounts share, in one version; no currency and no types mean any."""

    product: str
    version: int
    account_types: tuple[int, ...]
    currency: str
    fee_minor: int
    fees_per_day: int
    fees_per_month: int
    first_fee_waived: bool
    fee_may_exceed_limit: bool
    grace_hours: int
    interest: str = "none"
    tier_mode: str = "whole"
    tiers: tuple[Tier, ...] = ()
    day_count: int = 365


class Hold(Struct, frozen=True, gc=False):
    """Money set aside on an account: captured, released, expired and remaining sum to ``amount_minor``.

    One that has ``lapsed`` is past its expiry, and not counted as held any more.
    """

    account_no: int
    hold_id: str
    reason: int
    status: int
    amount_minor: int
    captured_minor: int
    released_minor: int
    expired_minor: int
    expires_at: datetime | None
    lapsed: bool = False

    @property
    def remaining_minor(self) -> int:
        """Return what is still set aside, expired or not."""
        return self.amount_minor - self.captured_minor - self.released_minor - self.expired_minor


class DayEnd(Struct, frozen=True, gc=False):
    """An account as one of the bank's days left it: its ledger balance, and the product it had then."""

    day: date
    ledger_minor: int
    product: Product


class OpenFee(Struct, frozen=True, gc=False):
    """A fee that comes back if its account's balance is restored until ``until``."""

    lane_no: int  # 0 in the transaction that charges it
    seq: int
    fee_no: int
    amount_minor: int
    until: datetime


class Leg(Struct, frozen=True, gc=False):
    """One movement of money, by which it can be undone. None stands for the house, with its cash mostly."""

    source_id: str | None
    destination_id: str | None
    amount_minor: int


class Posted(Struct, frozen=True, gc=False):
    """An earlier transaction, as a reversal needs to know it."""

    lane_no: int
    seq: int
    kind: int
    currency: str
    legs: tuple[Leg, ...]
    refused: bool = False
    reversed: bool = False


class Attempt(Struct, frozen=True, gc=False):
    """What a transaction's row says besides its stamp, posted or refused. None is what a refusal left unknown."""

    kind: int
    source_no: int | None = None
    destination_no: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    description: str = ""
    reference: str = ""


@cache
def house_account(role: str, currency: str) -> str:
    """Return the id of the house's account for *role* (``CASH`` and its like) in *currency*."""
    return f"house:{role}:{currency}"


def credited(account: Account, amount_minor: int) -> Account:
    """Return *account* after its next entry, which adds *amount_minor* (below zero for a debit)."""
    return msgspec.structs.replace(
        account,
        ledger_minor=account.ledger_minor + amount_minor,
        available_minor=account.available_minor + amount_minor,
        last_entry_no=account.last_entry_no + 1,
    )
