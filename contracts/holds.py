"""The family ``hold``: money set aside on an account, which is still there and cannot be spent."""

from datetime import UTC
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from contracts.envelope import Command, Event, Moment, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.money import CurrencyCode, PositiveAmount
from contracts.shown import ShownAmount, ShownBalance, ShownCurrency, ShownId, ShownInstant

HoldReason = Literal["PENDING_ACH", "DEBIT_CARD_AUTH", "LEGAL"]
HoldStatus = Literal["OPEN", "CAPTURED", "RELEASED", "EXPIRED"]


class HoldRefusal(Refusal):
    """Why a ``hold`` command is refused."""

    HOLD_EXISTS = "hold_exists", "A hold with this id was placed on the account before; choose another hold_id."
    ACCOUNT_NOT_FOUND = "account_not_found", "No account has this id; open it first, or correct the id."
    ACCOUNT_CLOSED = "account_closed", "The account is closed and takes no further holds; use another account."
    ACCOUNT_FROZEN = "account_frozen", "The account is frozen, so no more of it can be held; unfreeze it first."
    HOLD_NOT_FOUND = "hold_not_found", "The account has no hold with this id; place it first, or correct the id."
    HOLD_ENDED = "hold_ended", "The hold was captured, released or tidied up before; place another under a new hold_id."
    HOLD_EXPIRED = "hold_expired", "The hold has expired and holds nothing any more; place another under a new hold_id."
    HOLD_NOT_DUE = "hold_not_due", "The hold has not expired; release it, or wait until it has."
    CURRENCY_DIFFERS = "currency_differs", "The account has another currency; use that, or leave it out."
    EXPIRY_IN_PAST = "expiry_in_past", "The hold would expire at once; name an instant that is still to come."
    AMOUNT_BELOW_CAPTURED = "amount_below_captured", "More than this was captured already; name at least as much."
    INSUFFICIENT_FUNDS = "insufficient_funds", "Available funds do not cover the amount; pay in first, or hold less."


class HoldPlace(Command, tag="hold.place", frozen=True, kw_only=True):
    """Set money of an account aside: it stays in the ledger balance and leaves the available one.

    The overdraft may be held too; no account steps in for it, and no fee is charged.

    Attributes:
        hold_id: The new hold; its id is unique on its account, for ever.
        account_id: The account.
        amount: How much is held.
        currency: The currency of the account; left out, it is that.
        reason: Why; a LEGAL hold needs no funds, and may be placed on a frozen account.
        expires_at: The instant from which on it holds nothing any more; left out, it never expires.
    """

    hold_id: BusinessId
    account_id: BusinessId
    amount: PositiveAmount
    currency: CurrencyCode = ""
    reason: HoldReason
    expires_at: Moment | UnsetType = UNSET

    amounts = ("amount",)
    accounts = ("account_id",)
    moments = ("expires_at",)

    def canonical(self) -> "HoldPlace":
        """Return the same hold with its expiry in UTC."""
        if self.expires_at is UNSET:
            return self
        return msgspec.structs.replace(self, expires_at=self.expires_at.astimezone(UTC))


class HoldAdjust(Command, tag="hold.adjust", frozen=True, kw_only=True):
    """Hold more or less than before, as long as the hold is open.

    Attributes:
        hold_id: The hold.
        account_id: Its account.
        amount: The new total, what was captured included; where it is no more than that, the hold ends.
    """

    hold_id: BusinessId
    account_id: BusinessId
    amount: PositiveAmount

    amounts = ("amount",)
    accounts = ("account_id",)


class HoldExtend(Command, tag="hold.extend", frozen=True, kw_only=True):
    """Let a hold expire at another time.

    Attributes:
        hold_id: The hold.
        account_id: Its account.
        expires_at: The instant from which on it holds nothing any more, earlier or later than before.
    """

    hold_id: BusinessId
    account_id: BusinessId
    expires_at: Moment

    accounts = ("account_id",)
    moments = ("expires_at",)

    def canonical(self) -> "HoldExtend":
        """Return the same extension with its expiry in UTC."""
        return msgspec.structs.replace(self, expires_at=self.expires_at.astimezone(UTC))


class HoldRelease(Command, tag="hold.release", frozen=True, kw_only=True):
    """End a hold; what is left of it is available again.

    Attributes:
        hold_id: The hold.
        account_id: Its account.
    """

    hold_id: BusinessId
    account_id: BusinessId

    accounts = ("account_id",)


class HoldExpire(Command, tag="hold.expire", frozen=True, kw_only=True):
    """Tidy up a hold that has expired; what was left of it has been available since.

    Attributes:
        hold_id: The hold.
        account_id: Its account.
    """

    hold_id: BusinessId
    account_id: BusinessId

    accounts = ("account_id",)


class HoldFields(Struct, frozen=True, kw_only=True):
    """The hold as it is after the command. Amounts are decimal strings of the account's currency.

    Attributes:
        hold_id: The hold.
        account_id: Its account.
        status: OPEN, also past its expiry, until it ends: CAPTURED, RELEASED, or EXPIRED once it is tidied up.
        reason: Why it was placed.
        currency: The currency of the amounts here.
        amount: How much was authorised in all.
        captured: How much of it was captured.
        remaining: How much of it is left; nothing once it has ended.
        expires_at: The instant from which on it holds nothing any more, or null.
        available_after: What may be spent of the account after the command, besides the overdraft.
    """

    hold_id: ShownId
    account_id: ShownId
    status: HoldStatus
    reason: HoldReason
    currency: ShownCurrency
    amount: ShownAmount
    captured: ShownAmount
    remaining: ShownAmount
    expires_at: ShownInstant | None
    available_after: ShownBalance


class HoldPlaced(Event, HoldFields, tag="hold.placed", frozen=True, kw_only=True):
    """The money is set aside."""


class HoldAdjusted(Event, HoldFields, tag="hold.adjusted", frozen=True, kw_only=True):
    """As much is held as was asked for."""


class HoldExtended(Event, HoldFields, tag="hold.extended", frozen=True, kw_only=True):
    """The hold expires when it was asked to."""


class HoldReleased(Event, HoldFields, tag="hold.released", frozen=True, kw_only=True):
    """The hold has ended; what was left of it is available."""


class HoldExpired(Event, HoldFields, tag="hold.expired", frozen=True, kw_only=True):
    """The hold, which had expired, is tidied up."""


class HoldRejected(Rejected, tag="hold.rejected", frozen=True, kw_only=True):
    """The ``hold`` command was refused."""
