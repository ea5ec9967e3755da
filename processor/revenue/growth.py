"""What an account's months come to: average and growth, of exact whole numbers, each rounded once, half up.

A tie goes away from zero, below it too. Amounts are minor units.
"""

from typing import Final

GROWTH_DECIMALS: Final = 4


def average_minor(total_minor: int, months: int) -> int:
    """Return what *total_minor* is for each of so many *months*, one at least."""
    return _rounded(total_minor, months)


def growth_of(before_minor: int | None, now_minor: int) -> int | None:
    """Return (now - before) / before in units of the last of ``GROWTH_DECIMALS``; None over nothing or no month."""
    if not before_minor:
        return None
    return _rounded((now_minor - before_minor) * 10**GROWTH_DECIMALS, before_minor)


def _rounded(over: int, under: int) -> int:
    nearest = (2 * abs(over) + abs(under)) // (2 * abs(under))
    return nearest if (over < 0) == (under < 0) else -nearest
