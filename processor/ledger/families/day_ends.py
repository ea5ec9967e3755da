"""How the days that have ended and not accrued ended: read behind the locks of their accounts and products.

Cost      Four statements for any number of accounts: what they have earned so far (with the locks), the products they
          had, the versions of those, their balances; one more for every 50,000 days that are missing. A balance is
          searched for from the account's last entry backwards, so what is read does not grow with its entries.
Invariant Nothing of a day that has ended changes any more: entries, terms and versions to come lie behind it.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from processor.database import Connection, named_queries
from processor.ledger.bank import Bank
from processor.ledger.earning import ONE_DAY, Interest
from processor.ledger.families.products import product_of
from processor.ledger.products import BEARING_NOTHING, BUILT_IN
from processor.ledger.values import Account, DayEnd, Product

DAYS_MAX: Final = 50_000  # in one statement

_SQL = named_queries("processor.ledger.families", "interest.sql")

# What was so from an instant on, ascending: behind the last one before an instant lies what was so then.
_Names = tuple[Sequence[datetime], Sequence[str]]
_Versions = Mapping[str, tuple[Sequence[datetime], Sequence[Product]]]


class _Missing(Struct):
    """The missing days of an account that may have earned, and the product that each ended with."""

    account: Account
    days: Sequence[date]
    products: Sequence[Product]


async def day_ends_in_tx(
    tx: Connection, accounts: Collection[tuple[Account, Interest]], *, bank: Bank, instant: datetime
) -> dict[int, Sequence[DayEnd]]:
    """Return how each missing day of each account ended under a product that may bear interest, by account number.

    The accounts are locked, as are the products that they have had since the last day that has accrued.
    """
    today = bank.day(instant)
    behind = [(account, interest.accrued_until + ONE_DAY) for account, interest in accounts if not interest.idle]
    behind = [(account, first) for account, first in behind if first < today]
    if not behind:
        return {}
    first_day = min(first for _, first in behind)
    ends = [bank.ends(first_day + ONE_DAY * number) for number in range((today - first_day).days)]
    offsets = [(first - first_day).days for _, first in behind]
    names = await _names_in_tx(tx, [account for account, _ in behind], [ends[offset] for offset in offsets])
    versions = await _versions_in_tx(tx, names, ends[0])
    missing = [
        _Missing(account, *_earning(names[account.account_no], versions, first_day, ends, offset))
        for (account, _), offset in zip(behind, offsets, strict=True)
    ]
    return await _ended_in_tx(tx, [each for each in missing if each.days], first_day, ends)


async def _names_in_tx(tx: Connection, accounts: Sequence[Account], firsts: Sequence[datetime]) -> dict[int, _Names]:
    """Return the product that each account had before each of its first instants, and those that it has had since."""
    names: dict[int, tuple[list[datetime], list[str]]] = {}
    numbers = [account.account_no for account in accounts]
    for account_no, set_at, product in await tx.fetch(_SQL["products_since"], numbers, list(firsts)):
        instants, products = names.setdefault(account_no, ([], []))
        instants.append(set_at)
        products.append(product)
    return dict(names)


async def _versions_in_tx(tx: Connection, names: Mapping[int, _Names], first: datetime) -> _Versions:
    """Return the versions of products that counted at an instant, or have since."""
    wanted = {product for _, products in names.values() for product in products} - BUILT_IN.keys()
    versions: dict[str, tuple[list[datetime], list[Product]]] = {}
    for row in await tx.fetch(_SQL["versions_since"], list(wanted), first) if wanted else ():
        instants, products = versions.setdefault(row["product"], ([], []))
        instants.append(row["defined_at"])
        products.append(product_of(row))
    return dict(versions)


def _earning(
    names: _Names, versions: _Versions, first_day: date, ends: Sequence[datetime], offset: int
) -> tuple[list[date], list[Product]]:
    """Return the days from *offset* on that ended with a product that may bear interest, and those products."""
    days, products = list[date](), list[Product]()
    instants, named = names
    for number in range(offset, len(ends)):
        name = named[_last_before(instants, ends[number])]
        if name not in BEARING_NOTHING:
            days.append(first_day + ONE_DAY * number)
            products.append(BUILT_IN.get(name) or _version_at(*versions[name], ends[number]))
    return days, products


def _version_at(instants: Sequence[datetime], products: Sequence[Product], end: datetime) -> Product:
    return products[_last_before(instants, end)]


def _last_before(instants: Sequence[datetime], end: datetime) -> int:
    index = bisect_left(instants, end) - 1
    assert index >= 0, "a day that may accrue ended behind the opening, and that lies behind its product"
    return index


async def _ended_in_tx(
    tx: Connection, missing: Sequence[_Missing], first_day: date, ends: Sequence[datetime]
) -> dict[int, Sequence[DayEnd]]:
    """Read the balances of all these days, in statements of bounded length."""
    ended: dict[int, Sequence[DayEnd]] = {}
    for part in _parts(missing):
        spans = [((each.days[0] - first_day).days + 1, (each.days[-1] - first_day).days + 1) for each in part]
        columns = [(each.account.account_no, each.account.last_entry_no, each.account.ledger_minor) for each in part]
        arrays = [list(column) for column in zip(*columns, strict=True)]
        firsts, lasts = [list(column) for column in zip(*spans, strict=True)]
        rows = await tx.fetch(_SQL["balances"], *arrays, firsts, lasts, list(ends))
        for each, (balances,) in zip(part, rows, strict=True):
            ended[each.account.account_no] = [
                DayEnd(day, balances[(day - each.days[0]).days], product)
                for day, product in zip(each.days, each.products, strict=True)
            ]
    return ended


def _parts(missing: Sequence[_Missing]) -> Iterator[list[_Missing]]:
    """Cut *missing* into runs of about ``DAYS_MAX`` days."""
    part, count = list[_Missing](), 0
    for each in missing:
        span = (each.days[-1] - each.days[0]).days + 1
        if part and count + span > DAYS_MAX:
            yield part
            part, count = [], 0
        part.append(each)
        count += span
    if part:
        yield part
