"""What balances earn: a day's interest, what accumulates of it, and what a posting pays. Pure, and in integers.

Units     Interest accumulates in units of 10^-12 of a minor unit (``SCALE`` of them make one).
Rounding  A day is rounded half up to one unit, once; a posting pays the whole minor units and carries the rest. What is
          shown has 6 decimals of the currency's unit, half up.
Base      A day earns on the ledger balance that it ends with, where that is above zero; with compound interest also on
          what had accumulated before it. The ledger balance alone chooses the tier. ``whole`` gives the whole base the
          rate of the highest tier reached; ``marginal`` gives each slice of the balance the rate of its tier, and what
          had accumulated that of the highest tier reached.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from contracts.money import decimal_text, exponent_of
from processor.ledger.products import BEARING_NOTHING
from processor.ledger.values import Account, DayEnd, Product

SCALE: Final = 10**12
ONE_DAY: Final = timedelta(days=1)
_RATE_DECIMALS: Final = 10
_SHOWN_DECIMALS: Final = 6

_Tiers = tuple[tuple[int, int], ...]  # (first minor unit, rate in units of 10^-10), ascending


class Interest(Struct, frozen=True, gc=False):
    """What an account has earned: units *carried* over by postings, and *unposted* ones by the first day of a month.

    Days accrue from ``since`` on; ``accrued_until`` and ``posted_until`` are the last of those that have been. It is
    ``idle`` where nothing accrues and nothing is left to post.
    """

    account_no: int
    since: date
    accrued_until: date
    posted_until: date
    idle: bool
    carried: int = 0
    unposted: tuple[tuple[date, int], ...] = ()

    @property
    def accumulated(self) -> int:
        """Return the units that are not posted."""
        return self.carried + sum(units for _, units in self.unposted)


class Run(Struct, frozen=True, gc=False):
    """Days in a row, of one month, that have accrued so many units; *accumulated* is what is not posted after them."""

    first_day: date
    last_day: date
    units: int
    accumulated: int


def nothing_yet(account: Account, opened_on: date) -> Interest:
    """Return the interest of an account of which nothing has accrued, by the bank's day of its opening."""
    return Interest(
        account_no=account.account_no,
        since=opened_on,
        accrued_until=opened_on - ONE_DAY,
        posted_until=opened_on.replace(day=1) - ONE_DAY,
        idle=account.product in BEARING_NOTHING,
    )


def accrued(
    interest: Interest, day_ends: Iterable[DayEnd], currency: str, *, until: date
) -> tuple[Interest, list[Run]]:
    """Return *interest* with every day up to *until*, and the runs of days that were missing.

    *day_ends* are all that have ended under a product that may bear interest, ascending; other days bear nothing.
    """
    months = dict(interest.unposted)
    accumulated, runs = interest.accumulated, list[Run]()
    for end in day_ends:
        if interest.accrued_until < end.day <= until:
            units = units_of_day(end.product, currency, end.ledger_minor, accumulated=accumulated)
            accumulated += units
            month = end.day.replace(day=1)
            if units:
                months[month] = months.get(month, 0) + units
            if runs and month <= runs[-1].last_day == end.day - ONE_DAY:
                before = runs.pop()
                runs.append(Run(before.first_day, end.day, before.units + units, accumulated))
            else:
                runs.append(Run(end.day, end.day, units, accumulated))
    covered = max(until, interest.accrued_until)
    return msgspec.structs.replace(interest, accrued_until=covered, unposted=tuple(months.items())), runs


def paid(interest: Interest, *, until: date) -> tuple[Interest, int]:
    """Return *interest* once everything up to *until* is posted, and the whole minor units that are paid of it."""
    due = interest.carried + sum(units for month, units in interest.unposted if month <= until)
    amount_minor, carried = divmod(due, SCALE)
    unposted = tuple((month, units) for month, units in interest.unposted if month > until)
    posted_until = max(until, interest.posted_until)
    left = msgspec.structs.replace(interest, posted_until=posted_until, carried=carried, unposted=unposted)
    return left, amount_minor


def rested(interest: Interest, day_ends: Iterable[DayEnd], account: Account) -> Interest:
    """Return *interest* as idle where *account* bears nothing any more, and all that it has borne is posted."""
    missing = any(end.day > interest.accrued_until for end in day_ends)
    idle = account.product in BEARING_NOTHING and not interest.accumulated and not missing
    return msgspec.structs.replace(interest, idle=idle)


def units_of_day(product: Product, currency: str, ledger_minor: int, *, accumulated: int = 0) -> int:
    """Return what a day earns that ends with a ledger balance, where *accumulated* units were there before it."""
    if product.interest == "none" or ledger_minor <= 0:
        return 0
    tiers = _reached(product, currency, ledger_minor)
    if product.tier_mode == "whole":
        yearly = ledger_minor * SCALE * tiers[-1][1]
    else:
        ends = (*(start for start, _ in tiers[1:]), ledger_minor)
        yearly = SCALE * sum((end - start) * rate for (start, rate), end in zip(tiers, ends, strict=True))
    if product.interest == "compound":
        yearly += accumulated * tiers[-1][1]
    return _half_up(yearly, product.day_count * 10**_RATE_DECIMALS)


def rate_at(product: Product, currency: str, ledger_minor: int) -> str:
    """Return the rate a year of the tier that a ledger balance is in, ``0`` where it earns nothing."""
    if product.interest == "none" or ledger_minor < 0:
        return "0"
    return product.tiers[len(_reached(product, currency, ledger_minor)) - 1].rate


def accrual_text(units: int, currency: str) -> str:
    """Return *units* as results show them: in units of the currency, with 6 decimals, rounded half up."""
    per_unit = SCALE * 10 ** _decimals(currency)
    return decimal_text(_half_up(units * 10**_SHOWN_DECIMALS, per_unit), _SHOWN_DECIMALS)


def _reached(product: Product, currency: str, ledger_minor: int) -> _Tiers:
    """Return the tiers up to the one that a ledger balance, not below zero, is in."""
    return tuple(tier for tier in _tiers_in(product, currency) if tier[0] <= ledger_minor)


@lru_cache(maxsize=1024)
def _tiers_in(product: Product, currency: str) -> _Tiers:
    """Return a product's tiers in minor units; those of a product of every currency are written in whole units."""
    scale = 1 if product.currency else 10 ** _decimals(currency)
    return tuple((tier.from_minor * scale, _rate(tier.rate)) for tier in product.tiers)


def _rate(text: str) -> int:
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(_RATE_DECIMALS, "0"))


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _decimals(currency: str) -> int:
    exponent = exponent_of(currency)
    assert exponent is not None, "accounts only have currencies that ISO 4217 lists"
    return exponent
