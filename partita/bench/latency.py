"""How long a command waits for its result, at three parts of the peak that the same system was just measured at.

Promise   The load is paced: a command is sent at its time whether or not those before it were answered.
Cost      A minute: a peak, then ``PACED_S`` at each part of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from partita.bench import load
from partita.bench.found import Order, line
from partita.bench.sending import Run, Sender, fresh_sender

PARTS: Final = (0.1, 0.5, 0.8)
QUANTILES: Final = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
PACED_S: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The peak, and the paced runs by the part of it."""

    peak: Run
    paced: Mapping[float, Run]

    def line(self) -> dict[str, Any]:
        """Return what scripts are told; the value is p99 at the smallest part."""
        parts = {
            f"{part:.0%}": {**self._quantiles(run), "rate": run.rate, "cpu_us_by_process": run.burnt.us_by_process}
            for part, run in self.paced.items()
        }
        return line(
            *("latency", self.paced[PARTS[0]].ms(0.99), "ms"), burnt=self.peak.burnt, peak=self.peak.rate, parts=parts
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        yield "commands/s at the peak", f"{self.peak.rate:,.0f}"
        for part, run in self.paced.items():
            found = "  ".join(f"{ms:.0f}" for ms in self._quantiles(run).values())
            yield f"p50, p99, p99.9 at {part:.0%}, {run.rate:,.0f}/s, ms", found
        yield from self.peak.burnt.figures()
        for part, run in self.paced.items():
            yield from ((f"at {part:.0%}: {name}", figure) for name, figure in run.burnt.figures())

    def _quantiles(self, run: Run) -> dict[str, float]:
        return {name: run.ms(fraction) for name, fraction in QUANTILES.items()}


async def measure(order: Order) -> Latency:
    """Measure a fresh system: all commands for the peak, and at most as many at each part of it."""
    async with fresh_sender(order) as sends:
        stream = load.transfers(order.commands, accounts=sends.accounts)
        peak = await sends.send("peak load", stream, order.commands)
        paced = {part: await _paced(sends, part, peak.rate * part, order.commands) for part in PARTS}
    return Latency(peak=peak, paced=paced)


async def _paced(sends: Sender, part: float, rate: float, commands_max: int) -> Run:
    number = max(min(round(rate * PACED_S), commands_max), 1)
    stream = load.transfers(number, accounts=sends.accounts, seed=round(part * 100))
    return await sends.send(f"{part:.0%} of it", stream, number, rate=rate)
