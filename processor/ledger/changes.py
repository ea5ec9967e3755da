"""What a decision changes in the book beside the rows of its families: money that moves, accounts, fees.

Invariant Changes are frozen values; nothing has happened before the book has applied them.
"""

from datetime import date, datetime

from msgspec import Struct

from processor.ledger.values import CASH, FEES, INTEREST, Account, Leg, OpenFee, SideKind


class Posting(Struct, frozen=True, gc=False):
    """One entry as a rule decides it: *account* as the entry leaves it, or None for the *house*'s."""

    account: Account | None
    entry_type: int
    amount_minor: int
    house: str = CASH


class SideLeg(Struct, frozen=True, gc=False):
    """Money that a transaction moves beside its own legs, which no reversal undoes. None: see ``house_of``."""

    kind: int
    source_id: str | None
    destination_id: str | None
    amount_minor: int


def house_of(side: SideLeg) -> str:
    """Return which of the house's accounts None stands for in *side*."""
    return INTEREST if side.kind == SideKind.INTEREST else FEES


class Movement(Struct, frozen=True, gc=False):
    """Money that moves: one change among those of an ``Applied``."""

    kind: int
    currency: str
    legs: tuple[Leg, ...]
    postings: tuple[Posting, ...]
    description: str = ""
    reference: str = ""
    undoes: str = ""  # the id of the transaction that this one reverses or refunds
    sides: tuple[SideLeg, ...] = ()
    houses: tuple[str, str] = (CASH, CASH)  # what None stands for in its legs, where debited and where credited


class AccountState(Struct, frozen=True, gc=False):
    """An account as it is opened, or changed without money: another kind of change."""

    account: Account


class FeeDue(Struct, frozen=True, gc=False):
    """An overdraft fee, one of those that a transaction made due: charged as a side leg, or waived. A third kind."""

    account_no: int
    fee_no: int
    leg_no: int | None  # the side leg, None where it was waived
    amount_minor: int  # 0 where it was waived
    day: date
    product: str
    version: int
    until: datetime | None  # it comes back if the balance is restored before


class FeeBack(Struct, frozen=True, gc=False):
    """A fee that came back, as the side leg *leg_no* of the transaction that restored the balance: the last kind."""

    account_no: int
    leg_no: int
    fee: OpenFee
