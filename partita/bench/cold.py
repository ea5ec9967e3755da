"""What a batch feels while old months move to cold storage: the engine alone, without Kafka, before and meanwhile.

Promise   Half of the commands are old and move; batches of the same size go on one after the other all the while, and
          each is timed.
Cost      A minute for 300,000 commands on two cores. The mover rests three quarters of its time.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from partita.bench import load
from partita.bench.database import age_everything
from partita.bench.engine import BATCH_SIZE, NO_KAFKA, WORKER
from partita.bench.found import Burnt, Order, Unmeasured, line, quantile
from partita.bench.handing import Desk
from partita.bench.meters import cpu_seconds, pids_of_servers, spent
from partita.local.stack import LocalStack
from partita.settings import load_settings
from processor.database import Connection, connect
from processor.engine.cold import Moved
from processor.ledger import cold
from processor.migrate import migrate

SMALL: Final = 500  # a batch is short enough for a wait of 200 ms to stand out
EVERYTHING: Final = datetime(9999, 1, 1, tzinfo=UTC)
MORE_MAX: Final = 20  # times what there was without a mover, or accounts: then the mover takes too long


@dataclass(frozen=True, kw_only=True)
class Felt:
    """Seconds of each batch, without a mover and beside one, which moved so many *rows* in *seconds*."""

    alone: list[float]
    beside: list[float]
    rows: Mapping[str, int]
    seconds: float
    longest_slice_s: float
    burnt: Burnt

    def line(self) -> dict[str, Any]:
        """Return what scripts are told: the longest batches, in ms."""
        return line(
            *("cold", max(self.beside) * 1000, "ms"),
            yardstick=max(self.alone) * 1000,
            burnt=self.burnt,
            p50_ms=_ms(self.beside, 0.5),
            p50_ms_alone=_ms(self.alone, 0.5),
            p99_ms=_ms(self.beside, 0.99),
            p99_ms_alone=_ms(self.alone, 0.99),
            batches=len(self.beside),
            longest_slice_ms=self.longest_slice_s * 1000,
            rows=dict(self.rows),
            rows_per_s=sum(self.rows.values()) / self.seconds,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for name, spans in (("without a mover", self.alone), ("beside one", self.beside)):
            told = f"{_ms(spans, 0.5):.0f}  {_ms(spans, 0.99):.0f}  {max(spans) * 1000:.0f}"
            yield f"{len(spans)} batches of {SMALL} {name}: p50, p99, longest, ms", told
        yield "rows moved, rows/s", f"{sum(self.rows.values()):,}  {sum(self.rows.values()) / self.seconds:,.0f}"
        yield "longest slice, ms", f"{self.longest_slice_s * 1000:.0f}"
        yield from self.burnt.figures()


def _ms(spans: list[float], fraction: float) -> float:
    return quantile(spans, fraction) * 1000


async def measure(order: Order) -> Felt:
    """Measure a fresh server.

    Raises:
        Unmeasured: Nothing moved, or the mover took too long.
    """
    async with _server(order) as (stack, connection), Desk(stack.database_url).opened() as desk:
        bench = Bench(desk=desk, order=order)
        await bench.hand(load.openings(load.ACCOUNTS), "accounts", load.ACCOUNTS, BATCH_SIZE)
        await bench.hand(load.deposits(load.ACCOUNTS), "deposits", load.ACCOUNTS, BATCH_SIZE)
        half = order.commands // 2
        await bench.hand(load.transfers(half, accounts=load.ACCOUNTS), "old transfers", half, BATCH_SIZE)
        await age_everything(connection)
        part = max(order.commands // 4, SMALL)
        stream = load.transfers(part, accounts=load.ACCOUNTS, seed=2)
        alone = await bench.hand(stream, "transfers without a mover", part, SMALL)
        return await _beside(bench, stack, alone, most=max(part, load.ACCOUNTS) * MORE_MAX)


async def _beside(bench: "Bench", stack: LocalStack, alone: list[float], *, most: int) -> Felt:
    pids = {WORKER: os.getpid(), **pids_of_servers(stack.postgres)}
    before, stop = cpu_seconds(pids), threading.Event()
    moving = asyncio.ensure_future(asyncio.to_thread(_moved, stack.database_url, stop))
    stream = load.transfers(most, accounts=load.ACCOUNTS, seed=3)
    try:
        beside = await bench.hand(stream, "transfers beside one", most, SMALL, until=moving)
        if not moving.done():
            raise Unmeasured(f"After {most} commands the mover was not done.")
    finally:
        stop.set()
        moved, seconds = await moving
    if not sum(moved.rows.values()):
        raise Unmeasured("Nothing was old enough to be moved.")
    burnt = Burnt(seconds=spent(before, cpu_seconds(pids)), commands=len(beside) * SMALL)
    return Felt(
        alone=alone, beside=beside, rows=moved.rows, seconds=seconds, longest_slice_s=moved.longest_s, burnt=burnt
    )


def _moved(url: str, stop: threading.Event) -> tuple[Moved, float]:
    """Move everything in a thread with a loop of its own: a scheduler shares neither with a consumer."""

    async def move() -> tuple[Moved, float]:
        over = asyncio.Event()
        mover = await connect(url, role="bench mover")
        try:
            began = time.monotonic()
            moved = await cold.move(
                mover, EVERYTHING, stop=over, on_progress=lambda *_: over.set() if stop.is_set() else None
            )
            return moved, time.monotonic() - began
        finally:
            await mover.close()

    return asyncio.run(move())


@asynccontextmanager
async def _server(order: Order) -> AsyncIterator[tuple[LocalStack, Connection]]:
    with LocalStack(choice=load_settings().local, kafka_bootstrap=NO_KAFKA, on_progress=order.say) as stack:
        connection = await connect(stack.database_url, role="bench")
        try:
            await migrate(connection)
            yield stack, connection
        finally:
            await connection.close()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The desk, and who is told how far it is."""

    desk: Desk
    order: Order

    async def hand(
        self,
        stream: Iterator[Any],
        part: str,
        total: int,
        batch_size: int,
        *,
        until: "asyncio.Future[Any] | None" = None,
    ) -> list[float]:
        """Hand a stream over, or as much of it as there is time for, and return what each batch took to be applied."""
        applied, done = list[float](), 0
        for batch in self.desk.fetched(stream, batch_size=batch_size):
            if until is not None and until.done():
                break
            applied += (await self.desk.hand(batch)).applied
            done += sum(map(len, batch.values()))
            self.order.on_part(part, done, total)
        return applied
