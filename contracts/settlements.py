"""The family ``settlement``: held money that moves, money that moves without a hold, and its way back."""

import msgspec

from contracts.entries import EntryView, OverdraftView
from contracts.envelope import Command, Event, Refusal, Rejected, Text
from contracts.holds import HoldStatus
from contracts.ids import BusinessId, CommandId
from contracts.money import CurrencyCode, PositiveAmount
from contracts.shown import ShownAmount, ShownCurrency, ShownId, ShownText, ShownUuid


class SettlementRefusal(Refusal):
    """Why a ``settlement`` command is refused."""

    TRANSACTION_NOT_FOUND = "transaction_not_found", "No transaction has this id; correct the id."
    ACCOUNT_DIFFERS = (
        "account_differs",
        "The transaction was not made from this account; name the one it was made from.",
    )
    NOT_REFUNDABLE = "not_refundable", "Only a settlement that was posted can be refunded; reverse a transfer instead."
    AMOUNT_EXCEEDS_SETTLEMENT = (
        "amount_exceeds_settlement",
        "Less is left of the settlement than this, as details say; refund no more than that.",
    )
    ACCOUNT_NOT_FOUND = "account_not_found", "No account has this id; open it first, or correct the id."
    ACCOUNT_CLOSED = "account_closed", "The account in details is closed; use another account."
    ACCOUNT_FROZEN = "account_frozen", "The account is frozen, and so cannot be debited without a hold; unfreeze it."
    HOLD_NOT_FOUND = "hold_not_found", "The account has no hold with this id; place it first, or correct the id."
    HOLD_ENDED = "hold_ended", "The hold was captured, released or tidied up before; post without it, or place another."
    HOLD_EXPIRED = "hold_expired", "The hold has expired and holds nothing any more; post without it, or place another."
    CURRENCY_DIFFERS = "currency_differs", "Accounts and command must share one currency; use accounts that do."
    AMOUNT_EXCEEDS_HOLD = (
        "amount_exceeds_hold",
        "The hold has less left than this, as details say; capture no more, or raise the hold first.",
    )
    DESTINATION_NOT_FOUND = "destination_not_found", "No other account has the destination's id; correct the id."
    DESTINATION_CLOSED = "destination_closed", "The destination is closed; use another account."
    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded", "A balance would pass its limit; use another account."


class SettlementCapture(Command, tag="settlement.capture", frozen=True, kw_only=True):
    """Move money that a hold has set aside, whether the account has it or not; a fee may fall due.

    Attributes:
        hold_id: The hold.
        account_id: Its account, which is debited.
        amount: How much of it moves.
        destination_account_id: The account that is credited; left out, the house's cash.
        currency: The currency of the account; left out, it is that.
        final: Whether what the hold has left is released; otherwise it may be captured again, until nothing is left.
        reference: The sender's own reference.
    """

    hold_id: BusinessId
    account_id: BusinessId
    amount: PositiveAmount
    destination_account_id: BusinessId = ""
    currency: CurrencyCode = ""
    final: bool = True
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("reference",)
    accounts = ("account_id", "destination_account_id")


class SettlementPost(Command, tag="settlement.post", frozen=True, kw_only=True):
    """Move money without a hold, whether the account has it or not; a fee may fall due.

    Attributes:
        account_id: The account that is debited.
        amount: How much moves.
        destination_account_id: The account that is credited; left out, the house's cash.
        currency: The currency of the account; left out, it is that.
        reference: The sender's own reference.
    """

    account_id: BusinessId
    amount: PositiveAmount
    destination_account_id: BusinessId = ""
    currency: CurrencyCode = ""
    reference: Text = ""

    amounts = ("amount",)
    free_texts = ("reference",)
    accounts = ("account_id", "destination_account_id")


class SettlementRefund(Command, tag="settlement.refund", frozen=True, kw_only=True):
    """Give back what a settlement has moved, or a part of it; all refunds together no more than that.

    It is taken from where the settlement moved it to, whether that account has it or not.

    Attributes:
        account_id: The account that the settlement debited, which is credited.
        transaction_id: The settlement: the ``command_id`` of the command that made it.
        amount: How much comes back; left out, all that is left.
    """

    account_id: BusinessId
    transaction_id: CommandId
    amount: PositiveAmount = ""

    amounts = ("amount",)
    accounts = ("account_id",)

    def canonical(self) -> "SettlementRefund":
        """Return the same refund with its transaction's id in lower case."""
        return msgspec.structs.replace(self, transaction_id=self.transaction_id.lower())


class SettlementPosted(Event, tag="settlement.posted", frozen=True, kw_only=True, omit_defaults=True):
    """The money has moved.

    Attributes:
        transaction_id: The transaction: the command's id.
        hold_id: The hold, where there was one.
        amount: How much moved.
        currency: The currency of all amounts here.
        reference: The command's ``reference``, where it had one.
        captured: How much of the hold was captured so far, or null without a hold.
        remaining: How much of the hold is left, or null without a hold.
        hold_status: What the hold is now, or null without a hold.
        entries: The entries on customers' accounts: debit, credit, the fee, fees refunded; none of the bank's.
        overdraft: What became of the overdraft.
    """

    transaction_id: ShownUuid
    hold_id: ShownId = ""
    amount: ShownAmount
    currency: ShownCurrency
    reference: ShownText = ""
    captured: ShownAmount | None
    remaining: ShownAmount | None
    hold_status: HoldStatus | None
    entries: list[EntryView]
    overdraft: OverdraftView


class SettlementRefunded(Event, tag="settlement.refunded", frozen=True, kw_only=True):
    """The money has come back.

    Attributes:
        transaction_id: The transaction: the command's id.
        original_transaction_id: The settlement whose money it is.
        amount: How much came back.
        currency: The currency of all amounts here.
        entries: The entries on customers' accounts: debit, credit, fees refunded; none of the bank's.
        overdraft: What became of the overdraft.
    """

    transaction_id: ShownUuid
    original_transaction_id: ShownUuid
    amount: ShownAmount
    currency: ShownCurrency
    entries: list[EntryView]
    overdraft: OverdraftView


class SettlementRejected(Rejected, tag="settlement.rejected", frozen=True, kw_only=True):
    """The ``settlement`` command was refused."""
