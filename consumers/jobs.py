"""The way jobs are worked on: taken, told of, given back, and ended once; exports and imports are two kinds of work.

Promise   A job whose worker dies is taken by another as soon as its lease has run out. What a worker tells or ends it
          tells in a transaction that holds the job: one that has lost it can do neither.
          What the work declines, and what goes wrong again and again, ends the job as failed, and says why.
          What a job has come to is never cleared away, whatever its worker hears behind its end.
Cost      A query for each look at what waits, ``LOOK_S`` apart, and one for each renewal of a lease: ``RENEWED_S``
          apart, so that who works on a job that was cancelled hears of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from contracts.catalog import Catalog
from contracts.envelope import Event
from processor.database import DATABASE_ILL, Connection, Database
from processor.engine.failures import describe
from processor.engine.lanes import wake_relay
from processor.engine.later import lane_in_tx, tell_later_in_tx
from processor.errors import Declined, Transient
from processor.jobs import (
    Job,
    JobLost,
    JobState,
    conclude_in_tx,
    give_back,
    has_completed,
    hold_in_tx,
    note_in_tx,
    renew,
    take,
)
from processor.telemetry import frames, logger

LOOK_S: Final = 0.25
RENEWED_S: Final = 1.0
_LONGEST_WAIT_S: Final = 30.0
_log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where work is done: for a *context*, by a *holder* that nobody else is, with leases of *lease_s* seconds.

    A job that has gone wrong *attempts_max* times has failed; a stop of its worker counts as an attempt too.
    *database* makes a session for a role.
    """

    context: str
    catalog: Catalog
    database: Callable[[str], Database]
    holder: str
    lease_s: float = 15.0
    attempts_max: int = 8


class Work(Protocol):
    """What is done for a job."""

    async def do(self, desk: "Desk") -> None:
        """Do it, and end it by the *desk*.

        Raises:
            Declined: What was asked for cannot be done, and never will be.
            Transient: Something is ill that may get well.
            JobLost: The job is another's.
        """

    def failure(self, job: Job, code: str, reason: str) -> Event:
        """Return what is told of a job that has failed."""

    async def clear(self, desk: "Desk") -> None:
        """Remove what this attempt and those before it have left; none of them has completed the job."""


class Desk:
    """A job at hand: what its worker may say of it, for as long as it is the worker's."""

    def __init__(self, bench: Bench, job: Job, database: Database) -> None:
        self.job = job
        self.has_ended = False
        self._bench = bench
        self._database = database

    async def tell(self, progress: Struct, *extras: Event) -> None:
        """Keep how far the job has come, and tell it.

        Raises:
            JobLost: It is no longer ours.
        """
        async with self._told() as tx:
            await self.tell_in_tx(tx, progress, *extras)

    async def tell_in_tx(self, tx: Connection, progress: Struct, *extras: Event) -> None:
        """Do the same as part of a transaction, which has locked nothing that batches lock: the lane comes first."""
        await self._say(tx, extras, None)
        await note_in_tx(tx, self.job, progress, lease_s=self._bench.lease_s)

    async def end(self, state: JobState, event: Event, progress: Struct | None) -> None:
        """End the job, and tell how; without a *progress* it has come as far as was told last.

        Raises:
            JobLost: It is no longer ours.
        """
        async with self._told() as tx:
            instant = await self._say(tx, (), event)
            await conclude_in_tx(tx, self.job, state, progress=progress, outcome=event, instant=instant)
            self.has_ended = True  # from here on its lease is nobody's business, whatever becomes of the commit

    async def has_completed(self) -> bool:
        """Whether the job is completed, and by this attempt: what an error that came with the commit leaves open."""
        return await has_completed(await self._database.connection(), self.job)

    async def _say(self, tx: Connection, extras: Sequence[Event], end: Event | None) -> datetime:
        lane, instant = await lane_in_tx(tx, self.job.lane_no)
        await hold_in_tx(tx, self.job)
        about = (self._bench.catalog, self._bench.context, lane, instant)
        await tell_later_in_tx(tx, *about, seq=self.job.seq, extras=extras, end=end)
        return instant

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[Connection]:
        async with self._database.transaction() as tx:
            yield tx
        await self.wake()

    async def wake(self) -> None:
        """Wake the relay; whoever has told something in a transaction of its own does so behind it."""
        await wake_relay(await self._database.connection(), self._bench.context)


async def work_on_jobs(bench: Bench, work: Work, stop: asyncio.Event) -> None:
    """Take jobs one after the other, and do them, until *stop*; one that is under way is given back."""
    async with bench.database(f"jobs {bench.context}") as database:
        while not stop.is_set():
            try:
                job = await take(await database.connection(), bench.context, holder=bench.holder, lease_s=bench.lease_s)
            except DATABASE_ILL as error:
                _log.warning("jobs cannot be looked for", context=bench.context, error=describe(error))
                database.drop()
                job = None
            if job is None:
                await _until(stop, LOOK_S)
            else:
                await _attend(bench, work, job, stop)


async def _attend(bench: Bench, work: Work, job: Job, stop: asyncio.Event) -> None:
    """Do a job until it has ended, is lost, or is to be given back."""
    async with bench.database(f"{bench.context} desk") as database:
        desk = Desk(bench, job, database)
        doing = asyncio.ensure_future(_do(bench, work, desk))
        keeping = asyncio.ensure_future(_keep(bench, desk))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({doing, keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            lost = keeping.exception() if keeping.done() else None
            if not doing.done():
                doing.cancel()
            await asyncio.wait({doing})
            await _settle(bench, work, desk, doing, lost)
        except (*DATABASE_ILL, Declined) as error:  # the lease runs out by itself, and a sweep finds what lies about
            _log.warning("a job is left", context=bench.context, job=job.job_id, error=describe(error))
        finally:
            for task in (doing, keeping, stopping):
                task.cancel()
            await asyncio.gather(doing, keeping, stopping, return_exceptions=True)


async def _do(bench: Bench, work: Work, desk: Desk) -> None:
    if desk.job.attempt > bench.attempts_max:  # those who had it died of it
        raise Declined("attempts_exhausted", f"It was tried {bench.attempts_max} times, and nobody came to its end.")
    await work.do(desk)


async def _keep(bench: Bench, desk: Desk) -> None:
    """Renew the lease until the job is lost; a database that is ill for a while costs nothing but the lease."""
    async with bench.database(f"{bench.context} lease") as database:
        while True:
            await asyncio.sleep(min(RENEWED_S, bench.lease_s / 3))
            try:
                if not desk.has_ended:
                    await renew(await database.connection(), desk.job, lease_s=bench.lease_s)
            except JobLost:
                if not desk.has_ended:  # by ourselves, meanwhile
                    raise
            except DATABASE_ILL:
                database.drop()


async def _settle(
    bench: Bench, work: Work, desk: Desk, doing: "asyncio.Future[None]", lost: BaseException | None
) -> None:
    """Do what the way a job's work has ended asks for."""
    error = None if doing.cancelled() else doing.exception()
    job, what = desk.job, {"context": bench.context, "job": desk.job.job_id, "attempt": desk.job.attempt}
    if isinstance(lost, JobLost) or isinstance(error, JobLost):
        _log.info("a job is lost", why=str(lost or error), **what)
        await _clear(work, desk)
    elif doing.cancelled():
        await _return(bench, work, desk, 0.0)
    elif isinstance(error, Declined):
        await _fail(work, desk, error.code, str(error))
    elif isinstance(error, Exception):
        is_ill = isinstance(error, DATABASE_ILL)
        _log.warning(
            "an attempt at a job has failed", error=describe(error), at=() if is_ill else frames(error), **what
        )
        if job.attempt < bench.attempts_max:
            await _return(bench, work, desk, min(2.0 ** (job.attempt - 1), _LONGEST_WAIT_S))
        else:
            why = str(error) if isinstance(error, Transient) else describe(error)
            await _fail(work, desk, "attempts_exhausted", f"It was tried {job.attempt} times; at last: {why}")


async def _fail(work: Work, desk: Desk, code: str, reason: str) -> None:
    with suppress(JobLost):
        await desk.end(JobState.FAILED, work.failure(desk.job, code, reason), None)
    await _clear(work, desk)


async def _clear(work: Work, desk: Desk) -> None:
    if not await desk.has_completed():  # an error may come behind the end, and with the answer to its commit
        await work.clear(desk)


async def _return(bench: Bench, work: Work, desk: Desk, after_s: float) -> None:
    async with bench.database(f"{bench.context} desk") as database:
        is_ours = await give_back(await database.connection(), desk.job, after_s=after_s)
    if not is_ours:  # who is to have it next may have removed what there was, and what went wrong was that
        await _clear(work, desk)


async def _until(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
