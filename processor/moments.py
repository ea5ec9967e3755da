"""Instants and days as PostgreSQL counts them in its binary format: from 2000-01-01, UTC."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = _EPOCH.date().toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return *moment* as microseconds since 2000-01-01 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def days(day: date) -> int:
    """Return *day* as days since 2000-01-01."""
    return day.toordinal() - _FIRST_DAY
