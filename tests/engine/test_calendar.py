"""Where periods begin and end, and how many were missed: by the bank's time zone, also where its clocks are changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from processor.engine.jobs import Calendar, Every


def test_periods_are_those_of_the_bank_s_time_zone() -> None:
    berlin = Calendar(zone=ZoneInfo("Europe/Berlin"))
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)  # the first of April there
    assert berlin.period(Every.DAY, late) == berlin.period(Every.MONTH, late) == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert berlin.following(Every.DAY, late) == datetime(2026, 4, 1, 22, tzinfo=UTC)
    assert berlin.following(Every.MONTH, late) == datetime(2026, 4, 30, 22, tzinfo=UTC)
    assert berlin.period(Every.MINUTE, late.replace(second=5, microsecond=7)) == late
    assert berlin.following(Every.MINUTE, late) == late + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # its midnight is skipped
        ("America/Havana", date(2026, 11, 1), 25),  # its midnight comes twice
    ],
)
def test_a_day_on_which_clocks_are_changed_ends_where_the_next_begins(zone: str, day: date, hours: int) -> None:
    calendar = Calendar(zone=ZoneInfo(zone))
    start = calendar.start_of(day)
    assert calendar.day(start) == day
    assert calendar.day(start - timedelta(microseconds=1)) == day - timedelta(days=1)
    assert calendar.following(Every.DAY, start) - start == timedelta(hours=hours)


def test_missed_periods_are_those_between() -> None:
    calendar, last = Calendar(), datetime(2026, 1, 30, tzinfo=UTC)
    days = [calendar.missed(Every.DAY, last, last + timedelta(days=number)) for number in (-1, 0, 1, 2, 5)]
    months = [calendar.missed(Every.MONTH, last, last + timedelta(days=number)) for number in (0, 2, 30, 400)]
    assert days == [0, 0, 0, 1, 4]
    assert months == [0, 0, 1, 13]
    assert calendar.missed(Every.DAY, None, last) == calendar.missed(Every.MINUTE, last, last + timedelta(days=9)) == 0
