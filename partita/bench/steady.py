"""The same load for long: four fifths of the peak, and what becomes of memory, of the queue and of latency meanwhile.

Promise   The load is paced, as in ``latency``; each third is told by itself, so that what grows shows.
Cost      Ten minutes for four million commands; memory is read every two seconds.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from partita.bench import load, meters
from partita.bench.found import Order, line
from partita.bench.sending import Run, Sender, fresh_system, sender
from partita.whole import Whole

PART: Final = 0.8
PEAK_MAX: Final = 200_000
THIRDS: Final = 3
LOOK_EVERY_S: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Steady:
    """The peak; a third of the paced load after the other; memory by process in the middle of the first and last."""

    peak: Run
    asked: float
    thirds: Sequence[Run]
    mb: Sequence[Mapping[str, float]]

    @property
    def growth(self) -> dict[str, float]:
        """Return the memory of each process in the last third against the first."""
        first, last = self.mb[0], self.mb[-1]
        return {name: last[name] / first[name] for name in last if first.get(name)}

    def line(self) -> dict[str, Any]:
        """Return what scripts are told; the value is p99 of the last third."""
        last = self.thirds[-1]
        return line(
            *("steady", last.ms(0.99), "ms"),
            burnt=last.burnt,
            peak=self.peak.rate,
            asked=self.asked,
            rates=[run.rate for run in self.thirds],
            seconds=sum(run.tally.seconds for run in self.thirds),
            p50_ms=[run.ms(0.5) for run in self.thirds],
            p99_ms=[run.ms(0.99) for run in self.thirds],
            mb_by_third=list(self.mb),
            mb_last_to_first=self.growth,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        yield "commands/s: peak, asked for", f"{self.peak.rate:,.0f}  {self.asked:,.0f}"
        for number, run in enumerate(self.thirds, start=1):
            told = f"{run.rate:,.0f}  {run.ms(0.5):.0f}  {run.ms(0.99):.0f}  {run.burnt.us:.0f}"
            yield f"third {number}: commands/s, p50 ms, p99 ms, CPU us/command", told
        for name, ratio in self.growth.items():
            yield (
                f"MB of {name}: first third, last third, ratio",
                (f"{self.mb[0][name]:.0f}  {self.mb[-1][name]:.0f}  {ratio:.2f}"),
            )


async def measure(order: Order) -> Steady:
    """Measure a fresh system: its peak by some of the commands first, then all of them at their pace."""
    async with fresh_system(order.workers, order.say) as system:
        memory = Memory(system)

        def seen(part: str, done: float, total: float) -> None:
            memory.look()
            order.on_part(part, done, total)

        async with sender(system, seen) as sends:
            commands = min(order.commands, PEAK_MAX)
            peak = await sends.send("peak load", load.transfers(commands, accounts=sends.accounts), commands)
            asked, each = peak.rate * PART, max(order.commands // THIRDS, 1)
            thirds = [await _third(sends, memory, number, each, asked) for number in range(THIRDS)]
    return Steady(peak=peak, asked=asked, thirds=thirds, mb=[memory.of(number) for number in range(THIRDS)])


async def _third(sends: Sender, memory: "Memory", number: int, each: int, rate: float) -> Run:
    memory.begin(number)
    stream = load.transfers(each, accounts=sends.accounts, seed=1 + number)
    run = await sends.send("four fifths of it", stream, each, rate=rate, before=each * number, total=each * THIRDS)
    memory.look(at_once=True)
    return run


@dataclass
class Memory:
    """Megabytes by process, read now and then, by third."""

    system: Whole
    read: dict[int, list[Mapping[str, float]]] = field(default_factory=dict)
    _third: int = -1
    _next_at: float = 0.0

    def begin(self, third: int) -> None:
        """Say that what is read from now on belongs to *third*."""
        self._third = third

    def look(self, *, at_once: bool = False) -> None:
        """Read, unless that was done just now."""
        if at_once or time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + LOOK_EVERY_S
            self.read.setdefault(self._third, []).append(meters.memory_mb(meters.pids_of(self.system)))

    def of(self, third: int) -> dict[str, float]:
        """Return the median of each process in *third*."""
        readings = self.read[third]
        return {name: median(reading[name] for reading in readings if name in reading) for name in readings[-1]}
