"""Guards that rules of several families share; each takes the refusals of the family that asks."""

from datetime import date

from contracts.dates import day_of
from contracts.envelope import YEARS, CommonRefusal, Refusal
from processor.engine.decision import Refused
from processor.expenses.tracker import Tracker
from processor.expenses.values import User


def user_of(tracker: Tracker, user_id: str, *, not_found: Refusal) -> User | Refused:
    """Return a user, unless there is none or it was erased."""
    user = tracker.user(user_id)
    if user is None or user.erased_at is not None:
        return Refused(not_found, {"user_id": user_id})
    return user


def day_in(text: str, *, field: str) -> date | Refused:
    """Return the day that the command's *field* names: any there is in the years that days lie in."""
    day = day_of(text)
    if day is None or day.year not in YEARS:
        return Refused(CommonRefusal.DATE_INVALID, {"field": field})
    return day
