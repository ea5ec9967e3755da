"""Jobs: what has to be done because time has passed, told by who knows the tables, done by the scheduler.

A job decides nothing. It reads what is due as of an instant, in pages, and says a command for each; the rules decide.
So a job that runs twice, late, or on two machines at once does no harm.

Invariant The instant is handed in, and comes from the database's clock. A job reads no clock of its own.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum, StrEnum, auto
from typing import Any, NamedTuple

from contracts.envelope import Command
from processor.database import Connection

Place = tuple[Any, ...]
"""Where a row stands in the order of its job's query: the next page begins behind it."""


class Due(NamedTuple):
    """One thing that is due. ``subject`` is what it is about, unique within its job and ``period``."""

    subject: str
    period: datetime  # the instant at which it fell due
    place: Place
    says: Callable[..., Command]  # takes ``command_id`` alone


ReadsDue = Callable[[Connection, datetime, Place, int], Awaitable[Sequence[Due]]]
"""Returns what is due as of an instant, behind a place, so many rows at most."""


class Every(StrEnum):
    """How the periods of a job lie. Days and months are the bank's; minutes are for what falls due at any time."""

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"


class Again(Enum):
    """When what was refused and is still due is said again."""

    LATER_AND_LATER = auto()  # after a minute, two, four, and so on, at last once on each day
    DAILY = auto()  # from the next day on, once on each: what it waits for is made by people


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job that publishes commands.

    ``first`` is the place before all others. A job that is ``once`` looks once a period at things that stay as they
    are, so an answered command settles its subject until the next; of any other job what is still due after an answer
    was refused, and is said ``again`` under another id.
    """

    name: str
    every: Every
    first: Place
    due: ReadsDue
    once: bool = False
    again: Again = Again.LATER_AND_LATER


@dataclass(frozen=True, kw_only=True)
class Chore:
    """A job that is done in the database, once a period: ``work`` does what is due as of an instant, and counts it."""

    name: str
    every: Every
    work: Callable[[Connection, datetime], Awaitable[int]]


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Where periods begin in a bank's time zone."""

    zone: tzinfo = UTC

    def day(self, instant: datetime) -> date:
        """Return the day that *instant* belongs to."""
        return instant.astimezone(self.zone).date()

    def start_of(self, day: date) -> datetime:
        """Return the first instant of *day*."""
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    def period(self, every: Every, instant: datetime) -> datetime:
        """Return the first instant of the period that *instant* belongs to."""
        if every is Every.MINUTE:
            return instant.astimezone(UTC).replace(second=0, microsecond=0)
        day = self.day(instant)
        return self.start_of(day if every is Every.DAY else day.replace(day=1))

    def following(self, every: Every, instant: datetime) -> datetime:
        """Return the first instant of the period after that of *instant*."""
        if every is Every.MINUTE:
            return self.period(every, instant) + timedelta(minutes=1)
        day = self.day(instant)
        if every is Every.DAY:
            return self.start_of(day + timedelta(days=1))
        return self.start_of((day.replace(day=1) + timedelta(days=31)).replace(day=1))

    def missed(self, every: Every, last: datetime | None, instant: datetime) -> int:
        """Return how many periods lie between that of *last* and that of *instant*; minutes are not missed."""
        if last is None or every is Every.MINUTE:
            return 0
        before, now = self.day(last), self.day(instant)
        if every is Every.DAY:
            return max(0, (now - before).days - 1)
        return max(0, 12 * (now.year - before.year) + now.month - before.month - 1)
