"""The yardstick: pgbench's TPC-B on the same server, right before and after what is measured.

Promise   Both readings are shown. A ratio to readings that differ by more than ``STEADY`` is marked: the machine was
          busy, and that slows pgbench more than it slows us.
Cost      4 s to fill its tables, ``RUN_S`` per reading.
"""

import asyncio
import re
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from partita.local.machine import Machine
from processor.database import connect
from processor.errors import NotPrepared

SCALE: Final = 20
CLIENTS: Final = 8
THREADS: Final = 2
RUN_S: Final = 10
STEADY: Final = 0.25

_DATABASE: Final = "partita_yardstick"
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Transactions per second before and after."""

    before: float
    after: float

    @property
    def mean(self) -> float:
        """Return what a value is compared with."""
        return (self.before + self.after) / 2

    @property
    def are_steady(self) -> bool:
        """Say whether both are near each other."""
        return abs(self.before - self.after) <= STEADY * max(self.before, self.after)


class Yardstick:
    """pgbench against the server at *database_url*, in a database of its own."""

    def __init__(self, database_url: str) -> None:
        wheel = Machine.here().postgres_wheel
        if wheel is None:
            raise NotPrepared("pgbench is not installed: `pip install 'partita[local]'` brings it.")
        self._program = str(wheel / "pginstall18" / "bin" / "pgbench")
        self._server_url = database_url
        self._url = urlsplit(database_url)._replace(path=f"/{_DATABASE}").geturl()

    async def prepare(self) -> None:
        """Make and fill the database."""
        connection = await connect(self._server_url, role="bench")
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE}")
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
        finally:
            await connection.close()
        await self._run("-i", "-q", "-s", str(SCALE))

    async def read(self) -> float:
        """Return TPC-B transactions per second."""
        options = ("-c", str(CLIENTS), "-j", str(THREADS), "-M", "prepared", "-T", str(RUN_S), "-n")
        found = _TPS.search(await self._run(*options))
        if found is None:
            raise NotPrepared("pgbench does not say how fast it was.")
        return float(found[1])

    async def _run(self, *options: str) -> str:
        process = await asyncio.create_subprocess_exec(self._program, *options, self._url, stdout=PIPE, stderr=STDOUT)
        output, _ = await process.communicate()
        text = output.decode(errors="replace")
        if process.returncode:
            raise NotPrepared(f"pgbench failed: {text.strip().splitlines()[-1] if text.strip() else 'it says nothing'}")
        return text
