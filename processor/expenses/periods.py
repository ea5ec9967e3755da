"""Months and years that somebody asks to read, as days."""

from collections.abc import Iterator
from datetime import date

from contracts.dates import day_of, last_day_of
from contracts.envelope import YEARS
from processor.errors import Declined


def month_at(text: str) -> date:
    """Return the first day of the month that *text* names, as YYYY-MM.

    Raises:
        Declined: ``month_invalid``.
    """
    first = day_of(f"{text}-01")
    if first is None or last_day_of(text) is None or first.year not in YEARS:
        raise Declined("month_invalid", f"There is no month {text}; write it as 2026-01.")
    return first


def year_at(year: int) -> tuple[date, date]:
    """Return the first and the last day of *year*.

    Raises:
        Declined: ``year_invalid``.
    """
    if year not in YEARS:
        raise Declined("year_invalid", f"Expenses lie in the years {YEARS[0]} to {YEARS[-1]}; choose one of them.")
    return date(year, 1, 1), date(year, 12, 31)


def months_between(first: date, last: date) -> Iterator[date]:
    """Yield the first day of each month from *first*, one of them, to the month of *last*."""
    while first <= last:
        yield first
        first = date(first.year + first.month // 12, first.month % 12 + 1, 1)


def month_before(month: date, months: int) -> date:
    """Return the first day of the month so many *months* before that of *month*, or of the first month there is."""
    number = max(12 * month.year + month.month - 1 - months, 12 * YEARS[0])
    return date(number // 12, number % 12 + 1, 1)
