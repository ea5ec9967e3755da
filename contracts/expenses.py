"""The family ``expense``: what was spent, when, on what; kept in its own currency and in the user's."""

from typing import Annotated, Final, TypeVar
from unicodedata import is_normalized, normalize

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.dates import Date
from contracts.envelope import BLANKS, CONTROLS, Command, Event, LongText, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.money import END, CurrencyCode, PositiveAmount
from contracts.shown import (
    ShownAmount,
    ShownCurrency,
    ShownDate,
    ShownId,
    ShownLongText,
    ShownNumber,
    ShownRatio,
    ShownText,
)

RECURRING_PREFIX: Final = "recurring:"  # of the ids of expenses that a recurring entry made

SUGGESTED_CATEGORIES: Final = (
    *("Food", "Groceries", "Transport", "Housing", "Utilities", "Health", "Insurance", "Education", "Clothing"),
    *("Entertainment", "Travel", "Subscriptions", "Gifts", "Donations", "Taxes", "Work", "Other"),
)

Category = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=rf"^[^{BLANKS}{CONTROLS}]([^{CONTROLS}]*[^{BLANKS}{CONTROLS}])?{END}",
        description="a name of 1 to 64 characters of the user's own choice, without control characters or blank ends",
    ),
]
Version = Annotated[int, Meta(ge=1, lt=2**53, description="a whole number from 1")]

C = TypeVar("C", bound=Command)


def composed(command: C, category: str) -> C:
    """Return *command* with its *category* composed (NFC): two devices may write the same letter in two ways."""
    if is_normalized("NFC", category):
        return command
    return msgspec.structs.replace(command, category=normalize("NFC", category))


class ExpenseRefusal(Refusal):
    """Why an ``expense`` command is refused."""

    USER_NOT_FOUND = (
        "user_not_found",
        "No user has this id, or it was erased; create one first, or correct the id.",
    )
    EXPENSE_EXISTS = (
        "expense_exists",
        "An expense of the user has this id, or had it, or the id is kept for recurring entries; choose another.",
    )
    EXPENSE_NOT_FOUND = "expense_not_found", "The user has no expense of this id; add it first, or correct the id."
    EXPENSE_DELETED = "expense_deleted", "The expense was deleted and stays so; add another under an id of its own."
    VERSION_STALE = (
        "version_stale",
        "The expense has changed since that version; merge with the current state in details, and send it again.",
    )
    RATE_UNKNOWN = (
        "rate_unknown",
        "No rate is known for the date, nor for the 31 days before it; set one, and send this again under a new id.",
    )


class ExpenseAdd(Command, tag="expense.add", frozen=True, kw_only=True):
    """Add an expense under an id that the device has made.

    Attributes:
        expense_id: The new expense, unique among the user's.
        user_id: Whose it is.
        amount: How much was spent.
        currency: The currency it was spent in.
        category: What it was spent on.
        date: The day it belongs to.
        notes: Anything worth remembering.
        device_id: The device that adds it.
    """

    expense_id: BusinessId
    user_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode
    category: Category
    date: Date
    notes: LongText = ""
    device_id: BusinessId | None = None

    amounts = ("amount",)
    free_texts = ("category", "notes", "device_id")

    def canonical(self) -> "ExpenseAdd":
        """Return the same expense with its category composed."""
        return composed(self, self.category)


class ExpenseChange(Command, tag="expense.change", frozen=True, kw_only=True):
    """Change an expense as a device knows it; what is left out stays as it is.

    Attributes:
        expense_id: The expense.
        user_id: Whose it is.
        base_version: The version that the device knows; any but the current is refused, with the current state.
        amount: How much was spent.
        currency: The currency it was spent in.
        category: What it was spent on.
        date: The day it belongs to.
        notes: Anything worth remembering; an empty text removes it.
        device_id: The device that changes it.
    """

    expense_id: BusinessId
    user_id: BusinessId
    base_version: Version
    amount: PositiveAmount = ""
    currency: CurrencyCode = ""
    category: Category = ""
    date: Date = ""
    notes: LongText | UnsetType = UNSET
    device_id: BusinessId | None = None

    amounts = ("amount",)
    free_texts = ("category", "notes", "device_id")

    def canonical(self) -> "ExpenseChange":
        """Return the same change with its category composed."""
        return composed(self, self.category)


class ExpenseDelete(Command, tag="expense.delete", frozen=True, kw_only=True):
    """Delete an expense as a device knows it; its id stays taken, and every device hears of it.

    Attributes:
        expense_id: The expense.
        user_id: Whose it is.
        base_version: The version that the device knows; any but the current is refused, with the current state.
    """

    expense_id: BusinessId
    user_id: BusinessId
    base_version: Version


class ExpenseFields(Struct, frozen=True, kw_only=True):
    """The expense as it is after the command.

    Attributes:
        expense_id: The expense.
        user_id: Whose it is.
        version: 1 at first; every change and the deletion raise it by one.
        amount: How much was spent.
        currency: The currency it was spent in.
        category: What it was spent on.
        date: The day it belongs to.
        notes: Anything worth remembering; empty for nothing.
        device_id: The device that wrote this version, if it named itself.
        recurring_id: The recurring entry that made it, or null.
        base_amount: How much that is in the user's currency.
        base_currency: The user's currency.
        rate: What one unit of `currency` is worth in `base_currency`. An inverse or crossed rate is rounded to 12
            decimals here; the base amount is computed of the exact one, and rounded once, half up.
        change_no: The number of this change in the user's feed.
    """

    expense_id: ShownId
    user_id: ShownId
    version: ShownNumber
    amount: ShownAmount
    currency: ShownCurrency
    category: ShownText
    date: ShownDate
    notes: ShownLongText
    device_id: ShownId | None
    recurring_id: ShownId | None
    base_amount: ShownAmount
    base_currency: ShownCurrency
    rate: ShownRatio
    change_no: ShownNumber


class ExpenseAdded(Event, ExpenseFields, tag="expense.added", frozen=True, kw_only=True):
    """The expense counts from now on."""


class ExpenseChanged(Event, ExpenseFields, tag="expense.changed", frozen=True, kw_only=True):
    """The expense is as asked for."""


class ExpenseDeleted(Event, ExpenseFields, tag="expense.deleted", frozen=True, kw_only=True):
    """The expense counts no more; its fields are those it had."""


class ExpenseRejected(Rejected, tag="expense.rejected", frozen=True, kw_only=True):
    """The ``expense`` command was refused."""
