"""Averages and growth by hand: ties go away from zero, and nothing is divided by nothing."""

import pytest

from contracts.money import decimal_text
from processor.revenue.growth import average_minor, growth_of


@pytest.mark.parametrize(
    ("before", "now", "growth"),
    [
        (100, 125, "0.2500"),
        (100, 100, "0.0000"),
        (100, 0, "-1.0000"),
        (100, -100, "-2.0000"),
        (3, 4, "0.3333"),
        (3, 5, "0.6667"),
        (20_000, 20_001, "0.0001"),  # 0.00005, the tie
        (20_000, 19_999, "-0.0001"),
        (20_001, 20_002, "0.0000"),  # just below it
        (20_001, 20_000, "0.0000"),  # and no minus before nothing
        (-100, 50, "-1.5000"),  # the formula as it stands
        (-100, -150, "0.5000"),
        (1, 10**18, "999999999999999999.0000"),
        (0, 5, None),
        (None, 5, None),
    ],
)
def test_growth_is_the_difference_over_the_month_before(before: int | None, now: int, growth: str | None) -> None:
    found = growth_of(before, now)
    assert (None if found is None else decimal_text(found, 4)) == growth


@pytest.mark.parametrize(
    ("total", "months", "average"),
    [(100, 1, 100), (100, 3, 33), (200, 3, 67), (5, 2, 3), (-5, 2, -3), (-4, 3, -1), (1, 3, 0), (0, 7, 0)],
)
def test_an_average_is_rounded_once_half_up(total: int, months: int, average: int) -> None:
    assert average_minor(total, months) == average
