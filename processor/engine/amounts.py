"""Amounts of commands in minor units, or the refusal that says why they are none: the same in every context."""

from typing import Final

from contracts.envelope import CommonRefusal
from contracts.money import exponent_of, minor_units
from processor.engine.decision import Refused

_CODE_LETTERS: Final = 3


def currency_refusal(currency: str) -> Refused | None:
    """Refuse a *currency* that ISO 4217 does not list."""
    return _unknown(currency) if exponent_of(currency) is None else None


def amount_in(currency: str, amount: str) -> Refused | int:
    """Return *amount* in minor units of *currency*, or the refusal that says why it is none."""
    exponent = exponent_of(currency)
    if exponent is None:
        return _unknown(currency)
    minor = minor_units(amount, exponent)
    if minor is None:
        return Refused(CommonRefusal.AMOUNT_INVALID, {"currency": currency, "decimals": exponent})
    return minor


def _unknown(currency: str) -> Refused:
    # What is not even shaped like a code may be anything that slipped into the field, a card number for one.
    looks_like_one = len(currency) == _CODE_LETTERS and currency.isascii() and currency.isalpha()
    return Refused(CommonRefusal.CURRENCY_UNKNOWN, {"currency": currency} if looks_like_one else {})
