"""How the rows of the transaction report are found: by stretches of lanes' seqs, or of one account's entries.

Promise   Rows come in the report's order, none twice, none left out, wherever pages and slices end.
Cost      An index scan per lane and page, and none of it reads what a page has passed. A statement looks at no more
          than ``SLICE`` places of a lane or an account, so none lives long.
Invariant Within a lane the order of seqs, and within an account that of entries, is the report's order. So where a
          page ended is a number per lane, or one of the account's entries.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

import asyncpg
from msgspec import Struct
from msgspec.structs import astuple, replace

from processor.database import Connection, named_queries
from processor.engine.cuts import seqs_from
from processor.ledger.report_rows import FAILED, PENDING, POSTED, REVERSED, Found, Key, View

SLICE: Final = 50_000

_SQL = named_queries("processor.ledger", "reports.sql")


class Stretch(Struct, frozen=True, array_like=True):
    """Places from *first* on and below *below*: seqs of lane *stretch_no*, or entries of an account where that is 0."""

    stretch_no: int
    first: int
    below: int


class Totals(Struct):
    """How many rows there are, and what those that were posted sum up to, in minor units by currency."""

    rows: int = 0
    posted_minor: dict[str, int] = {}

    def add(self, totals: Iterable[asyncpg.Record], view: View) -> None:
        """Add the *totals* of a slice, of those that *view* lets through."""
        for row in totals:
            if view.wants(row["status"]):
                self.rows += row["count"]
                if row["sum_minor"] is not None and row["status"] in (POSTED, REVERSED):
                    before = self.posted_minor.get(row["currency"], 0)
                    self.posted_minor[row["currency"]] = before + int(row["sum_minor"])


Fetch = Callable[[Sequence[Stretch], int], Awaitable[Sequence[Found]]]


def slices(stretch: Stretch) -> Iterator[Stretch]:
    """Cut *stretch* into slices, the last places first."""
    for below in range(stretch.below, stretch.first, -SLICE):
        yield Stretch(stretch.stretch_no, max(stretch.first, below - SLICE), below)


def top(found: Iterable[Found], rows: int) -> list[Found]:
    """Return the latest so many of what was found, in order."""
    return sorted(found, key=lambda each: each.key, reverse=True)[:rows]


async def last_of(stretches: Sequence[Stretch], rows: int, fetch: Fetch) -> list[Found]:
    """Return what *fetch* finds of each stretch, from its end: the last so many *rows* at least, or all there are."""
    found, left = list[Found](), [stretch for stretch in stretches if stretch.first < stretch.below]
    while left:
        looked_at = [next(slices(stretch)) for stretch in left]
        got = await fetch(looked_at, rows)
        found += got
        counts = Counter(each.stretch_no for each in got)
        rest = [replace(stretch, below=looked.first) for stretch, looked in zip(left, looked_at, strict=True)]
        left = [stretch for stretch in rest if stretch.first < stretch.below and counts[stretch.stretch_no] < rows]
    return found


class LaneSearch:
    """Finds rows of all accounts."""

    def __init__(self, connection: Connection, view: View) -> None:
        self._connection = connection
        self._view = view

    async def page(self, stretches: Sequence[Stretch], _key: Key | None, rows: int) -> list[Found]:
        """Return the last *rows* of the *stretches*."""
        found = list[Found]()
        if (fetch := self._transactions()) is not None:
            found = top(await last_of(stretches, rows, fetch), rows)
        if self._view.wants(PENDING):
            if len(found) == rows:
                stretches = await self._since(stretches, found[-1])
            found = top(found + await last_of(stretches, rows, self._pending), rows)
        return found

    async def totals(self, stretches: Sequence[Stretch], _key: Key) -> Totals:
        """Count all rows of the *stretches* and sum them up."""
        totals, view = Totals(), self._view
        further = (*view.cut, view.instant, view.reason or None, view.hold_reason)
        for stretch in stretches:
            for each in slices(stretch):
                totals.add(await self._connection.fetch(_SQL["lane_totals"], *astuple(each), *further), view)
        return totals

    async def _since(self, stretches: Sequence[Stretch], last: Found) -> list[Stretch]:
        """Return of the *stretches* what is not before the instant of *last*."""
        below = {stretch.stretch_no: stretch.below for stretch in stretches}
        first = await seqs_from(self._connection, below, last.key.decided_at)
        return [replace(stretch, first=max(stretch.first, first[stretch.stretch_no])) for stretch in stretches]

    def _transactions(self) -> Fetch | None:
        view = self._view
        if view.wants(POSTED, FAILED):
            return self._fetching("transaction_keys", False, *view.cut)  # noqa: FBT003 - an argument of the query
        if view.wants(POSTED):
            return self._fetching("transaction_keys", True, *view.cut)  # noqa: FBT003 - likewise
        if view.wants(REVERSED):
            return self._fetching("reversed_keys", *view.cut)
        return self._fetching("refused_keys", view.reason or None) if view.wants(FAILED) else None

    async def _pending(self, stretches: Sequence[Stretch], rows: int) -> list[Found]:
        view = self._view
        return await self._fetching("pending_keys", *view.cut, view.instant, view.hold_reason, status=PENDING)(
            stretches, rows
        )

    def _fetching(self, query: str, *further: object, status: str = "") -> Callable[..., Awaitable[list[Found]]]:
        async def fetch(stretches: Sequence[Stretch], rows: int) -> list[Found]:
            arrays = [list(column) for column in zip(*map(astuple, stretches), strict=True)]
            found = await self._connection.fetch(_SQL[query], *arrays, rows, *further)
            return [self._view.found(row, status) for row in found]

        return fetch


class AccountSearch:
    """Finds the rows that an account has a part in: its entries' transactions, refusals that name it, its holds."""

    def __init__(self, connection: Connection, view: View, account_no: int) -> None:
        self._connection = connection
        self._view = view
        self._account_no = account_no

    async def page(self, stretches: Sequence[Stretch], key: Key | None, rows: int) -> list[Found]:
        """Return the last *rows* of the account's stretch of entries, and of what else lies before *key*."""
        found, view = list[Found](), self._view
        assert key is not None, "an account's report goes on at a key"
        if view.wants(POSTED) or view.wants(REVERSED):
            found += await last_of(stretches, rows, self._entries)
        found += await self._refused(key, rows) + await self._pending(key, rows)
        return top(found, rows)

    async def totals(self, stretches: Sequence[Stretch], key: Key) -> Totals:
        """Count all rows of the account and sum them up; its refusals and holds are those before *key*."""
        totals, view = Totals(), self._view
        for stretch in stretches if view.wants(POSTED) or view.wants(REVERSED) else ():
            for each in slices(stretch):
                place = (self._account_no, each.first, each.below)
                totals.add(await self._connection.fetch(_SQL["account_totals"], *place, *view.cut), view)
        for fetch in (self._refused, self._pending):
            async for found in _all_of(fetch, key):
                totals.rows += len(found)
        return totals

    async def _entries(self, stretches: Sequence[Stretch], rows: int) -> list[Found]:
        (stretch,), view = stretches, self._view
        place = (self._account_no, stretch.first, stretch.below, rows)
        found = await self._connection.fetch(_SQL["account_keys"], *place, view.status or None, *view.cut)
        return [view.found(row, POSTED, stretch_no=0) for row in found]

    async def _refused(self, key: Key, rows: int) -> list[Found]:
        view = self._view
        if not view.wants(FAILED):
            return []
        place = (self._account_no, view.since, key.decided_at, key.rank, key.seq, rows)
        found = await self._connection.fetch(_SQL["account_refused_keys"], *place, view.reason or None, *view.cut)
        return [view.found(row, FAILED) for row in found]

    async def _pending(self, key: Key, rows: int) -> list[Found]:
        view = self._view
        if not view.wants(PENDING):
            return []
        place = (self._account_no, view.since, key.decided_at, key.rank, key.seq, rows)
        query = _SQL["account_pending_keys"]
        found = await self._connection.fetch(query, *place, view.hold_reason, *view.cut, view.instant)
        return [view.found(row, PENDING) for row in found]


async def _all_of(fetch: Callable[[Key, int], Awaitable[list[Found]]], key: Key) -> AsyncIterator[list[Found]]:
    while found := await fetch(key, SLICE):
        yield found
        key = found[-1].key
