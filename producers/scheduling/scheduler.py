"""The scheduler: says what time asks for. It publishes commands, and decides nothing.

Promise   What is due is published within two seconds, and again as long as it is due, at least once. A command's id is
          made of what is due and since when, so what is published twice, late, or by two at once is applied once.
Cost      Where nothing is due, a statement each second for each job, which reads a page of an index.
Bound     A page of commands in memory, and *in_flight_max* published and not applied yet, whatever is due.
Invariant Time is the database's clock. Nothing that it remembers matters: who leads next begins anew.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiokafka.errors import KafkaError

from contracts.catalog import Topics
from contracts.envelope import Command
from processor.database import DATABASE_ILL, Connection, Database, named_queries
from processor.engine.context import Context
from processor.engine.failures import describe
from processor.engine.jobs import Calendar, Chore, Job
from processor.telemetry import logger
from producers.lead import Lead
from producers.patience import STOP_S, back_off, first, until_stopped
from producers.scheduling.chores import Chores
from producers.scheduling.dispatch import Dispatch
from producers.scheduling.in_flight import Lies
from producers.scheduling.job_runs import applied, clock, runs
from producers.scheduling.rounds import Desk, Round

SILENCE_S: Final = 1.0  # a leader that says nothing for so long loses its session
ANSWER_EVERY_S: Final = SILENCE_S / 4
STAND_BY_S: Final = 1.0
TICK_S: Final = 1.0
LOOK_S: Final = 0.1  # while something is in flight
IN_FLIGHT_MAX: Final = 10_000

_SQL: Final = named_queries("producers.scheduling", "scheduler.sql")
_log = logger(__name__)


class Scheduler:
    """One context's scheduler. *database* is for leading and asking, *workshop* for jobs that work in it."""

    def __init__(
        self,
        *,
        database: Database,
        workshop: Database,
        bootstrap: str,
        topics: Topics,
        context: Context[Any],
        calendar: Calendar,
        in_flight_max: int = IN_FLIGHT_MAX,
    ) -> None:
        self._lead = Lead(
            database,
            f"partita scheduler {context.name}",
            on_session=self._set_up_session,
            on_taken=self._begin_anew,
        )
        self._dispatch = Dispatch(bootstrap, catalog=context.catalog, topics=topics, context=context.name)
        self._desk = Desk(context=context.name, calendar=calendar, send=self._send)
        self._jobs = [job for job in context.jobs if isinstance(job, Job)]
        chores = [job for job in context.jobs if isinstance(job, Chore)]
        self._chores = Chores(workshop, context.name, calendar, chores)
        self._in_flight_max = in_flight_max
        self._rounds: list[Round] = []
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until *stop* is set; the page in hand is finished first."""
        work = asyncio.ensure_future(self._work(stop))
        try:
            await until_stopped(work, stop)
        finally:
            await self._close()
        if not work.cancelled():
            work.result()

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._turn(stop)
            except DATABASE_ILL as error:
                self._lead.drop()
                await self._chores.drop()
                await self._back_off(stop, "scheduler_cannot_read", error)

    async def _turn(self, stop: asyncio.Event) -> None:
        if not await self._lead.taken():
            await first(stop, STAND_BY_S)
            return
        try:
            pause_s = await self._look()
        except KafkaError as error:
            async with self._lead.kept(ANSWER_EVERY_S):
                await self._dispatch.drop()
                await self._back_off(stop, "scheduler_cannot_publish", error)
            return
        self._failures = 0
        async with self._lead.kept(ANSWER_EVERY_S):
            await first(stop, pause_s)

    async def _look(self) -> float:
        """Publish a page of each job that has something due, and return how long nothing more needs a look."""
        session = self._lead.session
        as_of = await clock(session)
        if self._in_flight:
            lanes = await applied(session, self._desk.context)
            for each in self._rounds:
                each.settle(lanes)
        more = False
        for each in self._rounds:
            room = self._in_flight_max - self._in_flight
            if room > 0:
                more |= await each.turn(session, as_of, room=room)
        self._chores.turn(as_of)
        if more and self._in_flight < self._in_flight_max:
            return 0.0
        return LOOK_S if self._in_flight else TICK_S

    @property
    def _in_flight(self) -> int:
        return sum(len(each.in_flight) for each in self._rounds)

    async def _send(self, commands: Sequence[Command]) -> Sequence[Lies]:
        async with self._lead.kept(ANSWER_EVERY_S):
            return await self._dispatch.send(commands)

    async def _set_up_session(self, connection: Connection) -> None:
        await connection.execute(_SQL["set_up_session"])

    async def _begin_anew(self, connection: Connection) -> None:
        """Take up the lead: with nothing known but what is noted."""
        await connection.execute(_SQL["be_watched"], str(round(SILENCE_S * 1000)))
        last = await runs(connection, self._desk.context)
        self._rounds = [Round(self._desk, job, last.get(job.name)) for job in self._jobs]
        self._chores.know(last)
        _log.info("scheduler_leads", context=self._desk.context)

    async def _back_off(self, stop: asyncio.Event, event: str, error: Exception) -> None:
        self._failures += 1
        _log.warning(event, context=self._desk.context, failures=self._failures, error=describe(error))
        await back_off(stop, self._failures)

    async def _close(self) -> None:
        await self._dispatch.drop()
        await self._chores.drop()
        try:
            async with asyncio.timeout(STOP_S):
                await self._lead.close()
        except DATABASE_ILL:
            self._lead.drop()
