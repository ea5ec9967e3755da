"""Months that somebody asks to read, as days."""

from collections.abc import Iterator
from datetime import date

from contracts.dates import day_of, last_day_of
from contracts.envelope import YEARS
from processor.errors import Declined

_MONTH_CHARACTERS = len("YYYY-MM")


def month_at(text: str) -> tuple[date, date]:
    """Return the first and the last day of the month that *text* names, as YYYY-MM.

    Raises:
        Declined: ``month_invalid``.
    """
    first, last = day_of(f"{text}-01"), last_day_of(text)
    if first is None or last is None or len(text) != _MONTH_CHARACTERS or first.year not in YEARS:
        raise Declined("month_invalid", f"There is no month {text}; write it as 2026-01.")
    return first, last


def month_text(month: date) -> str:
    """Return the month of a day as it is written."""
    return month.isoformat()[:_MONTH_CHARACTERS]


def months_between(first: date, last: date) -> Iterator[date]:
    """Yield the first day of each month from *first*, one of them, to the month of *last*."""
    while first <= last:
        yield first
        first = date(first.year + first.month // 12, first.month % 12 + 1, 1)
