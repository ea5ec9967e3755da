"""What one bank has and another has not: its time zone, the key of its hashes, and what it grants."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from hashlib import sha256

import msgspec

from contracts.money import Amount, exponent_of, minor_units
from processor.ledger.lending import CarryOver


def limits_of(text: str) -> Mapping[str, int]:
    """Return in minor units what *text*, such as ``EUR:1000.00,USD:1500``, grants by currency; nothing says nothing.

    Raises:
        ValueError: It is no list of currencies with an amount of each.
    """
    limits: dict[str, int] = {}
    for each in filter(None, text.split(",")):
        currency, _, amount = each.strip().partition(":")
        exponent = exponent_of(currency)
        try:
            minor = None if exponent is None else minor_units(msgspec.convert(amount, Amount), exponent)
        except msgspec.ValidationError:
            minor = None
        if minor is None or currency in limits:
            raise ValueError("name each currency once, with an amount of it, such as EUR:1000.00,USD:1500")
        limits[currency] = minor
    return limits


@dataclass(frozen=True, kw_only=True)
class Bank:
    """A bank. Its days are those of *zone*; without a *secret* whoever reads a hash finds the number by trying.

    An advance may reach what *advance_limits* says in minor units of its currency, or anything where that says nothing.
    """

    zone: tzinfo = UTC
    secret: bytes = b""
    advance_limits: Mapping[str, int] = field(default_factory=dict)
    carry_over: CarryOver = CarryOver.NEXT
    hot_months: int = 12  # full months that stay in the hot tables beside the one under way

    def day(self, instant: datetime) -> date:
        """Return the day that *instant* belongs to."""
        return instant.astimezone(self.zone).date()

    def ends(self, day: date) -> datetime:
        """Return the first instant behind *day*: where midnight is skipped the next there is, of two the first."""
        return datetime.combine(day + timedelta(days=1), time(), tzinfo=self.zone).astimezone(UTC)

    def ssn_hash(self, ssn: str) -> bytes:
        """Return the HMAC-SHA256 of a social security number's nine digits."""
        return hmac.digest(self.secret, b"ssn " + ssn.encode(), sha256)
