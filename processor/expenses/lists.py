"""A user's expenses of some days, page by page, the latest first.

Promise   A page shows expenses as they are when it is read, without deleted ones. Its token says where the next one
          begins, and is understood by any process at any time. What is not changed meanwhile is in one page, once.
Cost      One statement of two index scans; a page in the middle costs as much as the first.
Bound     A page in memory, and the expenses of a day and category that the page ends in.
"""

from datetime import date, timedelta
from typing import Final
from unicodedata import normalize

import asyncpg
from msgspec import Struct

from processor.database import Connection, named_queries
from processor.engine.tokens import Seal
from processor.errors import Declined
from processor.expenses.reads import ExpenseRead, expense_of, no_user

ROWS_MAX: Final = 1000
_DAY: Final = timedelta(days=1)

_SQL = named_queries("processor.expenses", "lists.sql")


class ExpensesQuery(Struct, frozen=True, kw_only=True):
    """Which expenses a list shows: those of the days from *since* to *until*, both included; '' is every category."""

    since: date
    until: date
    category: str = ""
    limit: int = 100


class Place(Struct, frozen=True, array_like=True):
    """An expense's place in the order of a list."""

    date: date
    category: str
    expense_id: str


class Bookmark(Struct, frozen=True, array_like=True):
    """What a token holds: whose expenses, which, and behind which place."""

    user_id: str
    query: ExpensesQuery
    behind: Place


class ExpensesPage(Struct, frozen=True, kw_only=True):
    """A page. *next_token* asks for the next one; null where there is nothing behind."""

    expenses: list[ExpenseRead]
    next_token: str | None


def expenses_seal(secret: bytes) -> Seal[Bookmark]:
    """Return what writes and reads the tokens of these lists."""
    return Seal(secret, purpose="expenses", content=Bookmark)


async def expenses(
    connection: Connection,
    user_id: str,
    asked: ExpensesQuery | str,
    *,
    seal: Seal[Bookmark],
    rows_max: int = ROWS_MAX,
) -> ExpensesPage:
    """Return the first page of a user's expenses, or the page that a token of the same user asks for.

    Raises:
        Declined: ``user_not_found``, ``window_invalid``, ``limit_invalid``, or ``token_invalid``.
    """
    mark = seal.read(asked) if isinstance(asked, str) else _begin(user_id, asked, rows_max)
    if mark.user_id != user_id:
        raise Declined("token_invalid", "The token was given for another user's expenses; begin anew without a token.")
    query, place = mark.query, mark.behind
    category = normalize("NFC", query.category) or None
    arguments = (query.since, place.date, place.category, place.expense_id, category, query.limit + 1)
    rows = await connection.fetch(_SQL["expenses"], user_id, *arguments)
    if not rows:
        raise no_user(user_id)
    found = [row for row in rows if row["expense_id"] is not None]
    page = found[: query.limit]
    return ExpensesPage(
        expenses=[ExpenseRead(**expense_of(row)) for row in page],
        next_token=seal.write(_behind(mark, page[-1])) if len(found) > len(page) else None,
    )


def _behind(mark: Bookmark, row: asyncpg.Record) -> Bookmark:
    return Bookmark(mark.user_id, mark.query, Place(row["date"], row["category"], row["expense_id"]))


def _begin(user_id: str, query: ExpensesQuery, rows_max: int) -> Bookmark:
    if not 1 <= query.limit <= rows_max:
        raise Declined("limit_invalid", f"A page has 1 to {rows_max} rows; ask for as many.")
    if query.since > query.until:
        raise Declined("window_invalid", "The list would end before it begins; exchange the two days.")
    return Bookmark(user_id, query, Place(min(query.until, date.max - _DAY) + _DAY, "", ""))
