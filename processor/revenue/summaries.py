"""What an account comes to, by currency: total, average by month, and growth from month to month.

A record counts in the month that it begins in. A currency's months are those from its first with a record to its last;
months between them without one count, as 0.

Promise   A summary is of one moment, and never an error for what is in it: growth is null over a month of 0, and for
          the first month. Each figure is exact up to its one rounding.
Cost      One statement: the account, and its part of an index; the same whatever other accounts there are.
Bound     A row for each month between an account's first and last, in each of its currencies.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import NamedTuple

from msgspec import Struct

from contracts.money import decimal_text
from processor.database import Connection, named_queries
from processor.revenue.growth import GROWTH_DECIMALS, average_minor, growth_of
from processor.revenue.periods import month_text, months_between
from processor.revenue.reads import no_account
from processor.revenue.rules.views import amount_text

_SQL = named_queries("processor.revenue", "reads.sql")


class MonthRevenue(Struct, frozen=True, kw_only=True):
    """A month: what was paid for it, by how many records, and its *growth* over the month before: 0.2500 is 25 %."""

    month: str
    amount: str
    records: int
    growth: str | None


class CurrencySummary(Struct, frozen=True, kw_only=True):
    """What was paid in a currency: *average_per_period* is that by month, *latest_growth* that of the last month."""

    currency: str
    total: str
    records: int
    average_per_period: str
    latest_growth: str | None
    months: list[MonthRevenue]


class Summary(Struct, frozen=True, kw_only=True):
    """What an account comes to, by currency in the order of their codes."""

    account_id: str
    currencies: list[CurrencySummary]


class _Sum(NamedTuple):
    amount_minor: int
    records: int


_NOTHING = _Sum(0, 0)


async def summary(connection: Connection, account_id: str) -> Summary:
    """Return what an account's records come to; of an account without any there are no currencies.

    Raises:
        Declined: ``account_not_found``.
    """
    rows = await connection.fetch(_SQL["months"], account_id)
    if not rows:
        raise no_account(account_id)
    found = [row for row in rows if row["currency"] is not None]
    currencies = [
        _summed(currency, {row["month"]: _Sum(int(row["amount_minor"]), row["records"]) for row in months})
        for currency, months in groupby(found, key=lambda row: str(row["currency"]))
    ]
    return Summary(account_id=account_id, currencies=currencies)


def _summed(currency: str, sums: Mapping[date, _Sum]) -> CurrencySummary:
    """Return what *sums* by month, one at least, come to."""
    months = list(_months(currency, sums))
    total_minor = sum(each.amount_minor for each in sums.values())
    return CurrencySummary(
        currency=currency,
        total=amount_text(total_minor, currency),
        records=sum(each.records for each in sums.values()),
        average_per_period=amount_text(average_minor(total_minor, len(months)), currency),
        latest_growth=months[-1].growth,
        months=months,
    )


def _months(currency: str, sums: Mapping[date, _Sum]) -> Iterator[MonthRevenue]:
    before_minor: int | None = None
    for month in months_between(min(sums), max(sums)):
        amount_minor, records = sums.get(month, _NOTHING)
        growth = growth_of(before_minor, amount_minor)
        yield MonthRevenue(
            month=month_text(month),
            amount=amount_text(amount_minor, currency),
            records=records,
            growth=None if growth is None else decimal_text(growth, GROWTH_DECIMALS),
        )
        before_minor = amount_minor
