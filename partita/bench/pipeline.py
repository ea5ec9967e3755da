"""From a command produced to its result consumed: everything between, on one machine, producer and reader included.

Promise   Every command counted was answered. The load is sustained: the producer keeps a fixed number unanswered.
Cost      About a minute, most of it pgbench and the paced part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from partita.bench import load
from partita.bench.cpu import EXCHANGE, cpu_seconds, spent
from partita.bench.yardstick import Readings, Yardstick
from partita.exchange import Exchange, exchange
from partita.tally import Pace, Tally
from partita.whole import Whole
from processor.errors import PartitaError

ACCOUNTS: Final = 10_000
IN_FLIGHT_MAX: Final = 12_000
PACED_PART: Final = 0.1
PACED_S: Final = 10.0

OnPart = Callable[[str, float, float], None]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What was measured. *paced* is the load at a tenth of the peak."""

    peak: Tally
    paced: Tally
    cpu_s: Mapping[str, float]
    tpcb: Readings

    @property
    def rate(self) -> float:
        """Return commands per second."""
        return self.peak.answered / self.peak.seconds

    @property
    def ratio(self) -> float:
        """Return commands per TPC-B transaction."""
        return self.rate / self.tpcb.mean

    @property
    def cpu_us_by_process(self) -> dict[str, float]:
        """Return microseconds of CPU per command."""
        return {name: seconds * 1e6 / self.peak.answered for name, seconds in self.cpu_s.items()}

    @property
    def cpu_us_per_command(self) -> float:
        """Return the sum over all processes but the producer and reader."""
        return sum(each for name, each in self.cpu_us_by_process.items() if name != EXCHANGE)

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return {
            "name": "pipeline",
            "value": round(self.rate, 1),
            "unit": "commands/s",
            "yardstick": round(self.tpcb.mean, 1),
            "ratio": round(self.ratio, 3),
            "cpu_us_per_command": round(self.cpu_us_per_command, 1),
            "yardstick_before": round(self.tpcb.before, 1),
            "yardstick_after": round(self.tpcb.after, 1),
            "steady": self.tpcb.are_steady,
            "p50_ms": round(self.paced.latencies.quantile(0.5) * 1000, 1),
            "p99_ms": round(self.paced.latencies.quantile(0.99) * 1000, 1),
        }


async def measure(system: Whole, *, commands: int, on_part: OnPart) -> Pipeline:
    """Measure *system*, which nothing else uses."""
    await system.manned()
    yardstick = Yardstick(system.stack.database_url)
    async with exchange(system.app) as market:
        await _all(market, "accounts", load.openings(ACCOUNTS), ACCOUNTS, on_part)
        await _all(market, "deposits", load.deposits(ACCOUNTS), ACCOUNTS, on_part)
        on_part("pgbench, before", 0, 1)
        await yardstick.prepare()
        before = await yardstick.read()
        on_part("pgbench, before", 1, 1)
        started = cpu_seconds(system)
        peak = await _all(market, "peak load", load.transfers(commands, accounts=ACCOUNTS), commands, on_part)
        ended = cpu_seconds(system)
        on_part("pgbench, after", 0, 1)
        after = await yardstick.read()
        on_part("pgbench, after", 1, 1)
        paced = await _paced(market, peak.answered / peak.seconds * PACED_PART, on_part)
    return Pipeline(peak=peak, paced=paced, cpu_s=spent(started, ended), tpcb=Readings(before=before, after=after))


async def _paced(market: Exchange, rate: float, on_part: OnPart) -> Tally:
    number = max(round(rate * PACED_S), 1)
    stream = load.transfers(number, accounts=ACCOUNTS, seed=2)
    return await _all(market, "a tenth of it", stream, number, on_part, rate=rate)


async def _all(market: Exchange, name: str, stream: Any, number: int, on_part: OnPart, *, rate: float = 0.0) -> Tally:
    pace = Pace(in_flight_max=IN_FLIGHT_MAX, rate=rate)
    tally = await market.run(stream, pace=pace, on_progress=lambda tally: on_part(name, tally.answered, number))
    if not tally.is_complete:
        missing = tally.published - tally.answered
        raise Unanswered(f"{name}: {missing} commands were not answered, {tally.dead} are dead.")
    return tally


class Unanswered(PartitaError):
    """The system under measurement does not answer, so there is nothing to measure."""
