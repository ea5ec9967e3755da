"""Whether books that have grown are slower: the first transfers of a fresh system against the next of a grown one.

Promise   The two are measured in turn at the end, since a machine is not as fast now as a quarter of an hour ago. On
          the way all slices are as long; rates and CPU are told of each, so that a trend shows.
Cost      Three minutes for a million commands, twenty for ten million; 1.8 kB of disk each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from partita.bench import database, load
from partita.bench.database import Disk
from partita.bench.found import Order, line, together
from partita.bench.sending import Run, Sender, fresh_sender

SLICE_MAX: Final = 100_000
SLICES_MIN: Final = 2
SHOWN_MAX: Final = 20
PAIRS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The slices in their order; as many on fresh systems and on this one, in turn; bytes that a command left."""

    slices: Sequence[Run]
    young: Sequence[Run]
    grown: Sequence[Run]
    bytes_kept: float
    bytes_logged: float

    @property
    def ratio(self) -> float:
        """Return the rate of grown books against that of fresh ones, the median of the pairs."""
        return median(grown.rate / young.rate for young, grown in zip(self.young, self.grown, strict=True))

    def line(self) -> dict[str, Any]:
        """Return what scripts are told; CPU is that of grown books."""
        return line(
            *("growth", median(run.rate for run in self.grown), "commands/s"),
            yardstick=median(run.rate for run in self.young),
            ratio=self.ratio,
            burnt=together(run.burnt for run in self.grown),
            cpu_us_per_command_young=together(run.burnt for run in self.young).us,
            commands=sum(run.burnt.commands for run in self.slices),
            rates=[run.rate for run in self.slices],
            disk_bytes_per_command=self.bytes_kept,
            wal_bytes_per_command=self.bytes_logged,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told: some of the slices, and the last always."""
        step = -(-len(self.slices) // SHOWN_MAX)
        done = 0
        for number, run in enumerate(self.slices, start=1):
            done += run.burnt.commands
            if number % step == 1 % step or number == len(self.slices):
                yield f"up to {done:,}: commands/s, CPU us/command", f"{run.rate:,.0f}  {run.burnt.us:.1f}"
        for pair, (young, grown) in enumerate(zip(self.young, self.grown, strict=True), start=1):
            rates = f"{young.rate:,.0f}  {grown.rate:,.0f}  {grown.rate / young.rate:.2f}"
            yield f"pair {pair}: fresh, grown commands/s, ratio", rates
        yield "grown against fresh, median of the pairs", f"{self.ratio:.2f}"
        yield "bytes per command: tables and indexes, WAL", f"{self.bytes_kept:,.0f}  {self.bytes_logged:,.0f}"
        yield "CPU of fresh books, without producer and reader", f"{together(run.burnt for run in self.young).us:.1f}"
        yield from together(run.burnt for run in self.grown).figures()


async def measure(order: Order) -> Growth:
    """Measure a fresh system."""
    slices = max(round(order.commands / SLICE_MAX), SLICES_MIN)
    each = order.commands // slices
    async with fresh_sender(order) as sends:
        connection = await sends.system.app.connect("bench")
        try:
            before: Disk = await database.disk(connection)
            runs = [await _slice(sends, number, each, each * slices) for number in range(slices)]
            kept, logged = (await database.disk(connection)).per_command(before, each * slices)
        finally:
            await connection.close()
        pairs = [await _pair(order, sends, slices + number, each) for number in range(min(PAIRS, order.pairs))]
    young, grown = zip(*pairs, strict=True)
    return Growth(slices=runs, young=young, grown=grown, bytes_kept=kept, bytes_logged=logged)


async def _pair(order: Order, grown: Sender, number: int, each: int) -> tuple[Run, Run]:
    async with fresh_sender(order) as young:
        first = await _slice(young, 0, each, each)
    return first, await _slice(grown, number, each, each * (number + 1))


async def _slice(sends: Sender, number: int, each: int, total: int) -> Run:
    stream = load.transfers(each, accounts=sends.accounts, seed=number + 1)
    return await sends.send("transfers", stream, each, before=each * number, total=total)
