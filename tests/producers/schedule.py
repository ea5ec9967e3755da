"""A context whose one job looks at a table of the test's own, and a scheduler for it; lanes are moved by hand."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from contracts.catalog import Topics
from contracts.holds import HoldExpire
from contracts.ids import uuid_bytes
from contracts.specs import LEDGER as NAME
from processor.database import Connection, Database
from processor.engine.context import Context
from processor.engine.jobs import Again, Calendar, Chore, Due, Every, Job, Place
from processor.ledger.context import LEDGER
from producers.scheduling.scheduler import Scheduler
from tests.system import wire

WITHIN_S = 30.0
PARTITIONS = 2
LANES = """
INSERT INTO lane (context, partition, start_offset, next_offset)
SELECT 'ledger', n, 0, 0 FROM generate_series(0, 1) AS n"""
ANSWERED = """
INSERT INTO event
SELECT min(lane_no), (SELECT coalesce(max(seq), 0) FROM event) + 1, 1, 1, partita_clock(), $1, $1, 'ledger', 'A',
       'hold.rejected', '', '' FROM lane"""


@dataclass(kw_only=True)
class Schedule:
    """The table ``due_thing``, the job that reads it, and what it has put on the topic."""

    connection: Connection
    database_url: str
    kafka: str
    topics: Topics
    period: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    job: str = field(default_factory=lambda: f"job-{secrets.token_hex(3)}")
    looked: int = 0
    ticks: int = 0

    async def begin(self) -> None:
        """Begin with an empty table, empty lanes, and nothing known of any run."""
        await self.connection.execute("CREATE TABLE IF NOT EXISTS due_thing (place bigint PRIMARY KEY)")
        for table in ("due_thing", "lane", "job_run"):
            await self.connection.execute(f"DELETE FROM {table}")
        await self.connection.execute(LANES)

    async def due(self, *places: int) -> None:
        await self.connection.execute("INSERT INTO due_thing SELECT unnest($1::bigint[])", places)

    async def _read(self, connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
        self.looked += 1
        query = "SELECT place FROM due_thing WHERE place > $1 ORDER BY place LIMIT $2"
        return [
            Due(str(number), self.period, (number,), partial(HoldExpire, account_id=f"A{number}", hold_id="H"))
            for (number,) in await connection.fetch(query, *place, limit)
        ]

    def context(
        self,
        *,
        once: bool = False,
        every: Every = Every.DAY,
        again: Again = Again.LATER_AND_LATER,
        chores: Sequence[Chore] = (),
    ) -> Context[Any]:
        job = Job(name=self.job, every=every, first=(0,), due=self._read, once=once, again=again)
        return replace(LEDGER, jobs=(job, *chores))

    def scheduler(
        self, context: Context[Any], *, role: str = "scheduler", kafka: str = "", in_flight_max: int = 10_000
    ) -> Scheduler:
        return Scheduler(
            database=Database(self.database_url, role=f"{role} {NAME}"),
            workshop=Database(self.database_url, role=f"{role} chores"),
            bootstrap=kafka or self.kafka,
            topics=self.topics,
            context=context,
            calendar=Calendar(),
            in_flight_max=in_flight_max,
        )

    async def on_topic(self) -> list[tuple[str, str]]:
        """Return what lies on the command topic as (account, command id), in the order of places."""
        records = await wire.read(self.kafka, self.topics.commands(NAME), PARTITIONS)
        said = [msgspec.json.decode(record.value or b"") for record in records]
        assert [record.key for record in records] == [each["account_id"].encode() for each in said]
        return sorted(((each["account_id"], each["command_id"]) for each in said), key=lambda one: int(one[0][1:]))

    async def until_on_topic(self, number: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(WITHIN_S):
            while len(said := await self.on_topic()) < number:
                pass
            return said

    async def answer(self, command_id: str) -> None:
        """Write an answer that refuses the command: what it was about stays due."""
        await self.connection.execute(ANSWERED, uuid_bytes(command_id))

    async def apply_all(self) -> None:
        """Move the lanes past everything that lies on the topic."""
        records = await wire.read(self.kafka, self.topics.commands(NAME), PARTITIONS)
        for partition in range(PARTITIONS):
            end = sum(record.partition == partition for record in records)
            await self.connection.execute("UPDATE lane SET next_offset = $2 WHERE partition = $1", partition, end)

    async def until_noted(self, published: int) -> None:
        await self.until("SELECT published >= $2 FROM job_run WHERE job = $1", self.job, published)

    async def until(self, question: str, *arguments: object) -> None:
        """Ask the database until it says yes."""
        async with asyncio.timeout(WITHIN_S):
            while not await self.connection.fetchval(question, *arguments):  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.01)

    async def until_looked(self, times: int) -> None:
        """Wait until the job has looked so often again."""
        enough = self.looked + times
        async with asyncio.timeout(WITHIN_S):
            while self.looked < enough:
                await self.connection.execute("SELECT pg_sleep(0.01)")

    async def until_ticked(self, times: int) -> None:
        """Wait until the scheduler has read the clock so often again."""
        enough = self.ticks + times
        async with asyncio.timeout(WITHIN_S):
            while self.ticks < enough:
                await self.connection.execute("SELECT pg_sleep(0.01)")


@asynccontextmanager
async def running(scheduler: Scheduler) -> AsyncIterator[None]:
    """Run a scheduler for the length of a block, then stop it cleanly."""
    stop = asyncio.Event()
    task = asyncio.create_task(scheduler.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(WITHIN_S):
            await task
