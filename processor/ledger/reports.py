"""The transaction report: pages of what was posted, refused and held, of one moment, however long the paging takes.

Promise   The first page takes a cut; every page after it shows the books as they stood then. Its token says where the
          next one begins, and what all of them sum up to, and is understood by any process at any time. Pages are
          disjoint and complete, and a page read again by its token is the same.
Cost      The first page counts all rows, in slices. Each page then costs the same: an index scan per lane, and nothing
          of what lies before it.
Bound     A page in memory; so many days in a report and rows in a page as the limits say.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from contracts.envelope import moment_text
from contracts.ids import uuid_bytes
from contracts.money import decimal_text, exponent_of
from contracts.specs import LEDGER
from processor.database import Connection, named_queries
from processor.engine.cuts import Cut, CutLane, cut_lanes, require_cut, seqs_from, take_cut
from processor.engine.tokens import Seal
from processor.errors import Declined
from processor.ledger.places import entries_before, last_entry_below
from processor.ledger.report_rows import PENDING, STATUSES, Found, Key, ReportRow, View, read_rows
from processor.ledger.report_search import AccountSearch, LaneSearch, Stretch, Totals

_TICK: Final = timedelta(microseconds=1)

_SQL = named_queries("processor.ledger", "reports.sql")


class ReportQuery(Struct, frozen=True, kw_only=True):
    """What a report is to show: what was decided from *since* on and before *until*, now where that is left out.

    Empty texts filter nothing. *status* is PENDING, POSTED, REVERSED or FAILED; *reason* a refusal's code, or a hold's
    reason; an account is one of the two sides, or has an entry in the transaction.
    """

    account_id: str = ""
    transaction_id: str = ""
    status: str = ""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100


class ReportLimits(Struct, frozen=True, kw_only=True):
    """How many days a report covers, and how many rows a page has, at most."""

    days_max: int = 5
    rows_max: int = 1000


class Bookmark(Struct, frozen=True, array_like=True):
    """What a token holds: all that a page is made of, but the rows."""

    epoch: int
    next_seq: dict[int, int]
    instant: datetime
    query: ReportQuery
    since: datetime
    until: datetime
    account_no: int  # 0 where rows are found by lanes
    totals: Totals
    page: int
    stretches: list[Stretch]
    key: Key | None


class ReportPage(Struct, frozen=True, kw_only=True):
    """A page. *total_amount* counts the rows of all pages, *sums* are what was posted in them, reversed or not.

    *token* asks for this page again, *next_token* for the next one; None behind the last.
    """

    transactions: list[ReportRow]
    page: int
    limit: int
    total_amount: int
    total_pages: int
    sums: dict[str, str]
    since: str
    until: str
    token: str
    next_token: str | None


def report_seal(secret: bytes) -> Seal[Bookmark]:
    """Return what writes and reads the tokens of this report."""
    return Seal(secret, purpose="transactions", content=Bookmark)


async def transactions_report(
    connection: Connection, asked: ReportQuery | str, *, seal: Seal[Bookmark], limits: ReportLimits | None = None
) -> ReportPage:
    """Return the first page of a new report, or the page that a token asks for.

    Raises:
        Declined: ``window_too_large``, ``window_invalid``, ``filter_invalid``, ``limit_invalid``,
            ``account_not_found``, ``token_invalid``, or ``snapshot_gone``.
    """
    async with connection.transaction(readonly=True):
        await connection.execute(_SQL["settle_report"])
        if isinstance(asked, ReportQuery):
            mark = await _opened(connection, asked, limits or ReportLimits())
        else:
            mark = seal.read(asked)
            await require_cut(connection, _cut(mark))
        return await _page(connection, mark, seal)


def _cut(mark: Bookmark) -> Cut:
    return Cut(context=LEDGER, epoch=mark.epoch, next_seq=mark.next_seq)


async def _page(connection: Connection, mark: Bookmark, seal: Seal[Bookmark]) -> ReportPage:
    query, totals = mark.query, mark.totals
    view = _view(query, await cut_lanes(connection, _cut(mark)), mark.instant, mark.since)
    found = await _search(connection, view, mark.account_no).page(mark.stretches, mark.key, query.limit)
    pages = -(-totals.rows // query.limit)
    return ReportPage(
        transactions=await read_rows(connection, view, found),
        page=mark.page,
        limit=query.limit,
        total_amount=totals.rows,
        total_pages=pages,
        sums={name: _decimal(totals.posted_minor[name], name) for name in sorted(totals.posted_minor)},
        since=moment_text(mark.since),
        until=moment_text(mark.until),
        token=seal.write(mark),
        next_token=seal.write(_behind(mark, found)) if mark.page < pages else None,
    )


def _behind(mark: Bookmark, found: list[Found]) -> Bookmark:
    """Return the place behind what was *found*."""
    below = {stretch.stretch_no: stretch.below for stretch in mark.stretches}
    for each in found:
        if each.stretch_no in below:
            below[each.stretch_no] = min(below[each.stretch_no], each.place)
    stretches = [msgspec.structs.replace(each, below=below[each.stretch_no]) for each in mark.stretches]
    key = None if mark.key is None else found[-1].key
    return msgspec.structs.replace(mark, page=mark.page + 1, stretches=stretches, key=key)


def _view(query: ReportQuery, lanes: list[CutLane], instant: datetime, since: datetime) -> View:
    return View(lanes, instant, since, query.status, query.reason)


def _search(connection: Connection, view: View, account_no: int) -> AccountSearch | LaneSearch:
    return AccountSearch(connection, view, account_no) if account_no else LaneSearch(connection, view)


def _decimal(minor: int, currency: str) -> str:
    return decimal_text(minor, exponent_of(currency) or 0)


# The first page -------------------------------------------------------------------------------------------------------


async def _opened(connection: Connection, query: ReportQuery, limits: ReportLimits) -> Bookmark:
    _check(query, limits)
    cut = await take_cut(connection, LEDGER)
    lanes = await cut_lanes(connection, cut)
    clock: datetime = await connection.fetchval(_SQL["clock"])
    instant = max([clock, *(lane.decided_at for lane in lanes)])  # nothing below the cut was decided later
    until = query.until or instant + _TICK
    since = query.since or until - timedelta(days=limits.days_max)
    _check_window(since, until, limits)
    view = _view(query, lanes, instant, since)
    account_no, stretches, key = await _begin(connection, query, view, until)
    searched = _search(connection, view, account_no)
    return Bookmark(
        epoch=cut.epoch,
        next_seq=dict(cut.next_seq),
        instant=instant,
        query=query,
        since=since,
        until=until,
        account_no=account_no,
        totals=await searched.totals(stretches, key),
        page=1,
        stretches=stretches,
        key=key if account_no else None,
    )


def _check(query: ReportQuery, limits: ReportLimits) -> None:
    if not 1 <= query.limit <= limits.rows_max:
        raise Declined("limit_invalid", f"A page has 1 to {limits.rows_max} rows; ask for as many.")
    if query.status and query.status not in STATUSES:
        raise Declined("filter_invalid", f"There is no status {query.status}; choose from {', '.join(STATUSES)}.")
    if query.transaction_id and not _is_uuid(query.transaction_id):
        raise Declined("filter_invalid", f"{query.transaction_id} is not a UUID, as ids of transactions are.")


def _check_window(since: datetime, until: datetime, limits: ReportLimits) -> None:
    if since > until:
        raise Declined("window_invalid", "The report would end before it begins; exchange the two instants.")
    if until - since > timedelta(days=limits.days_max):
        raise Declined(
            "window_too_large",
            f"A report covers {limits.days_max} days at most (PARTITA_REPORT_DAYS_MAX); ask for shorter ones.",
        )


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


class _Account(Struct, frozen=True):
    """An account that a report is of: its number, and that of its last entry by now."""

    account_no: int
    last_entry_no: int


async def _begin(
    connection: Connection, query: ReportQuery, view: View, until: datetime
) -> tuple[int, list[Stretch], Key]:
    """Return where to look for rows: an account or 0, the stretches to search, and the key that all rows lie before."""
    key = Key(until, 0, 0)
    account = await _account(connection, query.account_id)
    if query.transaction_id:
        stamp = await _stamp(connection, query, view, until)
        is_in = stamp is not None and (account is None or await _has_part(connection, account, query, view, stamp))
        return 0, [Stretch(stamp.lane_no, stamp.place, stamp.place + 1)] if stamp and is_in else [], key
    if account is not None:
        below = await last_entry_below(connection, account.account_no, account.last_entry_no, view.lanes) + 1
        before = await entries_before(connection, account.account_no, below - 1, [view.since, until])
        return account.account_no, [Stretch(0, before[view.since] + 1, before[until] + 1)], key
    lanes = {lane.lane_no: lane.next_seq for lane in view.lanes}
    first = await seqs_from(connection, lanes, view.since)
    below_of = await seqs_from(connection, lanes, until)
    return 0, [Stretch(lane_no, first[lane_no], below_of[lane_no]) for lane_no in lanes], key


async def _account(connection: Connection, account_id: str) -> _Account | None:
    """Return the account that is asked for, None for all."""
    if not account_id:
        return None
    row = await connection.fetchrow(_SQL["account_number"], account_id)
    if row is None:
        raise Declined("account_not_found", f"No account has the id {account_id}; `partita accounts` lists them.")
    return _Account(*row)


async def _stamp(connection: Connection, query: ReportQuery, view: View, until: datetime) -> Found | None:
    """Return where the one transaction lies that is asked for, None where the report's window does not have it."""
    row = await connection.fetchrow(_SQL["stamp_of"], uuid_bytes(query.transaction_id))
    lanes = {lane.lane_no: lane.next_seq for lane in view.lanes}
    if row is None or row["seq"] >= lanes.get(row["lane_no"], 1) or not view.since <= row["occurred_at"] < until:
        return None
    return Found(Key(row["occurred_at"], 0, row["seq"]), row["lane_no"], row["lane_no"], row["seq"])


async def _has_part(connection: Connection, account: _Account, query: ReportQuery, view: View, stamp: Found) -> bool:
    """Say whether *account* has a part in the transaction: it is named, or has an entry among those of the instant."""
    rows = await read_rows(connection, view, [stamp, msgspec.structs.replace(stamp, status=PENDING)])
    if any(query.account_id in (row.source_account_id, row.destination_account_id) for row in rows):
        return True
    instant = stamp.key.decided_at
    before = await entries_before(connection, account.account_no, account.last_entry_no, [instant, instant + _TICK])
    entries = (account.account_no, before[instant] + 1, before[instant + _TICK] + 1)
    has_entry: bool = await connection.fetchval(_SQL["touches"], *entries, stamp.lane_no, stamp.place)
    return has_entry
