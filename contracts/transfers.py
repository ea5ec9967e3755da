"""The family ``transfer``: money between accounts, in and out of the house, and back again."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

from contracts.entries import EntryView, OverdraftView
from contracts.envelope import Command, CommonRefusal, Event, Refusal, Rejected, Text, TextHash
from contracts.ids import BusinessId, CommandId
from contracts.money import CurrencyCode, PositiveAmount, trimmed
from contracts.shown import ShownAmount, ShownCurrency, ShownText, ShownUuid


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
    """One movement: what ``transfer.make`` says about it, alone or as one of a batch.

    Attributes:
        source_account_id: The account that is debited; the one that is credited where ``direction`` is credit.
        destination_account_id: The account that is credited; the one that is debited where ``direction`` is credit.
        amount: How much moves.
        currency: The currency of both accounts; left out, it is that of the debited one.
        direction: Which way the money goes: ``credit`` takes from the destination and gives to the source.
        description: What the transfer is for.
        reference: The sender's own reference.
    """

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
    """Move money from one account to another; both legs or none. The key of a credit is its destination.

    Attributes:
        source_account_id: The account that is debited; the one that is credited where ``direction`` is credit.
        destination_account_id: The account that is credited; the one that is debited where ``direction`` is credit.
        amount: How much moves.
        currency: The currency of both accounts; left out, it is that of the debited one.
        direction: Which way the money goes: ``credit`` takes from the destination and gives to the source.
        description: What the transfer is for.
        reference: The sender's own reference.
    """

    source_account_id: BusinessId
    destination_account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    direction: Literal["debit", "credit"] = "debit"
    description: Text = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("description", "reference")
    accounts = ("source_account_id", "destination_account_id")

    def canonical(self) -> "TransferMake":
        """Return the same movement as a debit."""
        return debiting(self)


class TransferDeposit(Command, tag="transfer.deposit", frozen=True, kw_only=True):
    """Pay money in, from the house's cash.

    Attributes:
        account_id: The account that is credited.
        amount: How much moves.
        currency: The currency of the account; left out, it is that.
        reason: Why; it comes back as ``purpose``.
        reference: The sender's own reference.
    """

    account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    reason: Text = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("reason", "reference")
    accounts = ("account_id",)


class TransferWithdraw(Command, tag="transfer.withdraw", frozen=True, kw_only=True):
    """Pay money out, into the house's cash.

    Attributes:
        account_id: The account that is debited.
        amount: How much moves.
        currency: The currency of the account; left out, it is that.
        reason: Why; it comes back as ``purpose``.
        reference: The sender's own reference.
    """

    account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    reason: Text = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("reason", "reference")
    accounts = ("account_id",)


class TransferReverse(Command, tag="transfer.reverse", frozen=True, kw_only=True):
    """Undo all legs of an earlier transfer, deposit, withdrawal or batch; once.

    The last leg is undone first, and whoever received the money must have it, without overdraft. Fees, and what another
    account stepped in with, stay.

    Attributes:
        account_id: The account that the original debited first; the credited one of a deposit.
        transaction_id: The original: the ``command_id`` of the command that made it.
        reason: Why; it comes back as ``purpose``.
    """

    account_id: BusinessId
    transaction_id: CommandId
    reason: Text = ""

    free_texts = ("reason",)
    accounts = ("account_id",)

    def canonical(self) -> "TransferReverse":
        """Return the same reversal with its transaction's id in lower case."""
        return msgspec.structs.replace(self, transaction_id=self.transaction_id.lower())


class TransferBatch(Command, tag="transfer.batch", frozen=True, kw_only=True):
    """Make several transfers, all or none, each leg seeing those before it.

    The record's key is the account that the first leg debits. ``source_account_id`` may repeat it, or what the first
    leg calls its source: in a credit those are two. The legs share one currency.

    Attributes:
        legs: The movements, in their order.
        source_account_id: The account that the first leg debits, or its source; a record that names another is invalid.
    """

    legs: Annotated[list[TransferLeg], Meta(min_length=1, max_length=100)]
    source_account_id: BusinessId = ""

    accounts = ("source_account_id",)

    def __post_init__(self) -> None:
        """Refuse a batch that names another source than its first leg."""
        first = self.legs[0]
        if self.source_account_id not in ("", first.source_account_id, debiting(first).source_account_id):
            raise ValueError("source_account_id must be that of the first leg")

    def canonical(self) -> "TransferBatch":
        """Return the same batch with every leg a debit and the source named."""
        legs = [debiting(leg) for leg in self.legs]
        return msgspec.structs.replace(self, legs=legs, source_account_id=legs[0].source_account_id)

    def account_ids(self) -> Iterable[str]:
        """Return the ids of the legs' accounts besides."""
        sides = ((leg.source_account_id, leg.destination_account_id) for leg in self.legs)
        return chain(super().account_ids(), *sides)

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


class TransferPosted(Event, tag="transfer.posted", frozen=True, kw_only=True, omit_defaults=True):
    """The money has moved.

    Attributes:
        transaction_id: The transaction: the command's id.
        amount: How much moved.
        currency: The currency of all amounts here.
        description: The command's ``description``, where it had one.
        purpose: The command's ``reason``, where it had one.
        reference: The command's ``reference``, where it had one.
        entries: The entries on customers' accounts: debit, credit, those of protection, the fee, fees refunded; none of
            the bank's.
        overdraft: What became of the overdraft.
    """

    transaction_id: ShownUuid
    amount: ShownAmount
    currency: ShownCurrency
    description: ShownText = ""
    purpose: ShownText = ""
    reference: ShownText = ""
    entries: list[EntryView]
    overdraft: OverdraftView


class TransferReversed(Event, tag="transfer.reversed", frozen=True, kw_only=True, omit_defaults=True):
    """The money has moved back.

    Attributes:
        transaction_id: The transaction: the command's id.
        original_transaction_id: The transaction that was undone.
        amount: How much moved back.
        currency: The currency of all amounts here.
        purpose: The command's ``reason``, where it had one.
        entries: The entries on customers' accounts: debit, credit, fees refunded; none of the bank's.
        overdraft: What became of the overdraft; a list, one for each leg, where a batch was undone.
    """

    transaction_id: ShownUuid
    original_transaction_id: ShownUuid
    amount: ShownAmount
    currency: ShownCurrency
    purpose: ShownText = ""
    entries: list[EntryView]
    overdraft: OverdraftView | list[OverdraftView]


class TransferBatchPosted(Event, tag="transfer.batch_posted", frozen=True, kw_only=True):
    """All legs have moved.

    Attributes:
        transaction_id: The transaction: the command's id.
        amount: The sum of all legs.
        currency: The currency of all amounts here.
        entries: The entries on customers' accounts, leg by leg, each as in ``transfer.posted``; none of the bank's.
        overdraft: What became of the overdraft, one for each leg.
    """

    transaction_id: ShownUuid
    amount: ShownAmount
    currency: ShownCurrency
    entries: list[EntryView]
    overdraft: list[OverdraftView]


class TransferRejected(Rejected, tag="transfer.rejected", frozen=True, kw_only=True, omit_defaults=True):
    """The ``transfer`` command was refused.

    Attributes:
        transaction_id: The transaction that reads as FAILED: the command's id; not there for a reused id.
    """

    transaction_id: ShownUuid = ""

    @classmethod
    def of(cls, command: Command, refusal: Refusal, details: Mapping[str, Any]) -> Self:
        """Make the answer that refuses *command*, which is also the transaction that failed; a reused id is none."""
        failed = "" if refusal is CommonRefusal.COMMAND_ID_REUSED else command.command_id.lower()
        return cls(code=refusal.value, reason=refusal.reason, details=dict(details), transaction_id=failed)
