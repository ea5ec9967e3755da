"""The family ``user``: whose expenses they are."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.envelope import Command, Event, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.money import CurrencyCode
from contracts.shown import ShownCount, ShownCurrency, ShownId, ShownText

Timezone = Annotated[
    str, Meta(min_length=1, max_length=64, description='a time zone of the IANA database such as "Europe/Berlin"')
]


class UserRefusal(Refusal):
    """Why a ``user`` command is refused."""

    USER_EXISTS = "user_exists", "A user with this id was created before, erased or not; choose another user_id."
    USER_NOT_FOUND = (
        "user_not_found",
        "No user has this id, or it was erased; create one first, or correct the id.",
    )
    TIMEZONE_UNKNOWN = "timezone_unknown", "The IANA database has no such time zone; use a name such as Europe/Berlin."


class UserCreate(Command, tag="user.create", frozen=True, kw_only=True):
    """Make a user known under the sender's own id.

    Attributes:
        user_id: The new user.
        base_currency: The currency that budgets and totals are kept in, for ever.
        timezone: Where the user's days begin.
    """

    user_id: BusinessId
    base_currency: CurrencyCode
    timezone: Timezone = "UTC"

    free_texts = ("timezone",)


class UserUpdate(Command, tag="user.update", frozen=True, kw_only=True):
    """Change what is known of a user; what is left out stays as it is.

    Attributes:
        user_id: The user.
        timezone: Where the user's days begin from now on; recurring entries that are yet to come move with them.
    """

    user_id: BusinessId
    timezone: Timezone | UnsetType = UNSET

    free_texts = ("timezone",)


class UserErase(Command, tag="user.erase", frozen=True, kw_only=True):
    """Forget what a user has written: categories get numbers for names, notes and devices are emptied, sums stay.

    Attributes:
        user_id: The user, whose id stays taken.
    """

    user_id: BusinessId


class UserFields(Struct, frozen=True, kw_only=True):
    """The user as it is after the command.

    Attributes:
        user_id: The user.
        base_currency: The currency of budgets and totals.
        timezone: Where the user's days begin.
    """

    user_id: ShownId
    base_currency: ShownCurrency
    timezone: ShownText


class UserCreated(Event, UserFields, tag="user.created", frozen=True, kw_only=True):
    """The user is known from now on."""


class UserUpdated(Event, UserFields, tag="user.updated", frozen=True, kw_only=True):
    """The user is as asked for."""


class UserErased(Event, tag="user.erased", frozen=True, kw_only=True):
    """Everything the user has written is gone; whoever keeps copies of earlier results removes it from them too.

    Attributes:
        user_id: The user.
        last_change_no: How many changes the user's feed had.
    """

    user_id: ShownId
    last_change_no: ShownCount


class UserRejected(Rejected, tag="user.rejected", frozen=True, kw_only=True):
    """The ``user`` command was refused."""
