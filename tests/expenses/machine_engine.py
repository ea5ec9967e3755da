"""The engine on PostgreSQL as a keeper of expenses: in batches, over two partitions, by a clock of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.envelope import as_replayed, moment_text
from partita.local.stack import LocalStack
from processor.database import Database, connect
from processor.engine import lanes
from processor.engine.audit import audit
from processor.engine.events import Kind
from processor.expenses.context import EXPENSES
from tests.conftest import fresh_database
from tests.engine.desk import PARTITIONS, Desk, Told
from tests.expenses.machine_books import TABLES, Books, books_of_rows
from tests.expenses.tables_run import Asked

LANES: Final = 2  # as many partitions are written to
Json = dict[str, Any]
Decided = tuple[int, Json, list[Json]]  # place of the command, answer, all else that was told
_FRAME: Final = ("command_id", "command_type", "correlation_id", "metadata", "occurred_at", "reason")
# What decisions read as the time is what the table says, and no more: the same steps meet the same instants.
_BY_THE_TABLE: Final = """
CREATE TABLE clock_hand (instant timestamptz NOT NULL);
INSERT INTO clock_hand VALUES ('{start}');
CREATE OR REPLACE FUNCTION partita_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT instant FROM clock_hand $$"""


class EngineKeeper:
    """The engine. Whatever waits is one batch; a key is always in the same partition."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._last = dict.fromkeys(range(PARTITIONS), 0)  # number of the last event of each partition

    async def answers_to(self, asked: Sequence[Asked]) -> Sequence[tuple[Json, list[Json]]]:
        return [told for _, *told in await self.decide_all(asked, partitions=1)]  # type: ignore[misc]

    async def decide_all(self, asked: Sequence[Asked], *, partitions: int = LANES) -> list[Decided]:
        """Return place, answer and extras of each command, in the order of their decision."""
        desk = self.desk
        places: list[list[int]] = [[] for _ in range(partitions)]
        for place, each in enumerate(asked):
            places[sum(desk.context.catalog.key_of(each.command).encode()) % partitions].append(place)
        parts = [
            desk.part(*[asked[place].command for place in own], partition=lane)
            for lane, own in enumerate(places)
            if own
        ]
        await desk.run(parts)
        decided = []
        for lane, own in enumerate(places):
            told = await desk.told(lane, above=self._last[lane]) if own else []
            self._last[lane] = max((each.seq for each in told), default=self._last[lane])
            answers = [each for each in told if each.kind != Kind.EXTRA]
            for place, answer in zip(own, answers, strict=True):
                extras = [_bare(each.body) for each in told if _is_extra_of(each, answer)]
                decided.append((place, await self._body(answer), extras))
        return decided

    async def _body(self, told: Told) -> Json:
        if told.kind != Kind.REPEAT:
            return _bare(told.body)
        payload = await self.desk.connection.fetchval("SELECT payload FROM event WHERE id = $1 AND kind = 1", told.id)
        return _bare(msgspec.json.decode(as_replayed(payload)))

    async def move_to(self, instant: datetime) -> None:
        await self.desk.connection.execute("UPDATE clock_hand SET instant = $1", instant)

    async def books(self) -> Books:
        fetch = self.desk.connection.fetch
        rows = {name: [dict(row) for row in await fetch(f"SELECT * FROM {name}")] for name in TABLES}
        return books_of_rows(rows)

    async def require_right_books(self) -> None:
        """Let the audit go over them."""
        report = await audit(self.desk.connection, self.desk.context.checks)
        assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]


@asynccontextmanager
async def opened(stack: LocalStack, template: str, start: datetime) -> AsyncIterator[EngineKeeper]:
    """Open a keeper on a database of its own, whose clock stands at *start* until it is moved."""
    async with fresh_database(stack, template) as url:
        connection = await connect(url, role="test")
        await connection.execute(_BY_THE_TABLE.format(start=moment_text(start)))
        desk = Desk(connection=connection, database=Database(url, role="desk"), context=EXPENSES)
        desk.offsets = await lanes.take_up(connection, EXPENSES.name, dict.fromkeys(range(PARTITIONS), 0))
        try:
            yield EngineKeeper(desk)
        finally:
            await desk.database.close()
            await connection.close()


def _is_extra_of(each: Told, answer: Told) -> bool:
    return each.kind == Kind.EXTRA and each.source_offset == answer.source_offset


def _bare(body: Json) -> Json:
    """Return *body* without its frame, unless it was told again."""
    kept = {name: value for name, value in body.items() if name not in _FRAME}
    if not kept.pop("replayed"):
        return kept
    return kept | {"replayed": True}
