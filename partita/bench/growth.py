"""Whether books that have grown are slower: the first transfers against the last, on one system.

Promise   Every slice is as long as the first; rates and CPU are told of each, so that a trend shows.
Cost      A minute and a half for a million commands, a quarter of an hour for ten million; 1.3 kB of disk each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from partita.bench import database, load
from partita.bench.database import Disk
from partita.bench.found import Order, line, together
from partita.bench.sending import Run, Sender, fresh_sender

SLICE_MAX: Final = 100_000
SLICES_MIN: Final = 2
SHOWN_MAX: Final = 20


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The slices in their order, and the bytes that a command left."""

    slices: Sequence[Run]
    bytes_kept: float
    bytes_logged: float

    @property
    def ratio(self) -> float:
        """Return the last slice's rate against the first's."""
        return self.slices[-1].rate / self.slices[0].rate

    def line(self) -> dict[str, Any]:
        """Return what scripts are told; CPU is the last slice's."""
        first, last = self.slices[0], self.slices[-1]
        return line(
            *("growth", last.rate, "commands/s"),
            yardstick=first.rate,
            ratio=self.ratio,
            burnt=last.burnt,
            cpu_us_per_command_first=first.burnt.us,
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
        yield "last against first", f"{self.ratio:.2f}"
        yield "bytes per command: tables and indexes, WAL", f"{self.bytes_kept:,.0f}  {self.bytes_logged:,.0f}"
        yield from together(run.burnt for run in self.slices).figures()


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
    return Growth(slices=runs, bytes_kept=kept, bytes_logged=logged)


async def _slice(sends: Sender, number: int, each: int, total: int) -> Run:
    stream = load.transfers(each, accounts=load.ACCOUNTS, seed=number + 1)
    return await sends.send("transfers", stream, each, before=each * number, total=total)
