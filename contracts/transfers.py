"""The family ``transfer``: money between accounts, in and out of the house, and back again."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

from contracts.envelope import Command, CommonRefusal, Event, Refusal, Rejected, Text, TextHash
from contracts.ids import BusinessId, CommandId
from contracts.money import CurrencyCode, PositiveAmount, trimmed

EntryType = Literal["DEPOSIT", "WITHDRAWAL", "TRANSFER_IN", "TRANSFER_OUT", "FEE", "INTEREST", "REVERSAL"]


class TransferRefusal(Refusal):
    """Why a ``transfer`` command is refused."""

    LEG_REFUSED = "leg_refused", "A leg of the batch is refused, so none is posted; details name the leg and its code."
    TRANSACTION_NOT_FOUND = "transaction_not_found", "No transaction has this id; correct the id."
    ACCOUNT_DIFFERS = (
        "account_differs",
        "The transaction was not made from this account; name the one it was made from.",
    )
    ALREADY_REVERSED = "already_reversed", "The transaction was reversed before; nothing is left to do."
    NOT_REVERSIBLE = "not_reversible", "A transaction of this kind, or one that was refused, cannot be reversed."
    ACCOUNTS_MUST_DIFFER = "accounts_must_differ", "Source and destination are the same account; name two."
    ACCOUNT_NOT_FOUND = "account_not_found", "No account has the id in details; open it first, or correct the id."
    ACCOUNT_CLOSED = "account_closed", "The account in details is closed; use another account."
    ACCOUNT_FROZEN = "account_frozen", "The account in details is frozen, and so cannot be debited; unfreeze it first."
    CURRENCY_DIFFERS = "currency_differs", "Accounts and command must share one currency; use accounts that do."
    INSUFFICIENT_FUNDS = "insufficient_funds", "Available funds do not cover the amount; pay in first, or ask for less."
    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded", "A balance would pass its limit; use another account."


class TransferLeg(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One movement: what ``transfer.make`` says about it, alone or as one of a batch."""

    source_account_id: BusinessId
    destination_account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    direction: Literal["debit", "credit"] = "debit"
    description: Text = ""
    reference: Text = ""


LegT = TypeVar("LegT", "TransferLeg", "TransferMake")


def debiting(leg: LegT) -> LegT:
    """Return *leg* as a debit: a credit takes from its destination and gives to its source."""
    if leg.direction == "debit":
        return leg
    return msgspec.structs.replace(
        leg,
        source_account_id=leg.destination_account_id,
        destination_account_id=leg.source_account_id,
        direction="debit",
    )


class TransferMake(Command, tag="transfer.make", frozen=True, kw_only=True):
    """Move money from one account to another; both legs or none. The fields are those of a ``TransferLeg``."""

    source_account_id: BusinessId
    destination_account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    direction: Literal["debit", "credit"] = "debit"
    description: Text = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("description", "reference")

    def canonical(self) -> "TransferMake":
        """Return the same movement as a debit."""
        return debiting(self)


class TransferDeposit(Command, tag="transfer.deposit", frozen=True, kw_only=True):
    """Pay money in, from the house's cash."""

    account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    reason: Text = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("reason", "reference")


class TransferWithdraw(Command, tag="transfer.withdraw", frozen=True, kw_only=True):
    """Pay money out, into the house's cash."""

    account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    reason: Text = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("reason", "reference")


class TransferReverse(Command, tag="transfer.reverse", frozen=True, kw_only=True):
    """Undo all legs of an earlier transfer, deposit, withdrawal or batch; once."""

    account_id: BusinessId
    transaction_id: CommandId
    reason: Text = ""

    free_texts = ("reason",)

    def canonical(self) -> "TransferReverse":
        """Return the same reversal with its transaction's id in lower case."""
        return msgspec.structs.replace(self, transaction_id=self.transaction_id.lower())


class TransferBatch(Command, tag="transfer.batch", frozen=True, kw_only=True):
    """Make several transfers, all or none, each leg seeing those before it.

    The record's key is the account that the first leg debits. ``source_account_id`` may repeat it, or what the first
    leg calls its source: in a credit those are two.
    """

    legs: Annotated[list[TransferLeg], Meta(min_length=1, max_length=100)]
    source_account_id: BusinessId = ""

    def __post_init__(self) -> None:
        """Refuse a batch that names another source than its first leg."""
        first = self.legs[0]
        if self.source_account_id not in ("", first.source_account_id, debiting(first).source_account_id):
            raise ValueError("source_account_id must be that of the first leg")

    def canonical(self) -> "TransferBatch":
        """Return the same batch with every leg a debit and the source named."""
        legs = [debiting(leg) for leg in self.legs]
        return msgspec.structs.replace(self, legs=legs, source_account_id=legs[0].source_account_id)

    def comparable(self, hashed: TextHash) -> dict[str, Any]:
        """Compare the legs one by one."""
        return super().comparable(hashed) | {"legs": [_comparable(leg, hashed) for leg in self.legs]}


def _comparable(leg: TransferLeg, hashed: TextHash) -> TransferLeg:
    return msgspec.structs.replace(
        leg,
        amount=trimmed(leg.amount),
        description=leg.description and hashed(leg.description),
        reference=leg.reference and hashed(leg.reference),
    )


class EntryView(Struct, frozen=True, kw_only=True):
    """One entry as results show it. ``entry_no`` counts from 1 on each account."""

    account_id: str
    entry_no: int
    entry_type: EntryType
    direction: Literal["DEBIT", "CREDIT"]
    amount: str
    balance_after: str
    available_after: str


class OverdraftView(Struct, frozen=True, kw_only=True):
    """What the movement did to the debited account's overdraft; ``used`` is max(0, -ledger balance) afterwards."""

    used: str
    fee: str
    waived: bool
    protected_by: str | None
    fee_refunded: str


class TransferPosted(Event, tag="transfer.posted", frozen=True, kw_only=True, omit_defaults=True):
    """The money has moved. House accounts are never listed."""

    transaction_id: str
    amount: str
    currency: str
    description: str = ""
    purpose: str = ""
    reference: str = ""
    entries: list[EntryView]
    overdraft: OverdraftView


class TransferReversed(Event, tag="transfer.reversed", frozen=True, kw_only=True, omit_defaults=True):
    """The money has moved back. ``overdraft`` is a list, one per leg, where a batch was reversed."""

    transaction_id: str
    original_transaction_id: str
    amount: str
    currency: str
    purpose: str = ""
    entries: list[EntryView]
    overdraft: OverdraftView | list[OverdraftView]


class TransferBatchPosted(Event, tag="transfer.batch_posted", frozen=True, kw_only=True):
    """All legs have moved; ``amount`` is their sum, ``overdraft`` has one view per leg."""

    transaction_id: str
    amount: str
    currency: str
    entries: list[EntryView]
    overdraft: list[OverdraftView]


class TransferRejected(Rejected, tag="transfer.rejected", frozen=True, kw_only=True, omit_defaults=True):
    """The ``transfer`` command was refused; ``transaction_id`` is that of the row that reads as FAILED."""

    transaction_id: str = ""

    @classmethod
    def of(cls, command: Command, refusal: Refusal, details: Mapping[str, Any]) -> Self:
        """Make the answer that refuses *command*, which is also the transaction that failed; a reused id is none."""
        failed = "" if refusal is CommonRefusal.COMMAND_ID_REUSED else command.command_id.lower()
        return cls(code=refusal.value, reason=refusal.reason, details=dict(details), transaction_id=failed)
