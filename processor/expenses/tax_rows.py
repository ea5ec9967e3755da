"""A tax year of a user as plain values: what the files of a year are written from.

Amounts are minor units; ``base`` is the user's own currency. A year is a calendar year. Deleted expenses are not in it.
"""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct


class CategoryTotal(Struct, frozen=True, kw_only=True):
    """What was spent on a category in the year, in the base currency, and by how many expenses."""

    category: str
    expenses: int
    base_minor: int


class TaxYear(Struct, frozen=True, kw_only=True):
    """What a year sums up to, as the books stood at ``taken_at``, an instant with a zone."""

    user_id: str
    base_currency: str
    year: int
    taken_at: datetime
    categories: Sequence[CategoryTotal]  # each once
    expenses: int
    total_minor: int


class TaxRow(Struct, frozen=True, kw_only=True, gc=False):
    """An expense of the year. ``rate`` is what one of its currency is worth in the base, as it goes on the wire."""

    date: date
    category: str
    notes: str
    amount_minor: int
    currency: str
    base_minor: int
    rate: str
    expense_id: str
