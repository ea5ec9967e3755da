"""What an amount is worth in another currency, by the rates that are known: exactly, and rounded once.

Rates are tried as they are given, turned round, and crossed through a currency that both are priced against. Of each
pair the latest on or before the day counts, unless it is older than ``OLDEST``.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from msgspec import Struct

from contracts.money import exponent_of, trimmed
from processor.expenses.values import Rate

OLDEST: Final = timedelta(days=31)
SHOWN_DECIMALS: Final = 12
_ONE: Final = "1"
_EXACT: Final = Context(prec=100)


class Ratio(Struct, frozen=True, gc=False):
    """One currency in another: ``over / under``, both decimal strings."""

    over: str = _ONE
    under: str = _ONE

    def shown(self) -> str:
        """Return it as one decimal string: as it was given, or rounded half up to ``SHOWN_DECIMALS``."""
        if self.under == _ONE:
            return self.over
        exact = _EXACT.divide(Decimal(self.over), Decimal(self.under))
        return trimmed(f"{exact.quantize(Decimal(1).scaleb(-SHOWN_DECIMALS), ROUND_HALF_UP, _EXACT):f}")

    def convert(self, amount_minor: int, currency: str, base_currency: str) -> int:
        """Return *amount_minor* of *currency* in minor units of *base_currency*, rounded half up."""
        exponent, base_exponent = exponent_of(currency), exponent_of(base_currency)
        assert exponent is not None and base_exponent is not None, "currencies are judged before"  # noqa: PT018
        over, over_scale = _scaled(self.over)
        under, under_scale = _scaled(self.under)
        shift = base_exponent + under_scale - exponent - over_scale
        top, bottom = amount_minor * over, under
        top, bottom = (top * 10**shift, bottom) if shift >= 0 else (top, bottom * 10**-shift)
        return (2 * top + bottom) // (2 * bottom)


def _scaled(text: str) -> tuple[int, int]:
    """Return a decimal string as a whole number and how many decimals that has."""
    whole, _, decimals = text.partition(".")
    return int(whole + decimals), len(decimals)


class Rates:
    """The rates that a batch knows, its own among them."""

    def __init__(self, rates: Iterable[Rate] = ()) -> None:
        self._by_pair: dict[tuple[str, str], dict[date, Rate]] = {}
        self._days: dict[tuple[str, str], list[date]] = {}
        for rate in rates:
            self.set(rate)

    def set(self, rate: Rate) -> None:
        """Make a rate known, in the place of the one of its day."""
        pair = (rate.base, rate.quote)
        known = self._by_pair.setdefault(pair, {})
        if rate.date not in known:
            insort(self._days.setdefault(pair, []), rate.date)
        known[rate.date] = rate

    def ratio(self, currency: str, base_currency: str, day: date) -> Ratio | None:
        """Return what *currency* was worth in *base_currency* on *day*, or None where no rate says so."""
        if currency == base_currency:
            return Ratio()
        if (given := self._latest(currency, base_currency, day)) is not None:
            return Ratio(given.rate)
        if (inverse := self._latest(base_currency, currency, day)) is not None:
            return Ratio(_ONE, inverse.rate)
        return self._crossed(currency, base_currency, day)

    def _latest(self, base: str, quote: str, day: date) -> Rate | None:
        days = self._days.get((base, quote), [])
        place = bisect_right(days, day)
        if place == 0 or day - days[place - 1] > OLDEST:
            return None
        return self._by_pair[base, quote][days[place - 1]]

    def _crossed(self, currency: str, base_currency: str, day: date) -> Ratio | None:
        """Cross through what prices both: where several do, through that whose older rate is the youngest."""
        found: list[tuple[int, str, Ratio]] = []
        for through in sorted({base for base, quote in self._days if quote == currency}):
            amount, base = (self._latest(through, quote, day) for quote in (currency, base_currency))
            if amount is not None and base is not None:
                age = (day - min(amount.date, base.date)).days
                found.append((age, through, Ratio(base.rate, amount.rate)))
        return min(found)[2] if found else None
