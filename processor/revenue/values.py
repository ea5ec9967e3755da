"""What the rules of revenue read and make: accounts, and records with amounts in minor units of their currency."""

from datetime import date, datetime

from msgspec import Struct


class Account(Struct, frozen=True, gc=False):
    """A revenue account. ``records`` is how many it has; of a deleted one, how many went with it."""

    account_no: int
    account_id: str
    name: str
    tier: str
    version_no: int
    records: int
    created_at: datetime
    deleted_at: datetime | None = None


class Record(Struct, frozen=True, gc=False):
    """A record of an account: what was paid for the days from ``period_start`` to ``period_end``; below 0 a credit."""

    account_no: int
    record_id: str
    version_no: int
    amount_minor: int
    currency: str
    period_start: date
    period_end: date
    deleted: bool = False
