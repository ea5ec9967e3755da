"""What one bank has and another has not: its time zone, and the key of its hashes."""

import hmac
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from hashlib import sha256


@dataclass(frozen=True, kw_only=True)
class Bank:
    """A bank. Its days are those of *zone*; without a *secret* whoever reads a hash finds the number by trying."""

    zone: tzinfo = UTC
    secret: bytes = b""

    def day(self, instant: datetime) -> date:
        """Return the day that *instant* belongs to."""
        return instant.astimezone(self.zone).date()

    def ssn_hash(self, ssn: str) -> bytes:
        """Return the HMAC-SHA256 of a social security number's nine digits."""
        return hmac.digest(self.secret, b"ssn " + ssn.encode(), sha256)
