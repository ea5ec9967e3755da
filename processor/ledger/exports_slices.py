"""The slices of the ledger's exports: which stretches of lanes and accounts they are made of.

Promise   Slices are disjoint and complete, and follow each other in the order of rows: partition and seq for all the
          books, that of decisions for the transactions of one account, numbers for its entries.
Cost      A few look-ups for where a stretch begins and ends; for one account's transactions a look through what was
          refused of it. Each slice is a range scan of ``ROWS`` rows or so.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import pairwise
from typing import Final

from msgspec import Struct

from processor.database import Connection, named_queries
from processor.engine.cuts import Cut, seqs_from
from processor.engine.export_filters import SINCE, UNTIL, instant_at
from processor.engine.export_view import CutView, view_of
from processor.engine.exporting import Filters, Slice, copied
from processor.errors import Declined
from processor.ledger.bank import Bank
from processor.ledger.places import entries_before, last_entry_below
from processor.ledger.statements import Stretch, open_statement

ROWS: Final = 20_000  # of a slice; a number of a lane is one row at most

_SQL = {
    **named_queries("processor.ledger", "exports.sql"),
    **named_queries("processor.ledger", "exports_account.sql"),
    **named_queries("processor.ledger", "exports_books.sql"),
}
_SUMS: Final = {  # how the rows of each are counted and summed up
    "lane_transactions": "lane_transactions_summed",
    "account_transactions": "account_transactions_summed",
    "lane_entries": "lane_entries_summed",
    "account_entries": "account_entries_summed",
    "statement_rows": "statement_rows_summed",
    "account_rows": "account_rows_summed",
}


class _Account(Struct, frozen=True):
    """An account as of a cut."""

    account_no: int
    last_entry_no: int


class Window(Struct, frozen=True):
    """The instants that are asked for, from *since* on and before *until*; nothing lies behind the cut's instant."""

    since: datetime
    until: datetime


async def transactions(bank: Bank, connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
    """Yield what was posted, refused and held, of all accounts or of one.

    Raises:
        Declined: ``account_not_found``.
    """
    view, window = await _asked(bank, connection, cut, filters)
    if (account_id := filters.get("account_id")) is None:
        async for stretch in _lane_stretches(connection, view, window):
            yield _slice("lane_transactions", *stretch, *view.arrays, view.instant)
        return
    account = await _account(connection, account_id, view)
    async for first, below, since, until in _account_windows(connection, account, window):
        yield _slice("account_transactions", account.account_no, first, below, since, until, *view.arrays, view.instant)


async def entries(bank: Bank, connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
    """Yield the entries of customers' accounts, or of one of them.

    Raises:
        Declined: ``account_not_found``.
    """
    view, window = await _asked(bank, connection, cut, filters)
    if (account_id := filters.get("account_id")) is None:
        async for stretch in _lane_stretches(connection, view, window):
            yield _slice("lane_entries", *stretch, str(bank.zone))
        return
    account = await _account(connection, account_id, view)
    first, below = await _numbers(connection, account, [window.since, window.until])
    for number in range(first, below, ROWS):
        yield _slice("account_entries", account.account_no, number, min(number + ROWS, below), str(bank.zone))


async def statements(bank: Bank, connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
    """Yield the lines of an account's month, as far as it had come at the cut.

    Raises:
        Declined: ``account_not_found``, or ``month_invalid``.
    """
    view = await view_of(connection, cut)
    await _account(connection, filters["account_id"], view)
    month = await open_statement(connection, filters["account_id"], filters["month"], bank=bank, below=view.lanes)
    minor, left_out = month.opening_minor, sorted(month.left_out)
    for run in _runs(month.stretches):
        others = [] if run.is_put_in else left_out
        day = month.value_dates.get(run.until) if run.is_put_in else None
        piece = _slice("statement_rows", month.account_no, run.after, run.until, others, minor, day, str(bank.zone))
        yield piece
        summed = await connection.fetchrow(piece.sums, *piece.arguments)
        minor += 0 if summed is None else int(summed["minor"])


async def accounts(connection: Connection, _cut: Cut, _filters: Filters) -> AsyncIterator[Slice]:
    """Yield customers' accounts as they are."""
    instant: datetime = await connection.fetchval(_SQL["now"])
    after = ""
    while (until := await connection.fetchval(_SQL["account_mark"], after, ROWS)) is not None:
        yield _slice("account_rows", after, until, instant)
        after = until


def _slice(name: str, *arguments: object) -> Slice:
    return Slice(rows=copied(_SQL[name]), sums=_SQL[_SUMS[name]], arguments=arguments)


async def _asked(bank: Bank, connection: Connection, cut: Cut, filters: Filters) -> tuple[CutView, Window]:
    view = await view_of(connection, cut)
    since, until = (instant_at(filters[name], bank.zone) for name in (SINCE, UNTIL))
    return view, Window(since, min(until, view.behind))


async def _account(connection: Connection, account_id: str, view: CutView) -> _Account:
    """Return an account that there was at the cut."""
    row = await connection.fetchrow(_SQL["account_below"], account_id, *view.arrays)
    if row is None:
        raise Declined("account_not_found", f"No account had the id {account_id}; `partita accounts` lists them.")
    last_entry_no = await last_entry_below(connection, row["account_no"], row["last_entry_no"], view.lanes)
    return _Account(row["account_no"], last_entry_no)


async def _lane_stretches(connection: Connection, view: CutView, window: Window) -> AsyncIterator[tuple[int, int, int]]:
    """Yield lane, first seq and the seq behind the last, lane by lane."""
    lanes = {lane.lane_no: lane.next_seq for lane in view.lanes}
    first, below = [await seqs_from(connection, lanes, instant) for instant in (window.since, window.until)]
    for lane_no in lanes:
        for seq in range(first[lane_no], below[lane_no], ROWS):
            yield lane_no, seq, min(seq + ROWS, below[lane_no])


async def _numbers(connection: Connection, account: _Account, instants: list[datetime]) -> list[int]:
    """Return the number of an account's first entry that is not before each instant, there or not."""
    before = await entries_before(connection, account.account_no, account.last_entry_no, instants)
    return [before[instant] + 1 for instant in instants]


async def _account_windows(
    connection: Connection, account: _Account, window: Window
) -> AsyncIterator[tuple[int, int, datetime, datetime]]:
    """Yield first entry, the number behind the last, and the two instants of each window of an account."""
    if window.since >= window.until:
        return
    first, below = await _numbers(connection, account, [window.since, window.until])
    asked = (account.account_no, first, below, window.since, window.until, ROWS)
    marks = [row["posted_at"] for row in await connection.fetch(_SQL["account_marks"], *asked)]
    instants = [window.since, *marks, window.until]
    numbers = await _numbers(connection, account, instants)
    for (since, number), (until, behind) in pairwise(zip(instants, numbers, strict=True)):
        yield number, behind, since, until


def _runs(stretches: tuple[Stretch, ...]) -> list[Stretch]:
    """Return stretches in pieces of ``ROWS`` entries at most."""
    return [
        Stretch(after, min(after + ROWS, stretch.until), stretch.is_put_in)
        for stretch in stretches
        for after in range(stretch.after, stretch.until, ROWS)
    ]
