"""Whether more consumer processes are faster: one, two, and one per core, each on a fresh system, in turn.

Promise   The rate of each number is the median of ``ROUNDS`` systems; rounds take the numbers in turn.
Cost      A minute and a half.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

from partita.bench import load
from partita.bench.found import Burnt, Order, line, together
from partita.bench.sending import Run, fresh_sender

ROUNDS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The runs by the number of workers."""

    runs: Mapping[int, Sequence[Run]]

    def line(self) -> dict[str, Any]:
        """Return what scripts are told; the value is that of the most workers, the yardstick that of one."""
        most = max(self.runs)
        return line(
            *("workers", self._rate(most), "commands/s"),
            yardstick=self._rate(min(self.runs)),
            burnt=self._burnt(most),
            workers=most,
            by_workers={str(number): self._rate(number) for number in self.runs},
            cpu_us_by_workers={str(number): self._burnt(number).us for number in self.runs},
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for number in self.runs:
            yield f"workers {number}: commands/s", f"{self._rate(number):,.0f}"
            for name, figure in self._burnt(number).figures():
                yield f"workers {number}: {name}", figure

    def _rate(self, number: int) -> float:
        return median(run.rate for run in self.runs[number])

    def _burnt(self, number: int) -> Burnt:
        return together(run.burnt for run in self.runs[number])


async def measure(order: Order) -> Workers:
    """Measure with so many commands for each number of workers."""
    numbers = sorted({1, 2, os.cpu_count() or 1})
    runs: dict[int, list[Run]] = {number: [] for number in numbers}
    for turn in range(ROUNDS):
        for number in numbers:
            runs[number].append(await _run(replace(order, workers=number), turn))
    return Workers(runs=runs)


async def _run(order: Order, turn: int) -> Run:
    each = order.commands // ROUNDS
    async with fresh_sender(order) as sends:
        stream = load.transfers(each, accounts=sends.accounts, seed=turn + 1)
        return await sends.send(f"workers {order.workers}", stream, each, before=each * turn, total=each * ROUNDS)
