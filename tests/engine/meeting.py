"""Two batches meet at a lock, in an order that the test chooses: one has decided, the other waits until it commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from processor.engine.batch import Part
from tests.engine.desk import Desk

BLOCKED = """SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"""
TOLD = """SELECT type, payload, occurred_at FROM event JOIN lane USING (lane_no)
           WHERE context = $1 AND partition = $2 AND source_offset >= $3 AND source_offset < $4 ORDER BY seq"""


@asynccontextmanager
async def met(desk: Desk, url: str, first: Part, second: Part) -> AsyncIterator[None]:
    """Run *first* up to its commit, and *second* until it waits or is done; what the block does comes in between."""
    async with desk.held(url, first):
        racing = asyncio.create_task(desk.run([second]))
        async with asyncio.timeout(10):
            while not racing.done() and not await desk.connection.fetchval(BLOCKED):
                await desk.connection.execute("SELECT pg_sleep(0.001)")
        yield
    await racing


async def meet(desk: Desk, url: str, first: Part, second: Part) -> list[str]:
    """Have *second* wait for *first*, and return what became of the records of both."""
    async with met(desk, url, first, second):
        pass
    return [*await outcomes(desk, first), *await outcomes(desk, second)]


async def outcomes(desk: Desk, part: Part) -> list[str]:
    """Return what became of each record of *part*: the type of its answer, or the code that it was refused with.

    All were decided at one instant: nothing had to be halved, which would have hidden what went wrong.
    """
    told = await desk.connection.fetch(TOLD, desk.context.name, part.partition, part.start, part.end)
    assert len({occurred_at for _, _, occurred_at in told}) == 1
    return [str(msgspec.json.decode(payload).get("code", type_)) for type_, payload, _ in told]
