"""What the rules of expenses read and make: users, expenses, sums, budgets, recurring entries, rates.

Amounts are minor units of the currency named beside them; ``base`` is the user's own. Days are days, without a zone.
"""

from datetime import UTC, date, datetime, time
from enum import IntEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

_NO_ZONES: Final = {"localtime", "Factory"}  # stand for another zone on another machine, or for none
THRESHOLDS: Final = (80, 100)  # per cent of a budget that are told


def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone of the IANA database that *name* names, or None."""
    return _zone(name) if name in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_ZONES  # which looks through a folder each time


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def month_of(day: date) -> date:
    """Return the first day of the month of *day*."""
    return day.replace(day=1)


class User(Struct, frozen=True, gc=False):
    """A user. ``last_change_no`` is the number of the last change in the user's feed."""

    user_no: int
    user_id: str
    base_currency: str
    timezone: str
    last_change_no: int
    created_at: datetime
    erased_at: datetime | None = None

    def day(self, instant: datetime) -> date:
        """Return the user's day that *instant* belongs to."""
        return instant.astimezone(self._zone).date()

    def begins(self, day: date) -> datetime:
        """Return when *day* begins for the user: where midnight is skipped the next there is, of two the first."""
        return datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)

    @property
    def _zone(self) -> ZoneInfo:
        zone = zone_of(self.timezone)
        assert zone is not None, "a user is only given a time zone that there is"
        return zone


class Expense(Struct, frozen=True, gc=False):
    """An expense as it is, of a user. ``rate_over / rate_under`` is what its currency is worth in the base.

    ``change_no`` is the number that its last change has in the user's feed.
    """

    user_no: int
    expense_id: str
    version_no: int
    date: date
    category: str
    amount_minor: int
    currency: str
    base_minor: int
    rate_over: str
    rate_under: str
    change_no: int
    notes: str
    device_id: str | None = None
    recurring_id: str | None = None
    deleted: bool = False


class Summary(Struct, frozen=True, gc=False):
    """What a user has spent on a category in a month; ``told`` is the highest threshold that was told of it, or 0."""

    user_no: int
    month: date
    category: str
    spent_minor: int = 0
    expenses: int = 0
    told: int = 0


class Budget(Struct, frozen=True, gc=False):
    """What a user means to spend on a category in a month, or in every month (None); no limit where it was removed."""

    user_no: int
    category: str
    month: date | None
    limit_minor: int | None


class Frequency(IntEnum):
    """How often an entry recurs, as the tables hold it; names are the wire's in capitals."""

    DAILY = 1
    WEEKLY = 2
    MONTHLY = 3


class RecurringRule(Struct, frozen=True, gc=False):
    """What a recurring entry says from the day ``effective_from`` on, until its next rule; nothing where it stopped."""

    rule_no: int
    effective_from: date
    amount_minor: int
    currency: str
    category: str
    frequency: int
    starts_on: date
    ends_on: date | None
    notes: str
    stopped: bool = False


class Recurring(Struct, frozen=True, gc=False):
    """A recurring entry of a user: its rules in the order in which they were agreed, and where it stands.

    ``next_on`` is the first day whose expense has not been made, None where there is none; ``next_due_at`` is when that
    day begins for the user. ``made`` are the days behind ``next_on`` whose expenses are there already; ``last_made`` is
    the last day of all that has one.
    """

    user_no: int
    recurring_id: str
    rules: tuple[RecurringRule, ...]
    next_on: date | None
    next_due_at: datetime | None
    made: frozenset[date] = frozenset()
    last_made: date | None = None


class Rate(Struct, frozen=True, gc=False):
    """What one unit of ``base`` is worth in ``quote`` on a day; ``rate_no`` counts how often that was set."""

    base: str
    quote: str
    date: date
    rate: str
    rate_no: int
