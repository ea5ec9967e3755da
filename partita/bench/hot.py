"""One account that nine of ten debits are on, against accounts chosen evenly, in turn on the same system.

Promise   The ratio is the median of the pairs. What the others feel of it is measured at half of the hot peak:
          transfers between other accounts, sent beside those of the hot one and timed by themselves.
Cost      A minute.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from partita.bench import load
from partita.bench.found import Burnt, Order, line, together
from partita.bench.sending import Run, Sender, fresh_sender
from partita.exchange import exchange

HOT: Final = 0.9
PAIRS: Final = 3
PACED_PART: Final = 0.5
PACED_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Hot:
    """The runs of both kinds, and the others' share of a paced load without and with a hot account beside it."""

    even: Sequence[Run]
    hot: Sequence[Run]
    others_even: Run
    others_hot: Run

    @property
    def rates(self) -> tuple[float, float]:
        """Return commands per second: even, hot."""
        return median(run.rate for run in self.even), median(run.rate for run in self.hot)

    @property
    def ratio(self) -> float:
        """Return hot against even."""
        return median(hot.rate / even.rate for even, hot in zip(self.even, self.hot, strict=True))

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        even, hot = self.rates
        return line(
            *("hot", hot, "commands/s"),
            yardstick=even,
            ratio=self.ratio,
            burnt=_burnt(self.hot),
            cpu_us_per_command_even=_burnt(self.even).us,
            others_p99_ms=self.others_hot.ms(0.99),
            others_p99_ms_even=self.others_even.ms(0.99),
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for number, (even, hot) in enumerate(zip(self.even, self.hot, strict=True), start=1):
            rates = f"{even.rate:,.0f}  {hot.rate:,.0f}  {hot.rate / even.rate:.2f}"
            yield f"pair {number}: even, hot commands/s, ratio", rates
        yield "ratio, median of the pairs", f"{self.ratio:.2f}"
        p99 = f"{self.others_even.ms(0.99):.0f}  {self.others_hot.ms(0.99):.0f}"
        yield "p99 of the others at half of the hot peak: even, hot, ms", p99
        yield "CPU of even, without producer and reader", f"{_burnt(self.even).us:.1f}"
        yield from _burnt(self.hot).figures()


async def measure(order: Order) -> Hot:
    """Measure a fresh system, half of the commands on a hot account."""
    each = order.commands // PAIRS // 2
    even: list[Run] = []
    hot: list[Run] = []
    async with fresh_sender(order) as sends:
        for pair in range(PAIRS):
            even.append(await _run(sends, "even", 0.0, pair, each))
            hot.append(await _run(sends, "hot", HOT, pair, each))
        paced = Paced(rate=median(run.rate for run in hot) * PACED_PART, commands_max=each)
        async with exchange(sends.system.app) as market:
            others = Sender(sends.system, market, order.on_part)
            others_even = await paced.others(sends, others, "even", 0.0)
            others_hot = await paced.others(sends, others, "hot", 1.0)
    return Hot(even=even, hot=hot, others_even=others_even, others_hot=others_hot)


async def _run(sends: Sender, part: str, hot: float, pair: int, each: int) -> Run:
    stream = load.transfers(each, accounts=sends.accounts, seed=pair + 1, hot=hot)
    return await sends.send(part, stream, each, before=each * pair, total=each * PAIRS)


@dataclass(frozen=True, kw_only=True)
class Paced:
    """A load of so many commands a second, nine tenths of which may be on a hot account."""

    rate: float
    commands_max: int

    async def others(self, crowd: Sender, rest: Sender, part: str, hot: float) -> Run:
        """Send nine tenths by *crowd* and the rest, which is even, by *rest*; return what came of the rest."""
        number = max(min(round(self.rate * PACED_S), self.commands_max), 10)
        few, most = number // 10, number - number // 10
        crowded = load.transfers(most, accounts=crowd.accounts, seed=10, hot=hot)
        even = load.transfers(few, accounts=crowd.accounts, seed=11)
        async with asyncio.TaskGroup() as both:
            both.create_task(crowd.send(f"{part}, half the rate", crowded, most, rate=self.rate * most / number))
            found = both.create_task(rest.send(f"{part}, the others", even, few, rate=self.rate * few / number))
        return found.result()


def _burnt(runs: Sequence[Run]) -> Burnt:
    return together(run.burnt for run in runs)
