"""One job going round what is due: page by page from the first place to the last, then from the first again.

Promise   What is in flight is not said again: the next round begins when all of the last one is applied. What falls due
          behind the place reached is said without waiting for that.
Bound     A page of rows and commands in memory. As many commands in flight as the scheduler leaves room for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.envelope import Command
from processor import faults
from processor.database import Connection
from processor.engine.jobs import Calendar, Due, Job
from processor.telemetry import count, logger
from producers.scheduling.attempts import commands_for
from producers.scheduling.in_flight import InFlight, Lies
from producers.scheduling.job_runs import Run, note_run

PAGE: Final = 1000
REST_S: Final = 30.0  # between two rounds that find only what waits for its next attempt
FORGET_S: Final = 600.0  # what is not applied after so long may be lost: it is said again, which is harmless

_log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the rounds of one context share."""

    context: str
    calendar: Calendar
    send: Callable[[Sequence[Command]], Awaitable[Sequence[Lies]]]
    page_size: int = PAGE


class Round:
    """Where one job stands. *last* is its last run as it was noted, by whomever; *at_once* is impatient."""

    def __init__(self, desk: Desk, job: Job, last: Run | None = None, *, at_once: bool = False) -> None:
        self.in_flight = InFlight()
        self.published = 0
        self._desk = desk
        self._job = job
        self._at_once = at_once
        self._last_period = last.last_period if last else None
        self._place = job.first
        self._as_of: datetime | None = None  # a job that is once a period keeps to the instant it began at
        self._found_new = False  # in this round
        self._not_noted = 0
        self._rests_until = 0.0
        self._moved_at = 0.0

    async def turn(self, connection: Connection, as_of: datetime, *, room: int) -> bool:
        """Publish the next page, with *room* for so many commands, and say whether there may be another."""
        if not self._is_its_time(as_of):
            return False
        as_of = self._begun(as_of)
        limit = min(room, self._desk.page_size)
        found = await self._job.due(connection, as_of, self._place, limit)
        if found:
            await self._say(connection, found, as_of)
        if len(found) == limit:
            return True
        await self._end(connection, as_of)
        return False

    async def _say(self, connection: Connection, found: Sequence[Due], as_of: datetime) -> None:
        """Publish what is to be said of what was *found*, and go on behind it."""
        commands = await commands_for(connection, self._job, found, as_of=as_of, at_once=self._at_once)
        self.in_flight.add(await self._desk.send(commands))
        faults.reach("scheduled")
        self._place = found[-1].place
        self._moved_at = _now()
        self._found_new |= bool(commands)
        self._not_noted += len(commands)
        self.published += len(commands)
        count("scheduled", len(commands))

    def settle(self, applied: Mapping[int, int]) -> None:
        """Look at what is in flight, now that lanes stand where *applied* says."""
        if self.in_flight.settle(applied):
            self._moved_at = _now()
        elif len(self.in_flight) and _now() - self._moved_at > FORGET_S:
            what = {"job": self._job.name, "commands": len(self.in_flight)}
            _log.warning("commands_not_applied", context=self._desk.context, **what)
            self.in_flight.forget()

    def _is_its_time(self, as_of: datetime) -> bool:
        if not self._job.once or self._as_of is not None or self._last_period is None:
            return True
        return self._desk.calendar.period(self._job.every, as_of) > self._last_period

    def _begun(self, as_of: datetime) -> datetime:
        if not self._job.once:
            return as_of
        if self._as_of is None:
            self._as_of = as_of
        return self._as_of

    async def _end(self, connection: Connection, as_of: datetime) -> None:
        """Note the run, if there is something to note, and begin anew once nothing is in flight."""
        period = self._desk.calendar.period(self._job.every, as_of)
        if self._not_noted or self._last_period is None or period > self._last_period:
            await self._note(connection, as_of, period)
        if self._job.once or self._may_begin_anew():
            self._place, self._found_new, self._as_of, self._rests_until = self._job.first, False, None, 0.0

    def _may_begin_anew(self) -> bool:
        """Say so once nothing is in flight; after a round that found nothing to publish, ``REST_S`` later."""
        if self._place == self._job.first or len(self.in_flight):
            return False
        if not self._found_new and not self._rests_until:
            self._rests_until = _now() + REST_S
        return self._found_new or _now() >= self._rests_until

    async def _note(self, connection: Connection, as_of: datetime, period: datetime) -> None:
        missed = self._desk.calendar.missed(self._job.every, self._last_period, period)
        what = {"context": self._desk.context, "job": self._job.name}
        if missed:
            _log.warning("periods_missed", **what, missed=missed, since=str(self._last_period))
        if self._not_noted:
            _log.info("job_run", **what, published=self._not_noted)
        await note_run(
            connection,
            self._desk.context,
            self._job.name,
            as_of=as_of,
            period=period,
            published=self._not_noted,
            missed=missed,
        )
        self._last_period, self._not_noted = period, 0


def _now() -> float:
    return asyncio.get_running_loop().time()
