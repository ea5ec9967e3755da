"""Money and rates of the model: exact fractions of whole units, by the standard library alone."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from re import sub
from typing import NamedTuple

DECIMALS = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "JPY": 0, "KWD": 3}  # of the currencies that the model knows
UNITS_MAX = 10**15  # minor units: no amount reaches as many
SUM_MAX = 9 * 10**17  # and no sum passes as many
_AGE_MAX = timedelta(days=31)


class Ratio(NamedTuple):
    """What one unit is worth in the user's currency: exactly, as it is shown, and how it came about."""

    exact: Fraction
    shown: str
    how: str


def amount_of(text: str, currency: str) -> Fraction | None:
    """Return the amount that *text* says in *currency*, or None where it has too many decimals or is too large."""
    decimals = text.partition(".")[2]
    amount = Fraction(text)
    if len(decimals) > DECIMALS[currency] or not fits(amount, currency):
        return None
    return amount


def fits(amount: Fraction, currency: str) -> bool:
    """Say whether *amount* is one of *currency*: in whole minor units, and not too many of them."""
    minor = amount * Fraction(10) ** DECIMALS[currency]
    return minor.denominator == 1 and minor < UNITS_MAX


def nearest(amount: Fraction, currency: str) -> Fraction:
    """Return the amount of *currency* that is nearest to *amount*; of two, the larger."""
    return _half_up(amount, DECIMALS[currency])


def money(amount: Fraction, currency: str) -> str:
    """Return *amount* as it is written, with all decimals of *currency*."""
    return _written(amount, DECIMALS[currency])


def units(amount: Fraction, currency: str) -> int:
    """Return *amount* in minor units of *currency*."""
    return int(amount * 10 ** DECIMALS[currency])


def plain(text: str) -> str:
    """Return a decimal *text* without zeros at its end."""
    return sub(r"\.?0+$", "", text) if "." in text else text


@dataclass
class Rates:
    """All rates, as they were set last: by the pair of currencies, and by day."""

    known: dict[tuple[str, str], dict[date, str]] = field(default_factory=dict)
    times: dict[tuple[str, str, date], int] = field(default_factory=dict)

    def put(self, base: str, quote: str, day: date, text: str) -> int:
        """Set a rate, and return how often that of the day was set."""
        self.known.setdefault((base, quote), {})[day] = plain(text)
        self.times[base, quote, day] = self.times.get((base, quote, day), 0) + 1
        return self.times[base, quote, day]

    def ratio(self, currency: str, base: str, day: date) -> Ratio | None:
        """Return what one unit of *currency* is worth in *base* on *day*, or None where nothing says."""
        if currency == base:
            return Ratio(Fraction(1), "1", "same")
        if given := self._latest(currency, base, day):
            return Ratio(Fraction(given[1]), given[1], "given")
        if inverse := self._latest(base, currency, day):
            return _computed(1 / Fraction(inverse[1]), "inverse")
        crossings = []
        for through in DECIMALS:
            legs = self._latest(through, currency, day), self._latest(through, base, day)
            if legs[0] and legs[1]:
                older = min(legs[0][0], legs[1][0])
                crossings.append(((day - older).days, through, Fraction(legs[1][1]) / Fraction(legs[0][1])))
        return _computed(min(crossings)[2], "crossed") if crossings else None

    def _latest(self, base: str, quote: str, day: date) -> tuple[date, str] | None:
        dated = self.known.get((base, quote), {})
        return max(((when, rate) for when, rate in dated.items() if day - _AGE_MAX <= when <= day), default=None)


def _computed(exact: Fraction, how: str) -> Ratio:
    return Ratio(exact, plain(_written(_half_up(exact, 12), 12)), how)


def _half_up(number: Fraction, decimals: int) -> Fraction:
    scale = 10**decimals
    return Fraction((2 * number * scale + 1) // 2, scale)


def _written(number: Fraction, decimals: int) -> str:
    assert number >= 0
    digits = str(int(number * 10**decimals)).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
