"""The family ``revenue``: accounts of customers who pay, and what each has paid for a period.

Their ids have nothing to do with those of ledger accounts.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.dates import Date
from contracts.envelope import BLANKS, CONTROLS, Command, Event, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.money import END, CurrencyCode, SignedAmount
from contracts.shown import (
    ShownCount,
    ShownCurrency,
    ShownDate,
    ShownId,
    ShownInstant,
    ShownNumber,
    ShownSignedAmount,
    ShownText,
)

Tier = Literal["free", "pro", "enterprise"]
RevenueName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        # What may lead and what is visible share no character: no text takes more than one pass.
        pattern=rf"^[{BLANKS}\x01-\x1f\x7f-\x9f]*[^{BLANKS}{CONTROLS}][^\x00]*{END}",
        description="text of 1 to 200 characters that is not blank, without NUL",
    ),
]


class RevenueRefusal(Refusal):
    """Why a ``revenue`` command is refused."""

    ACCOUNT_EXISTS = (
        "account_exists",
        "A revenue account with this id was created before, deleted or not; choose another account_id.",
    )
    ACCOUNT_NOT_FOUND = (
        "account_not_found",
        "No revenue account has this id; create it first, or correct the id.",
    )
    ACCOUNT_DELETED = "account_deleted", "The revenue account was deleted and stays so; use another account."
    RECORD_EXISTS = (
        "record_exists",
        "A record of the account has this id, or had it; choose another record_id, or change that record.",
    )
    RECORD_NOT_FOUND = "record_not_found", "The account has no record of this id; record it first, or correct the id."
    RECORD_DELETED = "record_deleted", "The record was deleted and stays so; record another under an id of its own."
    PERIOD_INVALID = "period_invalid", "The period ends before it begins; correct one of its days."


class RevenueCreateAccount(Command, tag="revenue.create_account", frozen=True, kw_only=True):
    """Make a revenue account known under the sender's own id.

    Attributes:
        account_id: The new account.
        name: What the account is called.
        tier: What the customer has chosen to pay for.
    """

    account_id: BusinessId
    name: RevenueName
    tier: Tier

    free_texts = ("name",)


class RevenueUpdateAccount(Command, tag="revenue.update_account", frozen=True, kw_only=True):
    """Change what is known of a revenue account; what is left out stays as it is.

    Attributes:
        account_id: The account.
        name: What the account is called from now on.
        tier: What the customer pays for from now on.
    """

    account_id: BusinessId
    name: RevenueName | UnsetType = UNSET
    tier: Tier | UnsetType = UNSET

    free_texts = ("name",)


class RevenueDeleteAccount(Command, tag="revenue.delete_account", frozen=True, kw_only=True):
    """Delete a revenue account with all its records: no read shows them any more. The ids stay taken.

    Attributes:
        account_id: The account.
    """

    account_id: BusinessId


class RevenueRecord(Command, tag="revenue.record", frozen=True, kw_only=True):
    """Record what an account has paid for a period, or, below zero, what it was credited.

    Attributes:
        record_id: The new record, unique among the account's.
        account_id: Whose it is.
        amount: How much; a credit note is negative.
        currency: The currency of the amount.
        period_start: The first day that it is for; its month is the one that the record counts in.
        period_end: The last day that it is for.
    """

    record_id: BusinessId
    account_id: BusinessId
    amount: SignedAmount
    currency: CurrencyCode
    period_start: Date
    period_end: Date

    amounts = ("amount",)


class RevenueChangeRecord(Command, tag="revenue.change_record", frozen=True, kw_only=True):
    """Change a record; what is left out stays as it is.

    Attributes:
        record_id: The record.
        account_id: Whose it is.
        amount: How much; a credit note is negative.
        currency: The currency of the amount.
        period_start: The first day that it is for.
        period_end: The last day that it is for.
    """

    record_id: BusinessId
    account_id: BusinessId
    amount: SignedAmount = ""
    currency: CurrencyCode = ""
    period_start: Date = ""
    period_end: Date = ""

    amounts = ("amount",)


class RevenueDeleteRecord(Command, tag="revenue.delete_record", frozen=True, kw_only=True):
    """Delete a record: it counts no more, and no read shows it. Its id stays taken.

    Attributes:
        record_id: The record.
        account_id: Whose it is.
    """

    record_id: BusinessId
    account_id: BusinessId


class RevenueAccountFields(Struct, frozen=True, kw_only=True):
    """The revenue account as it is after the command.

    Attributes:
        account_id: The account.
        name: What the account is called.
        tier: What the customer pays for.
        created_at: When it was created.
        version: 1 at first; every change and the deletion raise it by one.
    """

    account_id: ShownId
    name: ShownText
    tier: Tier
    created_at: ShownInstant
    version: ShownNumber


class RevenueAccountCreated(Event, RevenueAccountFields, tag="revenue.account_created", frozen=True, kw_only=True):
    """The revenue account is known from now on."""


class RevenueAccountUpdated(Event, RevenueAccountFields, tag="revenue.account_updated", frozen=True, kw_only=True):
    """The revenue account is as asked for."""


class RevenueAccountDeleted(Event, RevenueAccountFields, tag="revenue.account_deleted", frozen=True, kw_only=True):
    """The revenue account is gone with all its records; its fields are those it had.

    Attributes:
        deleted_at: When it was deleted.
        records: How many records went with it; those that were deleted before do not count.
    """

    deleted_at: ShownInstant
    records: ShownCount


class RevenueRecordFields(Struct, frozen=True, kw_only=True):
    """The record as it is after the command.

    Attributes:
        record_id: The record.
        account_id: Whose it is.
        amount: How much; a credit note is negative.
        currency: The currency of the amount.
        period_start: The first day that it is for.
        period_end: The last day that it is for.
        version: 1 at first; every change and the deletion raise it by one.
    """

    record_id: ShownId
    account_id: ShownId
    amount: ShownSignedAmount
    currency: ShownCurrency
    period_start: ShownDate
    period_end: ShownDate
    version: ShownNumber


class RevenueRecorded(Event, RevenueRecordFields, tag="revenue.recorded", frozen=True, kw_only=True):
    """The record counts from now on."""


class RevenueRecordChanged(Event, RevenueRecordFields, tag="revenue.record_changed", frozen=True, kw_only=True):
    """The record is as asked for."""


class RevenueRecordDeleted(Event, RevenueRecordFields, tag="revenue.record_deleted", frozen=True, kw_only=True):
    """The record counts no more; its fields are those it had."""


class RevenueRejected(Rejected, tag="revenue.rejected", frozen=True, kw_only=True):
    """The ``revenue`` command was refused."""
