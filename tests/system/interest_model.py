"""Interest as a model has it: in exact fractions, day by day, with the standard library alone."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import floor

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Terms:
    """A product: tiers as (first minor unit, rate a year), and how they are meant."""

    name: str
    tiers: tuple[tuple[int, str], ...]
    compound: bool = False
    marginal: bool = False
    day_count: int = 365

    def of_day(self, balance: int, accumulated: Fraction) -> Fraction:
        """Return what a day earns that ends with *balance*, rounded half up to 10^-12 of a minor unit."""
        reached = [(start, Fraction(rate)) for start, rate in self.tiers if start <= balance]
        if balance <= 0 or not reached:
            return Fraction(0)
        if self.marginal:
            ends = [start for start, _ in reached[1:]] + [balance]
            yearly = sum(((end - start) * rate for (start, rate), end in zip(reached, ends, strict=True)), Fraction(0))
        else:
            yearly = balance * reached[-1][1]
        if self.compound:
            yearly += accumulated * reached[-1][1]
        return Fraction(floor(yearly / self.day_count * 10**12 + Fraction(1, 2)), 10**12)


@dataclass
class Modelled:
    """One account of the model."""

    terms: Terms
    minor: int = 0
    accumulated: Fraction = Fraction(0)
    accrued: list[Fraction] = field(default_factory=list)
    posted: list[int] = field(default_factory=list)
    open: bool = True
    frozen: bool = False

    def end_day(self) -> None:
        earned = self.terms.of_day(self.minor, self.accumulated)
        self.accumulated += earned
        self.accrued.append(earned)

    def end_month(self) -> None:
        """Pay whole minor units; it is the next day, so what they earn begins with that."""
        paid = floor(self.accumulated)
        self.accumulated -= paid
        self.minor += paid
        self.posted.append(paid)


@dataclass
class Model:
    """All accounts, and the day that is not over."""

    today: date
    accounts: dict[str, Modelled]

    def go_to(self, day: date) -> None:
        """Let days pass; a month's end is the last of them, so that no day accrues before what was earned is paid."""
        while self.today < day:
            self.today += DAY
            bearing = [each for each in self.accounts.values() if each.open and each.terms.tiers]
            for each in bearing:
                each.end_day()
            if self.today.day == 1:
                assert self.today == day
                for each in bearing:
                    each.end_month()
