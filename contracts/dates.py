"""Days and months on the wire: checked for their shape when a command is read, and for the calendar by the rules."""

from calendar import monthrange
from datetime import date
from typing import Annotated

from msgspec import Meta

from contracts.money import END

Date = Annotated[str, Meta(pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{END}", description="a day written YYYY-MM-DD")]
Day = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{END}",
        description="a day of the bank's time zone written YYYY-MM-DD",
    ),
]
Month = Annotated[str, Meta(pattern=rf"^[0-9]{{4}}-[0-9]{{2}}{END}", description="a month written YYYY-MM")]


def day_of(text: str) -> date | None:
    """Return the day that *text*, a ``Date`` or a ``Day``, names, or None where the calendar has no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def last_day_of(text: str) -> date | None:
    """Return the last day of the month that *text*, a ``Month``, names, or None where there is no such month."""
    first = day_of(f"{text}-01")
    return None if first is None else first.replace(day=monthrange(first.year, first.month)[1])
