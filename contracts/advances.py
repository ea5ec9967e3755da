"""The family ``advance``: money granted at once and collected in payments."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.dates import Day
from contracts.entries import EntryView
from contracts.envelope import Command, Event, Refusal, Rejected, Text
from contracts.ids import BusinessId
from contracts.money import CurrencyCode, PositiveAmount
from contracts.shown import ShownAmount, ShownCurrency, ShownDate, ShownId, ShownNumber, ShownText, ShownUuid

PaymentStatus = Literal["SCHEDULED", "COLLECTED", "FAILED", "REPAID", "WRITTEN_OFF"]
Payments = Annotated[int, Meta(ge=1, le=520, description="a whole number from 1 to 520")]
Days = Annotated[int, Meta(ge=1, le=366, description="a whole number of days from 1 to 366")]
PaymentNumber = Annotated[int, Meta(ge=1, le=100_000, description="a whole number from 1 to 100,000")]


class AdvanceRefusal(Refusal):
    """Why an ``advance`` command is refused."""

    ADVANCE_EXISTS = "advance_exists", "An advance with this id was granted before; choose another advance_id."
    ACCOUNT_NOT_FOUND = "account_not_found", "No account has this id; open it first, or correct the id."
    ADVANCE_NOT_FOUND = "advance_not_found", "The account has no advance with this id; correct the id."
    PAYMENT_NOT_FOUND = "payment_not_found", "The advance has no payment with this number; correct the number."
    PAYMENT_SETTLED = (
        "payment_settled",
        "The payment was collected, moved, repaid or written off before; nothing is left to do.",
    )
    PAYMENT_NOT_DUE = "payment_not_due", "The payment is not due yet; collect it once it is, or repay."
    ADVANCE_CLOSED = "advance_closed", "The advance is repaid or written off; nothing is left to do."
    ACCOUNT_CLOSED = "account_closed", "The account is closed; use another account."
    ACCOUNT_FROZEN = "account_frozen", "The account is frozen; unfreeze it first."
    CURRENCY_DIFFERS = "currency_differs", "The account has another currency; use that, or leave it out."
    AMOUNT_TOO_SMALL = "amount_too_small", "Each payment needs at least one minor unit; ask for more or fewer payments."
    AMOUNT_EXCEEDS_ADVANCE = (
        "amount_exceeds_advance",
        "Less is owed than this, as details say; repay no more than that.",
    )
    CUSTOMER_NOT_IN_GOOD_STANDING = (
        "customer_not_in_good_standing",
        "The account's customer is not in good standing; settle that first.",
    )
    ADVANCE_OPEN = "advance_open", "The account has an advance that is not repaid; repay it first."
    ADVANCE_LIMIT_EXCEEDED = "advance_limit_exceeded", "The bank grants less than this at once; ask for less."
    INSUFFICIENT_FUNDS = "insufficient_funds", "Available funds do not cover the amount; pay in first, or repay less."
    BALANCE_LIMIT_EXCEEDED = "balance_limit_exceeded", "A balance would pass its limit; use another account."


class AdvanceRequest(Command, tag="advance.request", frozen=True, kw_only=True):
    """Grant an advance at once, to be collected in payments of equal amounts; the last takes the remainder.

    Attributes:
        advance_id: The new advance; its id is unique on its account, for ever.
        account_id: The account that is credited, and collected from.
        amount: How much.
        currency: The currency of the account; left out, it is that.
        payments: In how many payments it is collected.
        interval_days: How many days lie between two of them.
        first_due: The day of the first, which may lie in the past; left out, a week from now.
    """

    advance_id: BusinessId
    account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    payments: Payments = 12
    interval_days: Days = 7
    first_due: Day | UnsetType = UNSET

    amounts = ("amount",)
    accounts = ("account_id",)


class AdvanceCollect(Command, tag="advance.collect", frozen=True, kw_only=True):
    """Collect a payment that is due: all of it from available funds, or nothing.

    What cannot be collected moves to another payment, and is collected with that.

    Attributes:
        advance_id: The advance.
        account_id: Its account.
        payment_no: The number of the payment.
    """

    advance_id: BusinessId
    account_id: BusinessId
    payment_no: PaymentNumber

    accounts = ("account_id",)


class AdvanceRepay(Command, tag="advance.repay", frozen=True, kw_only=True):
    """Repay early from available funds, what is due first at first.

    Attributes:
        advance_id: The advance.
        account_id: Its account.
        amount: How much; left out, all that is owed.
    """

    advance_id: BusinessId
    account_id: BusinessId
    amount: PositiveAmount = ""

    amounts = ("amount",)
    accounts = ("account_id",)


class AdvanceWriteOff(Command, tag="advance.write_off", frozen=True, kw_only=True):
    """Give up what is owed: it becomes a loss of the house. The account is not touched.

    Attributes:
        advance_id: The advance.
        account_id: Its account.
        reason: Why.
    """

    advance_id: BusinessId
    account_id: BusinessId
    reason: Text

    free_texts = ("reason",)
    accounts = ("account_id",)


class AdvanceAudit(Command, tag="advance.audit", frozen=True, kw_only=True):
    """Prove that the payments of an advance sum to it, and to what is outstanding. Nothing changes.

    Attributes:
        advance_id: The advance.
        account_id: Its account.
    """

    advance_id: BusinessId
    account_id: BusinessId

    accounts = ("account_id",)


class PaymentView(Struct, frozen=True, kw_only=True):
    """One payment of an advance.

    Attributes:
        payment_no: Its number, from 1.
        due: The bank's day from which on it is collected.
        amount: How much is collected then.
        status: SCHEDULED until it is settled.
    """

    payment_no: ShownNumber
    due: ShownDate
    amount: ShownAmount
    status: PaymentStatus


class AdvanceFields(Struct, frozen=True, kw_only=True):
    """Which advance it is.

    Attributes:
        advance_id: The advance.
        account_id: Its account.
        amount: How much the command was about: granted, due, repaid, written off, or the whole advance when audited.
        currency: The currency of all amounts here.
        outstanding: How much is owed after the command.
    """

    advance_id: ShownId
    account_id: ShownId
    amount: ShownAmount
    currency: ShownCurrency
    outstanding: ShownAmount


class AdvanceGranted(Event, AdvanceFields, tag="advance.granted", frozen=True, kw_only=True):
    """The money is on the account.

    Attributes:
        transaction_id: The transaction: the command's id.
        schedule: All payments, by number.
        entries: The entries on the account: the grant, fees refunded; none of the bank's.
    """

    transaction_id: ShownUuid
    schedule: list[PaymentView]
    entries: list[EntryView]


class AdvancePaymentCollected(Event, AdvanceFields, tag="advance.payment_collected", frozen=True, kw_only=True):
    """The payment was collected.

    Attributes:
        payment_no: The number of the payment.
        transaction_id: The transaction: the command's id.
        entries: The entry on the account; none of the bank's.
    """

    payment_no: ShownNumber
    transaction_id: ShownUuid
    entries: list[EntryView]


class AdvancePaymentFailed(Event, AdvanceFields, tag="advance.payment_failed", frozen=True, kw_only=True):
    """The payment could not be collected; nothing was taken.

    Attributes:
        payment_no: The number of the payment.
        moved_to: The number of the payment that its amount was added to, or that was made of it.
    """

    payment_no: ShownNumber
    moved_to: ShownNumber


class AdvanceRepaid(Event, AdvanceFields, tag="advance.repaid", frozen=True, kw_only=True):
    """The money was taken from the account.

    Attributes:
        transaction_id: The transaction: the command's id.
        entries: The entry on the account; none of the bank's.
    """

    transaction_id: ShownUuid
    entries: list[EntryView]


class AdvanceWrittenOff(Event, AdvanceFields, tag="advance.written_off", frozen=True, kw_only=True):
    """Nothing is owed any more; the house bears the loss.

    Attributes:
        transaction_id: The transaction: the command's id.
        purpose: The command's ``reason``.
    """

    transaction_id: ShownUuid
    purpose: ShownText


class AdvanceAudited(Event, AdvanceFields, tag="advance.audited", frozen=True, kw_only=True):
    """The payments sum to the advance, and to what is outstanding."""


class AdvanceAuditFailed(Event, AdvanceFields, tag="advance.audit_failed", frozen=True, kw_only=True):
    """The payments do not sum to the advance, or to what is outstanding; somebody has to look into it.

    Attributes:
        accounted: What was paid, written off, is not yet due or in process, which ought to be the amount.
        scheduled: What the payments that are not settled still are, which ought to be outstanding.
    """

    accounted: ShownAmount
    scheduled: ShownAmount


class AdvanceRejected(Rejected, tag="advance.rejected", frozen=True, kw_only=True):
    """The ``advance`` command was refused."""
