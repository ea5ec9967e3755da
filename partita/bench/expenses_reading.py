"""Reads of expenses as users would ask for them: on schedule, over a few sessions.

Promise   A read is due at its time, whether or not those before it were answered, and its latency counts from then
          on: to wait for a free session is part of it. One that is not answered within ``WITHIN_S`` has failed, as for
          a user who gives up; one that no session was free for within ``FREE_WITHIN_S`` is not begun, so that what is
          begun can be done in time, and a queue that an outage has left goes at once. Answers are rendered as JSON.
Cost      Everything but the server's work is done by this process.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, cast

import msgspec

from partita.app import App
from partita.bench.expenses_books import Grown, expense_id, user_id
from processor.database import DATABASE_ILL, Connection
from processor.expenses.feed import changes, feed_seal
from processor.expenses.lists import ExpensesQuery, expenses, expenses_seal
from processor.expenses.progress import progress
from processor.expenses.reads import categories, expense
from processor.expenses.summaries import month_summary, trend, year_summary

RATE: Final = 100.0  # reads a second
SESSIONS: Final = 8
WITHIN_S: Final = 2.0
FREE_WITHIN_S: Final = 0.5
LIST_ROWS: Final = 50
FEED_ROWS: Final = 100
LAST_MONTH: Final = 12

_FEED: Final = feed_seal(b"")
_LISTS: Final = expenses_seal(b"")
_SLOTS: Final = (*range(2, 51), *range(52, 101))  # what no recurring entry has made


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A read that is due so many seconds after the first: of a user, about a month."""

    due_s: float
    kind: str
    user: int
    year: int
    month: int
    slot: int

    @property
    def user_id(self) -> str:
        """Return whose expenses they are."""
        return user_id(self.user)

    @property
    def month_text(self) -> str:
        """Return the month as it is written."""
        return f"{self.year}-{self.month:02}"

    @property
    def days(self) -> tuple[date, date]:
        """Return the first day of the month and the last."""
        first = date(self.year, self.month, 1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


async def _list(connection: Connection, asked: Asked) -> Any:
    since, until = asked.days
    query = ExpensesQuery(since=since, until=until, limit=LIST_ROWS)
    return await expenses(connection, asked.user_id, query, seal=_LISTS)


async def _expense(connection: Connection, asked: Asked) -> Any:
    return await expense(connection, asked.user_id, expense_id(asked.year, asked.month, asked.slot, asked.user))


async def _trend(connection: Connection, asked: Asked) -> Any:
    return await trend(connection, asked.user_id, f"{asked.year}-01", f"{asked.year}-12")


Read = Callable[[Connection, Asked], Awaitable[Any]]

# How many of a hundred reads are of each kind, and how they are asked for.
READS: Final[Mapping[str, tuple[int, Read]]] = {
    "month summary": (30, lambda connection, asked: month_summary(connection, asked.user_id, asked.month_text)),
    "list of expenses": (22, _list),
    "budgets": (15, lambda connection, asked: progress(connection, asked.user_id, asked.month_text)),
    "one expense": (10, _expense),
    "feed": (10, lambda connection, asked: changes(connection, asked.user_id, seal=_FEED, limit=FEED_ROWS)),
    "categories": (5, lambda connection, asked: categories(connection, asked.user_id)),
    "trend": (5, _trend),
    "year summary": (3, lambda connection, asked: year_summary(connection, asked.user_id, asked.year)),
}


def schedule(grown: Grown, seconds: float, *, rate: float = RATE, seed: int = 1) -> list[Asked]:
    """Return so many seconds of reads, due at random; every second one is about the last month."""
    dice = random.Random(seed)  # noqa: S311 - the same reads every time
    number = max(round(rate * seconds), 1)
    kinds = dice.choices(list(READS), [weight for weight, _ in READS.values()], k=number)
    return [
        Asked(
            due_s=due_s,
            kind=kind,
            user=dice.randint(1, grown.users),
            year=grown.year,
            month=LAST_MONTH if dice.random() < 0.5 else dice.randint(1, LAST_MONTH),  # noqa: PLR2004 - a half
            slot=dice.choice(_SLOTS),
        )
        for due_s, kind in zip(sorted(dice.uniform(0, seconds) for _ in range(number)), kinds, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of a read: seconds from when it was due until it was rendered, or failed.

    Of them it waited for a session, and then for the server; the rest is Python.
    """

    kind: str
    due_at: float
    seconds: float
    waited_s: float
    server_s: float
    answered: bool


class Readers:
    """Sessions that take what is due as they become free; *on_seen* is told how many reads have come to an end."""

    def __init__(self, app: App, on_seen: Callable[[int], None]) -> None:
        self.seen: list[Seen] = []
        self._sessions = [Session(app) for _ in range(SESSIONS)]
        self._on_seen = on_seen
        self._began = 0.0

    async def open(self) -> float:
        """Open all sessions, and return when the schedule begins: now, by the monotonic clock."""
        for session in self._sessions:
            await session.connection()
        self._began = time.monotonic()
        return self._began

    async def ask(self, asked: Iterable[Asked], *, is_over: Callable[[float], bool]) -> list[Seen]:
        """Ask on schedule, until *is_over* says so of the seconds at which a read is due, and return what was seen."""
        waiting: asyncio.Queue[Asked | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as serving:
            for session in self._sessions:
                serving.create_task(self._serve(session, waiting))
            for each in asked:
                await asyncio.sleep(max(self._began + each.due_s - time.monotonic(), 0))
                if is_over(each.due_s):
                    break
                waiting.put_nowait(each)
            for _ in self._sessions:
                waiting.put_nowait(None)
        return self.seen

    async def _serve(self, session: "Session", waiting: "asyncio.Queue[Asked | None]") -> None:
        try:
            while (asked := await waiting.get()) is not None:
                self.seen.append(await self._seen(session, asked))
                self._on_seen(len(self.seen))
        finally:
            await session.close()

    async def _seen(self, session: "Session", asked: Asked) -> Seen:
        due_at, taken_at, server_s = self._began + asked.due_s, time.monotonic(), session.server_s
        is_begun = taken_at - due_at < FREE_WITHIN_S
        answered = is_begun and await _answered(session, asked, due_at + WITHIN_S)
        return Seen(
            kind=asked.kind,
            due_at=due_at,
            seconds=time.monotonic() - due_at,
            waited_s=taken_at - due_at,
            server_s=session.server_s - server_s,
            answered=answered,
        )


async def _answered(session: "Session", asked: Asked, until: float) -> bool:
    """Answer one read, unless that is not done *until* then, and say whether it was."""
    answering = asyncio.ensure_future(_rendered(session, asked))
    await asyncio.wait({answering}, timeout=until - time.monotonic())
    if not answering.done() and not session.drop():
        answering.cancel()
    try:
        await answering
    except (*DATABASE_ILL, asyncio.CancelledError):
        session.drop()
        return False
    return True


async def _rendered(session: "Session", asked: Asked) -> bytes:
    _, ask = READS[asked.kind]
    return msgspec.json.encode(await ask(await session.connection(), asked))


class Session:
    """A session that counts the seconds in which the server was waited for; it is opened again after it was lost."""

    def __init__(self, app: App) -> None:
        self.server_s = 0.0
        self._app = app
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None

    async def connection(self) -> Connection:
        """Return what read functions are handed: they only fetch. Who gives up leaves the opening to the next."""
        if self._connection is None or self._connection.is_closed():
            self._opening = self._opening or asyncio.create_task(self._app.connect("bench reader"))
            try:
                self._connection = await asyncio.shield(self._opening)
            finally:
                if self._opening.done():
                    self._opening = None
        return cast("Connection", self)

    async def fetch(self, query: str, *arguments: object) -> Any:
        """Fetch rows."""
        return await self._timed(self._opened.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: object) -> Any:
        """Fetch a row."""
        return await self._timed(self._opened.fetchrow(query, *arguments))

    def drop(self) -> bool:
        """Give the session up, and say whether there was one: what was asked of it fails.

        A statement is not cancelled: that would ask the server, which may not answer, by another connection.
        """
        if self._connection is None:
            return False
        self._connection.terminate()
        self._connection = None
        return True

    async def close(self) -> None:
        """End the session, or the attempt to open it."""
        self.drop()
        if self._opening is not None:
            with suppress(*DATABASE_ILL):
                (await self._opening).terminate()

    @property
    def _opened(self) -> Connection:
        assert self._connection is not None, "reads are handed an open session"
        return self._connection

    async def _timed(self, answer: Awaitable[Any]) -> Any:
        began = time.monotonic()
        try:
            return await answer
        finally:
            self.server_s += time.monotonic() - began


def by_kind(seen: Iterable[Seen]) -> dict[str, list[Seen]]:
    """Return what was seen of each kind, in the order of ``READS``."""
    found: dict[str, list[Seen]] = {kind: [] for kind in READS}
    for each in seen:
        found[each.kind].append(each)
    return found
