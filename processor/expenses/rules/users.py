"""The rules of the family ``user``."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from contracts.users import (
    UserCreate,
    UserCreated,
    UserErase,
    UserErased,
    UserRefusal,
    UserUpdate,
    UserUpdated,
)
from processor.engine.amounts import currency_refusal
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Put
from processor.expenses.rules.guards import user_of
from processor.expenses.rules.views import user_fields
from processor.expenses.tracker import RECURRING, USER, Erasure, Tracker
from processor.expenses.values import User, zone_of

_NOWHERE: Final = "UTC"  # where nobody is any more


def create(tracker: Tracker, command: UserCreate, instant: datetime) -> Decision:
    """Make a user known."""
    if refused := currency_refusal(command.base_currency):
        return refused
    if tracker.user(command.user_id) is not None:
        return Refused(UserRefusal.USER_EXISTS, {"user_id": command.user_id})
    if zone_of(command.timezone) is None:
        return Refused(UserRefusal.TIMEZONE_UNKNOWN, {"user_id": command.user_id})
    user = User(
        user_no=tracker.fresh_no,
        user_id=command.user_id,
        base_currency=command.base_currency,
        timezone=command.timezone,
        last_change_no=0,
        created_at=instant,
    )
    return Applied(UserCreated(**user_fields(user)), (Put(USER, user.user_id, user),))


def update(tracker: Tracker, command: UserUpdate, instant: datetime) -> Decision:
    """Change what is known of a user; the days of recurring entries stay, and begin where the user is now."""
    before = user_of(tracker, command.user_id, not_found=UserRefusal.USER_NOT_FOUND)
    if isinstance(before, Refused):
        return before
    timezone = before.timezone if command.timezone is UNSET else command.timezone
    if zone_of(timezone) is None:
        return Refused(UserRefusal.TIMEZONE_UNKNOWN, {"user_id": command.user_id})
    user = msgspec.structs.replace(before, timezone=timezone)
    entries = [
        msgspec.structs.replace(entry, next_due_at=user.begins(entry.next_on))
        for entry in tracker.recurring_of(user)
        if timezone != before.timezone and entry.next_on is not None
    ]
    puts = (Put(RECURRING, (each.user_no, each.recurring_id), each) for each in entries)
    return Applied(UserUpdated(**user_fields(user)), (Put(USER, user.user_id, user), *puts))


def erase(tracker: Tracker, command: UserErase, instant: datetime) -> Decision:
    """Forget what a user has written; nothing recurs any more, and the id stays taken."""
    before = user_of(tracker, command.user_id, not_found=UserRefusal.USER_NOT_FOUND)
    if isinstance(before, Refused):
        return before
    user = msgspec.structs.replace(before, timezone=_NOWHERE, erased_at=instant)
    entries = [
        msgspec.structs.replace(entry, next_on=None, next_due_at=None)
        for entry in tracker.recurring_of(user)
        if entry.next_on is not None
    ]
    puts = (Put(RECURRING, (each.user_no, each.recurring_id), each) for each in entries)
    event = UserErased(user_id=user.user_id, last_change_no=user.last_change_no)
    return Applied(event, (Put(USER, user.user_id, user), *puts, Erasure(user.user_no, user.user_id)))


RULES: Final = {UserCreate: create, UserUpdate: update, UserErase: erase}
