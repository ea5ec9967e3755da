"""Days on the wire: ``YYYY-MM-DD``, checked for its shape when a command is read and for the calendar by the rules."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from contracts.money import END

Date = Annotated[str, Meta(pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{END}", description="a day written YYYY-MM-DD")]


def day_of(text: str) -> date | None:
    """Return the day that *text*, a ``Date``, names, or None where the calendar has no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
