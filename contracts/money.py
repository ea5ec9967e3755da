r"""Money on the wire is a decimal string with an ISO 4217 code; inside it is an integer of minor units.

Invariant Only ASCII digits are money: the grammar is ``(0|[1-9][0-9]*)(\.[0-9]+)?``, checked before any arithmetic;
          a minus sign may lead where a credit note is meant.
          Nothing is rounded here: an amount with more decimals than its currency has is no amount.
Limits    An amount stays below 10**15 minor units, a balance within 9 * 10**17 (well inside a bigint).
"""

from typing import Annotated, Final

from msgspec import Meta

from contracts.currencies import EXPONENTS

AMOUNT_MINOR_MAX: Final = 10**15 - 1
BALANCE_MINOR_MAX: Final = 9 * 10**17
ZERO: Final = "0"
_WHOLE_LENGTH_MAX: Final = len(str(-AMOUNT_MINOR_MAX))  # what is longer is too large, and slow to count

# `$` alone would let a trailing newline pass; the lookahead keeps the pattern valid as JSON Schema too.
END: Final = r"$(?!\n)"

Amount = Annotated[
    str,
    Meta(
        pattern=rf"^(0|[1-9][0-9]*)(\.[0-9]+)?{END}",
        max_length=64,
        description='a decimal string such as "12.30", zero or more',
    ),
]
PositiveAmount = Annotated[
    str,
    Meta(
        pattern=rf"^([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*){END}",
        max_length=64,
        description='a decimal string such as "12.30", more than zero',
    ),
]
SignedAmount = Annotated[
    str,
    Meta(
        pattern=rf"^-?([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*){END}",
        max_length=64,
        description='a decimal string such as "12.30" or "-12.30", not zero',
    ),
]
CurrencyCode = Annotated[str, Meta(min_length=1, max_length=16, description='an ISO 4217 code such as "EUR"')]


def exponent_of(currency: str) -> int | None:
    """Return how many decimals *currency* has, or None for a code that ISO 4217 does not list."""
    return EXPONENTS.get(currency)


def minor_units(amount: str, exponent: int) -> int | None:
    """Return *amount* in minor units of a currency with *exponent* decimals.

    None means it is not an amount of that currency: too many decimals, or too large.
    """
    whole, _, decimals = amount.partition(".")
    if len(decimals) > exponent or len(whole) > _WHOLE_LENGTH_MAX:
        return None
    minor = int(whole + decimals.ljust(exponent, "0"))
    return minor if abs(minor) <= AMOUNT_MINOR_MAX else None


def decimal_text(minor: int, exponent: int) -> str:
    """Return *minor* units as the decimal string that goes on the wire, with all of the currency's decimals."""
    digits = str(minor)
    if exponent == 0:
        return digits
    if minor < 0 or len(digits) <= exponent:
        sign = "-" if minor < 0 else ""
        digits = sign + digits.lstrip("-").rjust(exponent + 1, "0")
    return f"{digits[:-exponent]}.{digits[-exponent:]}"


def trimmed(amount: str) -> str:
    """Return *amount* without trailing zeros, so that 12.3 and 12.30 are one text.

    Nothing comes back as the very object ``ZERO``: msgspec leaves out a default by identity, not by value.
    """
    text = amount.rstrip("0").rstrip(".") if "." in amount else amount
    return ZERO if text == ZERO else text
