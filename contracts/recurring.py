"""The family ``recurring``: expenses that come back every day, week or month."""

from typing import Literal

from msgspec import Struct

from contracts.dates import Date
from contracts.envelope import Command, Event, LongText, Refusal, Rejected
from contracts.expenses import Category, composed
from contracts.ids import BusinessId
from contracts.money import CurrencyCode, PositiveAmount
from contracts.shown import (
    ShownAmount,
    ShownCurrency,
    ShownDate,
    ShownId,
    ShownLongText,
    ShownNumber,
    ShownText,
)

Frequency = Literal["daily", "weekly", "monthly"]


class RecurringRefusal(Refusal):
    """Why a ``recurring`` command is refused."""

    USER_NOT_FOUND = (
        "user_not_found",
        "No user has this id, or it was erased; create one first, or correct the id.",
    )
    ENDS_BEFORE_START = "ends_before_start", "The last day lies before the first; correct one of them."
    RECURRING_NOT_FOUND = (
        "recurring_not_found",
        "The user has no recurring entry of this id; set it first, or correct the id.",
    )
    ALREADY_MATERIALISED = "already_materialised", "The expense of this day was made before; nothing is left to do."
    NOT_DUE = "not_due", "The entry has no expense on this day, or the user's day has not begun; nothing is to be made."
    RATE_UNKNOWN = (
        "rate_unknown",
        "No rate is known for the date, nor for the 31 days before it; set one, and send this again under a new id.",
    )


class RecurringSet(Command, tag="recurring.set", frozen=True, kw_only=True):
    """Have an expense made at the start of each period, or change one that is made so from now on.

    Attributes:
        recurring_id: The recurring entry, unique among the user's.
        user_id: Whose it is.
        amount: How much each time.
        currency: The currency it is spent in.
        category: What it is spent on.
        frequency: How often: on `starts_on`, and a day, a week or a month later again and again. A month that lacks the
            day has its last instead.
        starts_on: The first day, which may lie in the past: a new entry makes up for what was missed.
        ends_on: The last day it may fall on; left out, there is none.
        notes: What each expense is to say.
    """

    recurring_id: BusinessId
    user_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode
    category: Category
    frequency: Frequency
    starts_on: Date
    ends_on: Date | None = None
    notes: LongText = ""

    amounts = ("amount",)
    free_texts = ("category", "notes")

    def canonical(self) -> "RecurringSet":
        """Return the same entry with its category composed."""
        return composed(self, self.category)


class RecurringStop(Command, tag="recurring.stop", frozen=True, kw_only=True):
    """Make no more expenses of a recurring entry from tomorrow on; what was due until then is still made.

    Attributes:
        recurring_id: The recurring entry.
        user_id: Whose it is.
    """

    recurring_id: BusinessId
    user_id: BusinessId


class RecurringMaterialise(Command, tag="recurring.materialise", frozen=True, kw_only=True):
    """Make the expense of a recurring entry that is due on a day.

    Attributes:
        recurring_id: The recurring entry.
        user_id: Whose it is.
        date: The day: one of the entry's that has begun in the user's time zone.
    """

    recurring_id: BusinessId
    user_id: BusinessId
    date: Date


class RecurringFields(Struct, frozen=True, kw_only=True):
    """The recurring entry as it is after the command.

    Attributes:
        recurring_id: The recurring entry.
        user_id: Whose it is.
        amount: How much each time.
        currency: The currency it is spent in.
        category: What it is spent on.
        frequency: How often.
        starts_on: The day that the others are counted from.
        ends_on: The last day it may fall on, or null.
        notes: What each expense says.
        effective_from: The first day that this holds for; earlier ones are made as was agreed before.
        next_on: The first day whose expense has not been made, or null where there is none.
        change_no: The number of this change in the user's feed.
    """

    recurring_id: ShownId
    user_id: ShownId
    amount: ShownAmount
    currency: ShownCurrency
    category: ShownText
    frequency: Frequency
    starts_on: ShownDate
    ends_on: ShownDate | None
    notes: ShownLongText
    effective_from: ShownDate
    next_on: ShownDate | None
    change_no: ShownNumber


class RecurringDefined(Event, RecurringFields, tag="recurring.defined", frozen=True, kw_only=True):
    """The recurring entry is as asked for."""


class RecurringStopped(Event, RecurringFields, tag="recurring.stopped", frozen=True, kw_only=True):
    """The recurring entry makes no expense on `effective_from` and after it."""


class RecurringRejected(Rejected, tag="recurring.rejected", frozen=True, kw_only=True):
    """The ``recurring`` command was refused."""
