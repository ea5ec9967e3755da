"""The ledger's values: what accounts, entries and movements are to the rules.

Invariant Values are frozen; a change is a new value. Money is an integer of minor units; a credit is positive, a debit
          negative.
"""

from datetime import datetime
from enum import IntEnum

import msgspec
from msgspec import Struct


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


class Account(Struct, frozen=True, gc=False):
    """A customer's account as the rules see it."""

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


class Posting(Struct, frozen=True, gc=False):
    """One entry as a rule decides it: *account* as the entry leaves it, or None for the house's cash."""

    account: Account | None
    entry_type: int
    amount_minor: int


class Leg(Struct, frozen=True, gc=False):
    """One movement of money, by which it can be undone. None stands for the house's cash."""

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


class Movement(Struct, frozen=True, gc=False):
    """Money that moves: one change among those of an ``Applied``."""

    kind: int
    currency: str
    legs: tuple[Leg, ...]
    postings: tuple[Posting, ...]
    description: str = ""
    reference: str = ""
    undoes: str = ""  # the id of the transaction that this one reverses


class AccountState(Struct, frozen=True, gc=False):
    """An account as it is opened, or changed without money: another kind of change."""

    account: Account


class Kept(Struct, frozen=True, gc=False):
    """A row of a family's own append-only *table*, which no rule reads again: the third kind of change.

    *values* are those of the columns behind the stamp (lane_no, seq, instant), in the table's order.
    """

    table: str
    values: tuple[int | str | bytes | None, ...]


class Attempt(Struct, frozen=True, gc=False):
    """What a transaction's row says besides its stamp, posted or refused. None is what a refusal left unknown."""

    kind: int
    source_no: int | None = None
    destination_no: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    description: str = ""
    reference: str = ""


def house_cash(currency: str) -> str:
    """Return the id of the house's cash account in *currency*."""
    return f"house:cash:{currency}"


def credited(account: Account, amount_minor: int) -> Account:
    """Return *account* after its next entry, which adds *amount_minor* (below zero for a debit)."""
    return msgspec.structs.replace(
        account,
        ledger_minor=account.ledger_minor + amount_minor,
        available_minor=account.available_minor + amount_minor,
        last_entry_no=account.last_entry_no + 1,
    )
