"""The yardstick of bulk: PostgreSQL's own psql, which copies from files and into them.

Promise   What is timed is psql from its start to its end, connecting included.
"""

import asyncio
import os
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from partita.local.machine import Machine
from processor.errors import NotPrepared

ENDS_WITHIN_S: Final = 3600.0
_SCRIPT: Final = Path("script.sql")


class Psql:
    """psql against the database at *url*; *folder* is for what it is told to do."""

    def __init__(self, url: str, folder: Path) -> None:
        wheel = Machine.here().postgres_wheel
        if wheel is None:
            raise NotPrepared("psql is not installed: `pip install 'partita[local]'` brings it.")
        program = wheel / "pginstall18" / "bin" / "psql"
        self._command = [str(program), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={url}"]
        self._script = folder / _SCRIPT

    async def run(
        self,
        lines: Sequence[str],
        *,
        to: Path | None = None,
        through: Sequence[str] = (),
        planning: Mapping[str, str] = MappingProxyType({}),
    ) -> float:
        """Have it do what *lines* say, with settings for *planning*, and return the seconds it takes.

        What it writes comes *to* a file, *through* another program if one is given.
        """
        environment = {
            **os.environ,
            "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in planning.items()),
        }
        self._script.write_text("\n".join([*lines, ""]))
        began = time.perf_counter()
        if to is None:
            await self._run(DEVNULL, environment)
        else:
            with to.open("wb") as file:
                await self._through(through, file.fileno(), environment)
        return time.perf_counter() - began

    async def _through(self, program: Sequence[str], to: int, environment: Mapping[str, str]) -> None:
        if not program:
            await self._run(to, environment)
            return
        out, into = os.pipe()
        process = await asyncio.create_subprocess_exec(*program, stdin=out, stdout=to)
        os.close(out)
        try:
            await self._run(into, environment)
        finally:
            os.close(into)
        if await process.wait():
            raise NotPrepared(f"{program[0]} ended with exit code {process.returncode}.")

    async def _run(self, to: int, environment: Mapping[str, str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command, f"--file={self._script}", stdin=DEVNULL, stdout=to, stderr=PIPE, env=environment
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), ENDS_WITHIN_S)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            raise NotPrepared(f"psql failed: {said.decode(errors='replace').strip()[:500]}")
