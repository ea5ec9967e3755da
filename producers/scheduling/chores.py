"""Jobs that are done in the database itself, one at a time, beside the rounds and over a session of their own.

Promise   Each is done once a period by whoever leads. One that fails by trouble of the server's is tried again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from processor.database import DATABASE_ILL, Database
from processor.engine.failures import describe
from processor.engine.jobs import Calendar, Chore
from processor.telemetry import logger
from producers.patience import end
from producers.scheduling.job_runs import Run, note_run

AGAIN_S: Final = 60.0

_log = logger(__name__)


class Chores:
    """The chores of one *context*, which *database* is for alone."""

    def __init__(self, database: Database, context: str, calendar: Calendar, chores: Sequence[Chore]) -> None:
        self._database = database
        self._context = context
        self._calendar = calendar
        self._chores = chores
        self._last: dict[str, datetime] = {}
        self._not_before = 0.0
        self._working: asyncio.Task[None] | None = None

    def know(self, last: Mapping[str, Run]) -> None:
        """Take over when each job ran last."""
        self._last = {name: run.last_period for name, run in last.items()}

    def turn(self, as_of: datetime) -> None:
        """Begin what is due, unless something is being done; a bug of what was done is raised."""
        if self._working is not None:
            if not self._working.done():
                return
            done, self._working = self._working, None
            done.result()
        if asyncio.get_running_loop().time() < self._not_before:
            return
        for chore in self._chores:
            last, period = self._last.get(chore.name), self._calendar.period(chore.every, as_of)
            if last is None or period > last:
                self._working = asyncio.create_task(self._do(chore, as_of, period))
                return

    async def drop(self) -> None:
        """Give up what is being done, and the session."""
        if self._working is not None:
            await end(self._working)
            self._working = None
        self._database.drop()

    async def _do(self, chore: Chore, as_of: datetime, period: datetime) -> None:
        what = {"context": self._context, "job": chore.name}
        try:
            connection = await self._database.connection()
            done = await chore.work(connection, as_of)
            missed = self._calendar.missed(chore.every, self._last.get(chore.name), period)
            await note_run(
                connection, self._context, chore.name, as_of=as_of, period=period, published=done, missed=missed
            )
        except DATABASE_ILL as error:
            _log.warning("job_failed", **what, error=describe(error))
            self._database.drop()
            self._not_before = asyncio.get_running_loop().time() + AGAIN_S
        else:
            _log.info("job_run", **what, done=done)
            self._last[chore.name] = period
