"""What holds and settlements share: whether a hold still holds, and what a change of it changes."""

from datetime import datetime
from typing import TypeVar

import msgspec

from contracts.envelope import Refusal
from processor.engine.shelving import Kept, Put
from processor.ledger.values import Account, Hold, HoldStatus
from processor.moments import microseconds

R = TypeVar("R", bound=Refusal)


def is_over(hold: Hold, instant: datetime) -> bool:
    """Say whether *hold* is past its expiry."""
    return hold.expires_at is not None and hold.expires_at <= instant


def hold_refusal(hold: Hold, instant: datetime, *, ended: R, expired: R) -> R | None:
    """Return *ended* or *expired* where a hold is one or the other."""
    if hold.status != HoldStatus.OPEN:
        return ended
    return expired if is_over(hold, instant) else None


def held(account: Account, hold: Hold, more_minor: int) -> Account:
    """Return *account* with so much more (below zero: less) set aside, for *hold* as it is now."""
    expiry = account.hold_expiry
    if hold.status == HoldStatus.OPEN and hold.expires_at is not None:
        expiry = hold.expires_at if expiry is None else min(expiry, hold.expires_at)
    return msgspec.structs.replace(account, available_minor=account.available_minor - more_minor, hold_expiry=expiry)


def kept(hold: Hold) -> tuple[Put, Kept]:
    """Return a hold as it is now, and as one of its versions."""
    expires_us = None if hold.expires_at is None else microseconds(hold.expires_at)
    minors = (hold.amount_minor, hold.captured_minor, hold.released_minor, hold.expired_minor)
    version = Kept("hold_version", (hold.account_no, hold.status, *minors, expires_us, hold.hold_id))
    return Put("hold", (hold.account_no, hold.hold_id), hold), version
