"""Jobs as a person meets them: what was done and what is due; and one run by hand.

Cost      Due rows are counted up to ``COUNTED_MAX`` a job; a job that looks at everything does so here too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from aiokafka.errors import KafkaError

from partita.app import App
from processor.database import Connection
from processor.engine.context import Context
from processor.engine.jobs import Chore, Job
from processor.errors import NotPrepared, Transient, kafka_unreachable
from producers.kafka import require_topics
from producers.scheduling.dispatch import Dispatch
from producers.scheduling.job_runs import Run, applied, clock, note_run, runs
from producers.scheduling.rounds import PAGE, Desk, Round

COUNTED_MAX: Final = 10_000
LOOK_S: Final = 0.05
STUCK_S: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class JobState:
    """One job: *done* counts commands, or what a chore counts, so far; *due* may be more where ``due_or_more``."""

    context: str
    job: str
    last_run_at: datetime | None
    next_period_at: datetime
    due: int
    due_or_more: bool
    done: int
    missed: int


@dataclass(frozen=True, kw_only=True)
class Done:
    """A run by hand."""

    as_of: datetime
    done: int


async def states(app: App, connection: Connection) -> list[JobState]:
    """Return the state of every job."""
    as_of = await clock(connection)
    return [
        await _state(app, connection, context.name, job, last=last.get(job.name), as_of=as_of)
        for context in app.contexts
        for last in (await runs(connection, context.name),)
        for job in app.set_up(context).jobs
    ]


async def _state(
    app: App, connection: Connection, context: str, job: Job | Chore, *, last: Run | None, as_of: datetime
) -> JobState:
    due = await _due(app, connection, job, last, as_of)
    return JobState(
        context=context,
        job=job.name,
        last_run_at=last.last_run_at if last else None,
        next_period_at=app.calendar.following(job.every, as_of),
        due=due,
        due_or_more=due >= COUNTED_MAX,
        done=last.published if last else 0,
        missed=last.missed if last else 0,
    )


async def _due(app: App, connection: Connection, job: Job | Chore, last: Run | None, as_of: datetime) -> int:
    if isinstance(job, Chore):
        return int(last is None or app.calendar.period(job.every, as_of) > last.last_period)
    due, place = 0, job.first
    while due < COUNTED_MAX:
        found = await job.due(connection, as_of, place, PAGE)
        due += len(found)
        if len(found) < PAGE:
            break
        place = found[-1].place
    return due


async def run_by_hand(app: App, connection: Connection, *, context: str, name: str, day: date | None) -> Done:
    """Run job *name* of *context*, or of whichever has it where that is empty, as of now or of the end of *day*.

    Raises:
        NotPrepared: There is no such job or context, the day has not begun, or Kafka cannot be reached.
        Transient: Kafka does not take commands, or nobody applies them.
    """
    own, job = _found(app, context, name)
    as_of = _as_of(app, await clock(connection), day)
    if isinstance(job, Job):
        return Done(as_of=as_of, done=await _published(app, connection, own, job, as_of))
    done = await job.work(connection, as_of)
    period = app.calendar.period(job.every, as_of)
    await note_run(connection, own.name, name, as_of=as_of, period=period, published=done, missed=0)
    return Done(as_of=as_of, done=done)


def _found(app: App, context: str, name: str) -> tuple[Context[Any], Job | Chore]:
    jobs = [
        (own, job) for own in map(app.set_up, app.limited_to([context] if context else []).contexts) for job in own.jobs
    ]
    for own, job in jobs:
        if job.name == name:
            return own, job
    raise NotPrepared(f"{context or 'This'} has no job {name}; choose from {', '.join(job.name for _, job in jobs)}.")


def _as_of(app: App, now: datetime, day: date | None) -> datetime:
    if day is None:
        return now
    if day > app.calendar.day(now):
        raise NotPrepared(f"{day} has not begun at the bank; name a day that has.")
    return min(now, app.calendar.start_of(day + timedelta(days=1)) - timedelta(microseconds=1))


async def _published(app: App, connection: Connection, context: Context[Any], job: Job, as_of: datetime) -> int:
    """Publish what is due, with as many commands in flight as a scheduler may have."""
    async with _dispatch(app, context.name) as dispatch:
        desk = Desk(context=context.name, calendar=app.calendar, send=dispatch.send)
        by_hand = Round(desk, job, at_once=True)
        while True:
            room = app.settings.scheduler_in_flight_max - len(by_hand.in_flight)
            if room <= 0:
                await _until_applied(connection, context.name, by_hand)
            elif not await by_hand.turn(connection, as_of, room=room):
                return by_hand.published


async def _until_applied(connection: Connection, context: str, by_hand: Round) -> None:
    before = len(by_hand.in_flight)
    try:
        async with asyncio.timeout(STUCK_S):
            while len(by_hand.in_flight) == before:
                await asyncio.sleep(LOOK_S)
                by_hand.settle(await applied(connection, context))
    except TimeoutError:
        raise Transient(
            f"{before} commands are not applied; check with `partita status` that a consumer runs."
        ) from None


@asynccontextmanager
async def _dispatch(app: App, context: str) -> AsyncIterator[Dispatch]:
    bootstrap = app.settings.kafka_bootstrap
    await require_topics(bootstrap, [app.topics.commands(context)])
    dispatch = Dispatch(bootstrap, catalog=app.catalog, topics=app.topics, context=context)
    try:
        yield dispatch
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
    finally:
        await dispatch.drop()
