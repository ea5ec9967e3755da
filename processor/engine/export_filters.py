"""What the filters of exports may say: ids, days, and instants or the days that begin with them."""

from datetime import date, datetime, tzinfo
from typing import Any, Final

import msgspec

from contracts.dates import Date, Month, day_of
from contracts.envelope import YEARS, Moment
from contracts.ids import BusinessId
from processor.engine.exporting import Filters

SINCE: Final = "from"
UNTIL: Final = "to"


def is_id(text: str) -> bool:
    """Say whether a text may be an id of a sender's own."""
    return _as(BusinessId, text) is not None


def is_day(text: str) -> bool:
    """Say whether a text is a day, written YYYY-MM-DD."""
    return day_at(text) is not None


def is_month(text: str) -> bool:
    """Say whether a text is a month, written YYYY-MM."""
    return _as(Month, text) is not None and is_day(f"{text}-01")


def day_at(text: str) -> date | None:
    """Return the day that a text names, written YYYY-MM-DD, or None."""
    day = None if _as(Date, text) is None else day_of(text)
    return day if day is not None and day.year in YEARS else None


def is_instant(text: str) -> bool:
    """Say whether a text is an RFC 3339 instant with its zone, or a day."""
    return is_day(text) or _moment(text) is not None


def instant_at(text: str, zone: tzinfo) -> datetime:
    """Return the instant that a text names, or that with which its day begins in *zone*; it ``is_instant``."""
    if (moment := _moment(text)) is not None:
        return moment
    day = day_at(text)
    assert day is not None, "filters are looked at before"
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def ends_first(filters: Filters, zone: tzinfo) -> str | None:
    """Return the name of the filter that ends a stretch before it begins, or None."""
    return UNTIL if instant_at(filters[UNTIL], zone) < instant_at(filters[SINCE], zone) else None


def _moment(text: str) -> datetime | None:
    moment: datetime | None = _as(Moment, text)
    return moment if moment is not None and moment.year in YEARS else None


def _as(kind: Any, text: str) -> Any:
    try:
        return msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return None
