"""An account of revenue as it is now, and lists of accounts and records, page by page. Nothing here locks or writes.

Promise   Every read comes by way of ``live_revenue_account`` or ``live_revenue``, which leave deleted ones out: an
          account that was deleted is read as one that never was, ``account_not_found``. What is not changed meanwhile
          is in one page, once.
Cost      One statement of one to three index scans; a page in the middle costs as much as the first. A list of one tier
          passes over accounts of the others.
Bound     A page in memory.
"""

from datetime import date
from typing import Final, get_args

import asyncpg
from msgspec import Struct

from contracts.envelope import YEARS, moment_text
from contracts.revenue import RevenueAccountFields, RevenueRecordFields, Tier
from processor.database import Connection, named_queries
from processor.engine.tokens import Seal
from processor.errors import Declined
from processor.revenue.periods import month_at
from processor.revenue.rules.views import record_fields
from processor.revenue.values import Record

ROWS_MAX: Final = 1000
TIERS: Final[tuple[str, ...]] = get_args(Tier)
_EVER: Final = (date(YEARS[0], 1, 1), date(YEARS[-1], 12, 31))

_SQL = named_queries("processor.revenue", "reads.sql")


class AccountRead(RevenueAccountFields, frozen=True, kw_only=True):
    """An account, and how many records it has."""

    records: int


class RecordRead(RevenueRecordFields, frozen=True, kw_only=True):
    """A record."""


class AccountsQuery(Struct, frozen=True, kw_only=True):
    """Which accounts a list shows: those of a *tier*, or of any for ''."""

    tier: str = ""
    limit: int = 100


class RecordsQuery(Struct, frozen=True, kw_only=True):
    """Which records a list shows: those that begin in the month *period*, written YYYY-MM, or all for ''."""

    period: str = ""
    limit: int = 100


class AccountsMark(Struct, frozen=True, array_like=True):
    """What a token of accounts holds: which, and behind which one."""

    query: AccountsQuery
    behind: str


class RecordsMark(Struct, frozen=True, array_like=True):
    """What a token of records holds: whose, which, and behind which place in their order."""

    account_id: str
    query: RecordsQuery
    period_start: date
    record_id: str


class AccountsPage(Struct, frozen=True, kw_only=True):
    """A page of accounts. *next_token* asks for the next one; null where there is nothing behind."""

    accounts: list[AccountRead]
    next_token: str | None


class RecordsPage(Struct, frozen=True, kw_only=True):
    """A page of records, in the order of (period_start, record_id). *next_token* as above."""

    records: list[RecordRead]
    next_token: str | None


def accounts_seal(secret: bytes) -> Seal[AccountsMark]:
    """Return what writes and reads the tokens of lists of accounts."""
    return Seal(secret, purpose="revenue accounts", content=AccountsMark)


def records_seal(secret: bytes) -> Seal[RecordsMark]:
    """Return what writes and reads the tokens of lists of records."""
    return Seal(secret, purpose="revenue records", content=RecordsMark)


async def account(connection: Connection, account_id: str) -> AccountRead:
    """Return an account.

    Raises:
        Declined: ``account_not_found``.
    """
    row = await connection.fetchrow(_SQL["account"], account_id)
    if row is None:
        raise no_account(account_id)
    return _account_of(row)


async def accounts(
    connection: Connection,
    asked: AccountsQuery | str,
    *,
    seal: Seal[AccountsMark],
    rows_max: int = ROWS_MAX,
) -> AccountsPage:
    """Return the first page of accounts, in the order of their ids, or the page that a token asks for.

    Raises:
        Declined: ``tier_unknown``, ``limit_invalid``, or ``token_invalid``.
    """
    mark = seal.read(asked) if isinstance(asked, str) else AccountsMark(asked, "")
    query = mark.query
    _require_limit(query.limit, rows_max)
    if query.tier not in ("", *TIERS):
        raise Declined("tier_unknown", f"There is no tier {query.tier}; choose from {', '.join(TIERS)}.")
    rows = await connection.fetch(_SQL["accounts"], mark.behind, query.limit + 1, query.tier or None)
    page = [_account_of(row) for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return AccountsPage(
        accounts=page, next_token=seal.write(AccountsMark(query, page[-1].account_id)) if more else None
    )


async def records(
    connection: Connection,
    account_id: str,
    asked: RecordsQuery | str,
    *,
    seal: Seal[RecordsMark],
    rows_max: int = ROWS_MAX,
) -> RecordsPage:
    """Return the first page of an account's records, or the page that a token of the same account asks for.

    Raises:
        Declined: ``account_not_found``, ``month_invalid``, ``limit_invalid``, or ``token_invalid``.
    """
    mark = seal.read(asked) if isinstance(asked, str) else _begin(account_id, asked)
    if mark.account_id != account_id:
        raise Declined("token_invalid", "The token was given for another account's records; begin without a token.")
    _require_limit(mark.query.limit, rows_max)
    place = (mark.period_start, mark.record_id)
    rows = await connection.fetch(_SQL["records"], account_id, *place, _days(mark.query)[1], mark.query.limit + 1)
    if not rows:
        raise no_account(account_id)
    found = [row for row in rows if row["record_id"] is not None]
    page = found[: mark.query.limit]
    return RecordsPage(
        records=[_record_of(row) for row in page],
        next_token=seal.write(_behind(mark, page[-1])) if len(found) > len(page) else None,
    )


# What rows look like --------------------------------------------------------------------------------------------------


def no_account(account_id: str) -> Declined:
    """Return what is said where there is no account, or no more."""
    return Declined("account_not_found", f"No revenue account has the id {account_id}, or it was deleted; correct it.")


def _require_limit(limit: int, rows_max: int) -> None:
    if not 1 <= limit <= rows_max:
        raise Declined("limit_invalid", f"A page has 1 to {rows_max} rows; ask for as many.")


def _days(query: RecordsQuery) -> tuple[date, date]:
    return month_at(query.period) if query.period else _EVER


def _begin(account_id: str, query: RecordsQuery) -> RecordsMark:
    """Return the mark before the first record: every id comes behind the empty text."""
    return RecordsMark(account_id, query, _days(query)[0], "")


def _behind(mark: RecordsMark, row: asyncpg.Record) -> RecordsMark:
    return RecordsMark(mark.account_id, mark.query, row["period_start"], row["record_id"])


def _account_of(row: asyncpg.Record) -> AccountRead:
    return AccountRead(
        account_id=row["account_id"],
        name=row["name"],
        tier=row["tier"],
        created_at=moment_text(row["created_at"]),
        version=row["version_no"],
        records=row["records"],
    )


def _record_of(row: asyncpg.Record) -> RecordRead:
    record = Record(
        account_no=0,  # a surrogate, which nobody is shown
        record_id=row["record_id"],
        version_no=row["version_no"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        period_start=row["period_start"],
        period_end=row["period_end"],
    )
    return RecordRead(**record_fields(record, row["account_id"]))
