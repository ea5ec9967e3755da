"""The family ``rate``: what one currency was worth in another on a day."""

from typing import Annotated

from msgspec import Meta

from contracts.dates import Date
from contracts.envelope import Command, Event, Refusal, Rejected
from contracts.money import END, CurrencyCode
from contracts.shown import ShownCurrency, ShownDate, ShownNumber, ShownRatio

Ratio = Annotated[
    str,
    Meta(
        pattern=rf"^(0|[1-9][0-9]*)(\.[0-9]+)?{END}",
        max_length=64,
        description='a decimal string such as "1.0825"',
    ),
]


class RateRefusal(Refusal):
    """Why a ``rate`` command is refused."""

    RATE_INVALID = (
        "rate_invalid",
        "A rate is more than zero, lies between two currencies, and has up to 12 digits before and 12 after its point.",
    )


class RateSet(Command, tag="rate.set", frozen=True, kw_only=True):
    """Set what one unit of a currency was worth in another on a day; what was converted before stays as it is.

    Attributes:
        base: The currency of which one unit is priced.
        quote: The currency it is priced in.
        date: The day.
        rate: How much of `quote` one unit of `base` was worth.
    """

    base: CurrencyCode
    quote: CurrencyCode
    date: Date
    rate: Ratio

    amounts = ("rate",)


class RateDefined(Event, tag="rate.defined", frozen=True, kw_only=True):
    """The rate holds from now on, for what is converted from now on.

    Attributes:
        base: The currency of which one unit is priced.
        quote: The currency it is priced in.
        date: The day.
        rate: How much of `quote` one unit of `base` was worth.
        version: How often the rate of the day was set, this time included.
    """

    base: ShownCurrency
    quote: ShownCurrency
    date: ShownDate
    rate: ShownRatio
    version: ShownNumber


class RateRejected(Rejected, tag="rate.rejected", frozen=True, kw_only=True):
    """The ``rate`` command was refused."""
