"""Cold storage: old rows leave the hot tables, a few pages at a time, beside batches that go on.

Promise   A row lies in its hot table or in its cold one, at every moment, and whoever reads both sees it once. What was
          moved when the mover ended, in whatever way, stays moved; the next one goes on.
Cost      Each slice is one short transaction of ``SLICE_S`` or so, and the rest behind it is three times as long: no
          batch waits for its locks, and few for processor or disk. Afterwards a slow VACUUM of each table.
Invariant An event goes only once the relay has sent it, and with it all rows of its stamp. Bounds are numbers of lanes:
          instants never fall as they rise.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from processor.database import Connection, affected, named_queries
from processor.engine.cuts import seqs_from

SLICE_S: Final = 0.02
DUTY: Final = 0.25  # the part of the time in which a slice is under way
PAGES_MAX: Final = 4096
TIDYING_S: Final = 24 * 3600.0  # how long a VACUUM may take

OnProgress = Callable[[str, int, int], None]
"""Called after each slice with the table's name, its pages done and its pages in all."""

_SQL = named_queries("processor.engine", "cold.sql")


@dataclass(frozen=True, kw_only=True)
class Moving:
    """A hot table and its statements: *move* a run of pages, *tidy* what is left, *survey* the cold one."""

    table: str
    move: str
    tidy: str
    survey: str


EVENTS: Final = Moving(table="event", move=_SQL["move_events"], tidy=_SQL["tidy_events"], survey=_SQL["survey_events"])


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What one pass has done: rows by table, the longest slice in seconds; *complete* unless it was told to stop."""

    rows: Mapping[str, int] = field(default_factory=dict)
    longest_s: float = 0.0
    complete: bool = True


class _Pace:
    """How many pages the next slice has, and how long it waits after the last."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.pages = 8
        self.longest_s = 0.0
        self.stop = stop

    async def rest(self, took_s: float) -> None:
        self.longest_s = max(self.longest_s, took_s)
        if took_s > SLICE_S:
            self.pages = max(self.pages // 2, 1)
        elif took_s < SLICE_S / 2:
            self.pages = min(self.pages * 2, PAGES_MAX)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), took_s * (1 / DUTY - 1))


async def move(
    connection: Connection,
    context: str,
    tables: Sequence[Moving],
    before: datetime,
    *,
    on_progress: OnProgress | None = None,
    stop: asyncio.Event | None = None,
) -> Moved:
    """Move what lanes of *context* decided *before* that instant out of *tables*; young rows stay, whatever is asked.

    *connection* is in no transaction. Once *stop* is set, the slice under way is the last.
    """
    bounds = await _bounds(connection, context, before)
    if not bounds:
        return Moved()
    pace = _Pace(stop or asyncio.Event())
    rows = {each.table: await _empty(connection, each, bounds, pace, on_progress) for each in tables}
    if not pace.stop.is_set():
        await connection.execute(_SQL["mark_moved"], list(bounds), list(bounds.values()))
        await _tidy(connection, [each for each in tables if rows[each.table]])
    return Moved(rows=rows, longest_s=pace.longest_s, complete=not pace.stop.is_set())


async def _bounds(connection: Connection, context: str, before: datetime) -> dict[int, int]:
    """Return the lanes that have something to move, each with the first number that stays."""
    before = await connection.fetchval(_SQL["latest"], before)
    lanes = await connection.fetch(_SQL["lanes"], context)
    stays = await seqs_from(connection, {row["lane_no"]: row["unsent_from"] for row in lanes}, before)
    hot_from = {row["lane_no"]: row["hot_from"] for row in lanes}
    return {lane_no: seq for lane_no, seq in stays.items() if seq > hot_from[lane_no]}


async def _empty(
    connection: Connection, table: Moving, bounds: Mapping[int, int], pace: _Pace, on_progress: OnProgress | None
) -> int:
    """Move the table's old rows, and return how many there were. What is added meanwhile is young."""
    pages: int = await connection.fetchval(_SQL["pages"], table.table)
    first, rows = 0, 0
    while first < pages and not pace.stop.is_set():
        after = min(first + pace.pages, pages)
        began = time.monotonic()
        async with connection.transaction():
            await connection.execute(_SQL["settle_slice"])
            status = await connection.execute(table.move, list(bounds), list(bounds.values()), (first, 0), (after, 0))
        rows, first = rows + affected(status), after
        if on_progress is not None:
            on_progress(table.table, first, pages)
        await pace.rest(time.monotonic() - began)
    return rows


async def _tidy(connection: Connection, tables: Sequence[Moving]) -> None:
    """Have the space used again, and the planner told."""
    await connection.execute(_SQL["begin_tidying"])
    try:
        for table in tables:
            await connection.execute(table.tidy, timeout=TIDYING_S)
            await connection.execute(table.survey, timeout=TIDYING_S)
    finally:
        await connection.execute(_SQL["end_tidying"])
