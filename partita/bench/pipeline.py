"""From a command produced to its result consumed: everything between, on one machine, producer and reader included.

Promise   Every command counted was answered. The load is sustained: the producer keeps a fixed number unanswered.
Cost      Two minutes, most of it the runs and pgbench in turn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from partita.bench import database, load, meters
from partita.bench.database import BatchSizes
from partita.bench.found import Burnt, OnPart, Order, line, together
from partita.bench.sending import Run, Sender, fresh_system, sender
from partita.bench.yardstick import Pairs, Yardstick
from partita.whole import Whole

PACED_PART: Final = 0.1
PACED_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What was measured. *paced* is the load at a tenth of the peak; memory is in megabytes by process."""

    pairs: Pairs
    burnt: Burnt
    paced: Run
    batches: BatchSizes
    mb_at_a_third: Mapping[str, float]
    mb_at_the_end: Mapping[str, float]

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return line(
            *("pipeline", self.pairs.rate, "commands/s"),
            yardstick=self.pairs.yardstick,
            ratio=self.pairs.ratio,
            burnt=self.burnt,
            **self.pairs.line(),
            p50_ms=self.paced.ms(0.5),
            p99_ms=self.paced.ms(0.99),
            batch_sizes=self.batches.line(),
            mb_at_a_third=self.mb_at_a_third,
            mb_at_the_end=self.mb_at_the_end,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        yield from self.pairs.figures()
        yield from self.burnt.figures()
        yield "batches: number, median size, largest", self.batches.figure()
        for name, mb in self.mb_at_the_end.items():
            yield f"MB of {name} at a third, at the end", f"{self.mb_at_a_third.get(name, 0):.0f}  {mb:.0f}"
        yield "p50, p99 at a tenth of the load, ms", f"{self.paced.ms(0.5):.0f}  {self.paced.ms(0.99):.0f}"


async def measure(order: Order) -> Pipeline:
    """Measure a fresh system, in as many runs as there are pairs, and then at a tenth of its peak."""
    async with fresh_system(order.workers, order.say) as system:
        peak = Peak(system=system, commands=order.commands, runs_in_all=order.pairs, on_part=order.on_part)
        async with sender(system, peak.seen) as sends:
            return await _measured(sends, peak)


async def _measured(sends: Sender, peak: "Peak") -> Pipeline:
    system = sends.system
    connection = await system.app.connect("bench")
    try:
        since = await database.instant(connection)
        yardstick = Yardstick(system.stack.database_url)
        pairs = await yardstick.pairs(
            lambda: peak.run(sends), number=peak.runs_in_all, commands=peak.each, on_part=peak.on_part
        )
        mb_at_the_end = meters.memory_mb(meters.pids_of(system))
        batches = await database.batch_sizes(connection, since=since)
    finally:
        await connection.close()
    rate = max(pairs.rate * PACED_PART, 1.0)
    number = round(rate * min(PACED_S, peak.commands / rate))
    stream = load.transfers(number, accounts=sends.accounts, seed=0)
    paced = await sends.send("a tenth of it", stream, number, rate=rate)
    return Pipeline(
        pairs=pairs,
        burnt=together(run.burnt for run in peak.runs),
        paced=paced,
        batches=batches,
        mb_at_a_third=peak.mb_at_a_third,
        mb_at_the_end=mb_at_the_end,
    )


@dataclass(kw_only=True)
class Peak:
    """The load at full speed, in equal runs; memory is read once, when a third of all is answered."""

    system: Whole
    commands: int
    runs_in_all: int
    on_part: OnPart
    runs: list[Run] = field(default_factory=list)
    mb_at_a_third: dict[str, float] = field(default_factory=dict)

    NAME: ClassVar = "peak load"

    @property
    def each(self) -> int:
        """Return the commands of one run."""
        return self.commands // self.runs_in_all

    async def run(self, sends: Sender) -> float:
        """Send the next run and return its rate."""
        number = self.each
        stream = load.transfers(number, accounts=sends.accounts, seed=1 + len(self.runs))
        before = number * len(self.runs)
        self.runs.append(await sends.send(self.NAME, stream, number, before=before, total=number * self.runs_in_all))
        return self.runs[-1].rate

    def seen(self, part: str, done: float, total: float) -> None:
        """Pass on how far *part* is, and read the memory at a third of ours."""
        self.on_part(part, done, total)
        if part == self.NAME and done >= total / 3 and not self.mb_at_a_third:
            self.mb_at_a_third = meters.memory_mb(meters.pids_of(self.system))
