"""The engine alone: batches of transfers into a fresh PostgreSQL, without Kafka, beside TPC-B on the same server.

Promise   Understanding the records is part of the rate that is compared; what it is without is told too.
Cost      Two minutes: accounts, then pgbench, batches, and some batches of other sizes in turn.
"""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from contracts.envelope import Command
from partita.bench import load
from partita.bench.database import Disk, disk, transactions
from partita.bench.found import Burnt, OnPart, Order, Unmeasured, line, quantile, together
from partita.bench.handing import Desk, Spans
from partita.bench.meters import cpu_seconds, pids_of_servers, spent
from partita.bench.yardstick import Pairs, Yardstick
from partita.local.stack import LocalStack
from partita.settings import load_settings
from processor.database import Connection, connect
from processor.migrate import migrate

BATCH_SIZE: Final = 4_000
OTHER_SIZES: Final = (500, 2_000)
OTHERS_PART: Final = 5  # of the commands of a run
WORKER: Final = "worker"
NO_KAFKA: Final = "no Kafka"  # an address that is given is never looked at by the stack


@dataclass(frozen=True, kw_only=True)
class Handed:
    """Commands that were applied in batches of one size."""

    commands: int
    spans: Spans
    burnt: Burnt

    @property
    def rate(self) -> float:
        """Return commands per second, understanding them included."""
        return self.commands / (sum(self.spans.understood) + sum(self.spans.applied))

    @property
    def applied_rate(self) -> float:
        """Return commands per second, understanding them left out."""
        return self.commands / sum(self.spans.applied)

    @property
    def us_by_span(self) -> dict[str, float]:
        """Return where the microseconds of a command go, one after the other."""
        spans = {
            "understanding": sum(self.spans.understood),
            "before the locks": sum(self.spans.applied) - sum(self.spans.locked),
            "from lock to commit": sum(self.spans.locked),
        }
        return {name: seconds * 1e6 / self.commands for name, seconds in spans.items()}

    def locked_ms(self, fraction: float) -> float:
        """Return within how many milliseconds from its locks that part of the batches was committed."""
        return quantile(self.spans.locked, fraction) * 1000


def all_of(parts: Sequence[Handed]) -> Handed:
    """Return *parts* as one."""
    return Handed(
        commands=sum(part.commands for part in parts),
        spans=sum((part.spans for part in parts), Spans()),
        burnt=together(part.burnt for part in parts),
    )


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What was measured: in pairs with the yardstick, and by batch size."""

    pairs: Pairs
    handed: Handed
    by_batch_size: Mapping[int, Handed]
    bytes_kept: float
    bytes_logged: float

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return line(
            *("engine", self.pairs.rate, "commands/s"),
            yardstick=self.pairs.yardstick,
            ratio=self.pairs.ratio,
            burnt=self.handed.burnt,
            **self.pairs.line(),
            value_without_understanding=self.handed.applied_rate,
            us_by_span=self.handed.us_by_span,
            lock_to_commit_p50_ms=self.handed.locked_ms(0.5),
            lock_to_commit_p99_ms=self.handed.locked_ms(0.99),
            by_batch_size={str(size): handed.rate for size, handed in self.by_batch_size.items()},
            disk_bytes_per_command=self.bytes_kept,
            wal_bytes_per_command=self.bytes_logged,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        yield from self.pairs.figures()
        yield "commands/s without understanding them", f"{self.handed.applied_rate:,.0f}"
        for name, us in self.handed.us_by_span.items():
            yield f"{name}, us/command", f"{us:.1f}"
        yield from self.handed.burnt.figures()
        for size, handed in self.by_batch_size.items():
            locked = f"{handed.locked_ms(0.5):.0f}  {handed.locked_ms(0.99):.0f}"
            yield f"batches of {size:,}: commands/s; lock to commit, ms", f"{handed.rate:,.0f}  {locked}"
        yield "bytes per command: tables and indexes, WAL", f"{self.bytes_kept:,.0f}  {self.bytes_logged:,.0f}"


async def measure(order: Order) -> Engine:
    """Measure in as many runs as there are pairs, each followed by some batches of other sizes.

    Raises:
        Unmeasured: A command was refused, or is dead.
    """
    with LocalStack(choice=load_settings().local, kafka_bootstrap=NO_KAFKA, on_progress=order.say) as stack:
        connection = await connect(stack.database_url, role="bench")
        try:
            await migrate(connection)
            async with Desk(stack.database_url).opened() as desk:
                bench = Bench(desk=desk, stack=stack, on_part=order.on_part)
                found = await _measured(bench, connection, order.commands // order.pairs, order.pairs)
                await _require_applied(connection, bench.moved)
        finally:
            await connection.close()
    return found


async def _measured(bench: "Bench", connection: Connection, each: int, pairs: int) -> Engine:
    await bench.fill()
    runs: dict[int, list[Handed]] = {size: [] for size in (BATCH_SIZE, *OTHER_SIZES)}
    disks: list[tuple[Disk, Disk]] = []

    async def run() -> float:
        before = await disk(connection)
        runs[BATCH_SIZE].append(await bench.turn(len(disks), pairs, each, BATCH_SIZE))
        disks.append((before, await disk(connection)))
        for size in OTHER_SIZES:
            runs[size].append(await bench.turn(len(disks) - 1, pairs, max(each // OTHERS_PART, size), size))
        return runs[BATCH_SIZE][-1].rate

    yardstick = Yardstick(bench.stack.database_url)
    found = await yardstick.pairs(run, number=pairs, commands=each, on_part=bench.on_part)
    left = [after.per_command(before, each) for before, after in disks]
    by_batch_size = {size: all_of(runs[size]) for size in sorted(runs)}
    return Engine(
        pairs=found,
        handed=by_batch_size[BATCH_SIZE],
        by_batch_size=by_batch_size,
        bytes_kept=fmean(kept for kept, _ in left),
        bytes_logged=fmean(logged for _, logged in left),
    )


@dataclass(kw_only=True)
class Bench:
    """The desk, the server behind it, and who is told how far it is. *moved* counts the commands that moved money."""

    desk: Desk
    stack: LocalStack
    on_part: OnPart
    moved: int = 0

    async def fill(self) -> None:
        """Open the accounts and pay money in."""
        await self._hand("accounts", load.openings(load.ACCOUNTS), load.ACCOUNTS)
        await self._hand("deposits", load.deposits(load.ACCOUNTS), load.ACCOUNTS)
        self.moved = load.ACCOUNTS

    async def turn(self, turn: int, turns: int, number: int, batch_size: int) -> Handed:
        """Hand over so many transfers, in one of several turns."""
        self.moved += number
        stream = load.transfers(number, accounts=load.ACCOUNTS, seed=self.moved)
        part = f"batches of {batch_size:,}"
        return await self._hand(part, stream, number * turns, batch_size, before=number * turn)

    async def _hand(
        self, part: str, stream: Iterable[Command], total: int, batch_size: int = BATCH_SIZE, *, before: int = 0
    ) -> Handed:
        fetched = list(self.desk.fetched(stream, batch_size=batch_size))  # before the clock runs
        gc.freeze()  # a consumer never has so many records in hand, nor looks for garbage among them
        spans, done = Spans(), 0
        started = self._cpu()
        for batch in fetched:
            spans += await self.desk.hand(batch)
            done += sum(map(len, batch.values()))
            self.on_part(part, before + done, total)
        return Handed(commands=done, spans=spans, burnt=Burnt(seconds=spent(started, self._cpu()), commands=done))

    def _cpu(self) -> dict[str, float]:
        return cpu_seconds({WORKER: os.getpid(), **pids_of_servers(self.stack.postgres)})


async def _require_applied(connection: Connection, moved: int) -> None:
    if (posted := await transactions(connection)) != moved:
        raise Unmeasured(f"Of {moved} commands that move money {moved - posted} did not.")
