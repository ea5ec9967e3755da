"""Time of the model: days of the calendar, a user's day, and recurring entries told day by day."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

DAY = timedelta(days=1)
_YEARS = range(1900, 9999)
_LONGEST = 32  # days: within as many each rule has a day, if it has one at all

Json = dict[str, Any]


def day_of(text: str) -> date | None:
    """Return the day that *text* says, or None where the calendar has none, or not one of these centuries."""
    year, month, day = map(int, text.split("-"))
    if year not in _YEARS or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return None
    return date(year, month, day)


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}  # not of the IANA database alone


def today(instant: datetime, zone: str) -> date:
    """Return the day that it is in *zone*."""
    return instant.astimezone(ZoneInfo(zone)).date()


@dataclass
class Agreed:
    """What holds of a recurring entry from a day on; *said* are the fields of its command."""

    since: date
    said: Json
    stopped: bool = False


@dataclass
class Recurring:
    """A recurring entry: what was agreed, in that order, and the days whose expense was made."""

    agreed: list[Agreed] = field(default_factory=list)
    made: dict[date, str] = field(default_factory=dict)  # the expense of each

    def define(self, said: Json, now: date) -> Agreed:
        """Agree on *said*, today being *now*."""
        if not self.agreed:
            since = date.fromisoformat(said["starts_on"])
        elif self.agreed[-1].stopped:
            since = max(now, self.agreed[-1].since)
        else:
            since = max([now + DAY, *(day + DAY for day in self.made)])
        self.agreed.append(Agreed(since, said))
        return self.agreed[-1]

    def stop(self, now: date) -> Agreed:
        """Agree on an end after today, which is *now*; an end that was agreed on before is not put off."""
        last, since = self.agreed[-1], max([now + DAY, *(day + DAY for day in self.made)])
        since = min(last.since, since) if last.stopped else since
        self.agreed.append(Agreed(since, last.said, stopped=True))
        return self.agreed[-1]

    def on(self, day: date) -> Json | None:
        """Return what is to be spent on *day*, made or not, or None for nothing."""
        standing = [each for each in self.agreed if each.since <= day]
        if not standing or standing[-1].stopped:
            return None
        return standing[-1].said if _falls_on(standing[-1].said, day) else None

    def missing(self, until: date) -> list[date]:
        """Return the days up to *until* whose expense was not made."""
        first = min(each.since for each in self.agreed)
        days = (first + number * DAY for number in range((until - first).days + 1))
        return [day for day in days if self.on(day) is not None and day not in self.made]

    def next_on(self) -> date | None:
        """Return the first day whose expense was not made, or None where there is none."""
        starts = [date.fromisoformat(each.said["starts_on"]) for each in self.agreed]
        last = max([*starts, *(each.since for each in self.agreed), *self.made])
        end = date(9998, 12, 31)
        until = last + _LONGEST * DAY if end - last > _LONGEST * DAY else end
        return next(iter(self.missing(until)), None)


def _falls_on(said: Json, day: date) -> bool:
    start, end = date.fromisoformat(said["starts_on"]), said.get("ends_on")
    if day < start or (end is not None and day > date.fromisoformat(end)):
        return False
    if said["frequency"] == "monthly":
        return day.day == min(start.day, monthrange(day.year, day.month)[1])
    return said["frequency"] == "daily" or day.isoweekday() == start.isoweekday()


def start_of(day: date, zone: str) -> datetime:
    """Return the first second at which it is *day*, or later, in *zone*."""
    midnight = datetime.combine(day, time(), UTC)
    before, after = -20 * 3600, 20 * 3600
    while after - before > 1:
        middle = (before + after) // 2
        reached = today(midnight + timedelta(seconds=middle), zone) >= day
        before, after = (before, middle) if reached else (middle, after)
    return midnight + timedelta(seconds=after)
