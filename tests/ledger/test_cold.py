"""Which months stay hot: so many full ones of the bank beside the one that is under way."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from processor.ledger.cold import boundary

MONTHS = [
    # now, the bank's zone, months, since when rows are hot
    ("2026-11-21T12:00Z", "UTC", 1, "2026-10-01T00:00Z"),
    ("2026-11-01T00:00Z", "UTC", 1, "2026-10-01T00:00Z"),
    ("2026-10-31T23:59Z", "UTC", 1, "2026-09-01T00:00Z"),
    ("2026-11-21T12:00Z", "UTC", 10, "2026-01-01T00:00Z"),
    ("2026-11-21T12:00Z", "UTC", 11, "2025-12-01T00:00Z"),
    ("2026-11-21T12:00Z", "UTC", 36, "2023-11-01T00:00Z"),
    ("2026-10-31T22:59Z", "Europe/Berlin", 1, "2026-08-31T22:00Z"),  # still October there
    ("2026-10-31T23:00Z", "Europe/Berlin", 1, "2026-09-30T22:00Z"),  # November there, and its October began in summer
    ("2026-12-31T23:30Z", "Europe/Berlin", 2, "2026-10-31T23:00Z"),
    ("2027-01-01T04:59Z", "America/New_York", 1, "2026-11-01T04:00Z"),  # summer ends there on that very day
]


@pytest.mark.parametrize(("now", "zone", "months", "since"), MONTHS)
def test_full_months_of_the_bank_stay_hot(now: str, zone: str, months: int, since: str) -> None:
    found = boundary(datetime.fromisoformat(now), ZoneInfo(zone), months)
    assert found.astimezone(UTC) == datetime.fromisoformat(since)
