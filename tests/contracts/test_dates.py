"""Days: of the right shape they are read, and the calendar is asked later."""

from datetime import date

import msgspec
import pytest

from contracts.dates import Date, day_of


@pytest.mark.parametrize(
    "text",
    [
        "2024-1-1",
        "24-01-01",
        "20240101",
        "2024-01-01\n",
        " 2024-01-01",
        "2024-W01-1",
        "２０２４-01-01",
        "",
        "-024-01-01",
    ],
)
def test_a_text_of_another_shape_is_no_day_on_the_wire(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Date)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("0001-01-01", date.min),
        ("9999-12-31", date.max),
        ("2023-02-29", None),
        ("2024-13-01", None),
        ("2024-00-10", None),
        ("2024-04-31", None),
        ("0000-01-01", None),
    ],
)
def test_what_has_the_shape_is_a_day_if_the_calendar_has_it(text: str, day: date | None) -> None:
    assert day_of(msgspec.convert(text, Date)) == day
