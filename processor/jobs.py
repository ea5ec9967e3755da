"""Jobs: what a command begins and somebody works on for longer than a batch lasts.

A job is accepted by a batch, taken by a worker, and ended in the database: completed, failed or cancelled. A worker has
it for a lease that it renews; when that has run out another takes the job and raises its *attempt*.

Promise   A job is lost by nobody's death, and ends once. Whoever has lost it, by a lease that ran out or a
          cancellation, changes nothing of it any more: each change asks for the attempt.
Invariant The attempt is part of every key that is written for a job, so two workers never write to one place.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from processor.database import Connection, affected, named_queries
from processor.errors import PartitaError

_SQL: Final = named_queries("processor", "jobs.sql")


class JobState(IntEnum):
    """How a job stands, as the table's column ``state`` holds it."""

    ACCEPTED = 1
    RUNNING = 2
    COMPLETED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of the job."""
        return self >= JobState.COMPLETED


class JobLost(PartitaError):
    """The job is no longer the worker's: it was cancelled, or another has taken it over."""

    def __init__(self, job: "Job", state: JobState) -> None:
        self.is_cancelled = state is JobState.CANCELLED
        why = "was cancelled" if self.is_cancelled else "is another worker's"
        super().__init__(f"{job.kind} {job.job_id} {why}; attempt {job.attempt} stops.")


class Job(Struct, frozen=True):
    """A job as a worker has taken it. *lane_no* and *seq* are the stamp of the answer to its command."""

    job_no: int
    context: str
    job_id: str
    lane_no: int
    seq: int
    kind: str
    task: bytes
    attempt: int
    progress: bytes
    created_at: datetime


class Ended(Struct, frozen=True):
    """A job that has ended; *attempt* is the one that it ended in."""

    job_id: str
    state: JobState
    attempt: int


class Standing(Struct, frozen=True):
    """How a job stands; *progress* is JSON that its worker writes."""

    job_id: str
    kind: str
    state: JobState
    attempt: int
    progress: bytes
    created_at: datetime
    ended_at: datetime | None


async def take(connection: Connection, context: str, *, holder: str, lease_s: float) -> Job | None:
    """Return the next job of *context* that is free, from now on the *holder*'s, or None."""
    row = await connection.fetchrow(_SQL["take"], context, holder, lease_s)
    return None if row is None else Job(*row)


async def renew(connection: Connection, job: Job, *, lease_s: float) -> None:
    """Keep a job for *lease_s* seconds more.

    Raises:
        JobLost: It is no longer the worker's.
    """
    if not affected(await connection.execute(_SQL["renew"], job.job_no, job.attempt, lease_s)):
        raise await _lost(connection, job)


async def give_back(connection: Connection, job: Job, *, after_s: float = 0.0) -> bool:
    """Let another take a job after so many seconds; False where it was no longer the worker's to give."""
    return bool(affected(await connection.execute(_SQL["give_back"], job.job_no, job.attempt, after_s)))


async def has_completed(connection: Connection, job: Job) -> bool:
    """Whether *job* is completed, and by this attempt."""
    return bool(await connection.fetchval(_SQL["has_completed"], job.job_no, job.attempt))


async def hold_in_tx(tx: Connection, job: Job) -> None:
    """Lock a job until commit.

    Raises:
        JobLost: It is no longer the worker's.
    """
    row = await tx.fetchrow(_SQL["hold"], job.job_no)
    if row is None or (row["state"], row["attempt"]) != (JobState.RUNNING, job.attempt):
        raise JobLost(job, JobState.RUNNING if row is None else JobState(row["state"]))


async def note_in_tx(tx: Connection, job: Job, progress: Struct, *, lease_s: float) -> None:
    """Write how far a job has come that is held, and keep it for *lease_s* seconds more."""
    await tx.execute(_SQL["note"], job.job_no, msgspec.json.encode(progress), lease_s)


async def conclude_in_tx(
    tx: Connection, job: Job, state: JobState, *, progress: Struct | None, outcome: Any, instant: datetime
) -> None:
    """End a job that is held; without a *progress* that which was noted last stays."""
    come = None if progress is None else msgspec.json.encode(progress)
    await tx.execute(_SQL["conclude"], job.job_no, state, come, msgspec.json.encode(outcome), instant)


async def left_behind(connection: Connection, context: str, *, within_s: float) -> Sequence[Ended]:
    """Return the jobs that ended within so many seconds and of which an attempt may have left something behind."""
    rows = await connection.fetch(_SQL["left_behind"], context, within_s)
    return [Ended(row["job_id"], JobState(row["state"]), row["attempt"]) for row in rows]


async def latest_jobs(connection: Connection, context: str, *, limit: int) -> Sequence[Standing]:
    """Return the latest jobs of *context*, those that have not ended first."""
    rows = await connection.fetch(_SQL["jobs"], context, limit)
    return [Standing(row[0], row[1], JobState(row[2]), *tuple(row)[3:]) for row in rows]


async def standing(connection: Connection, context: str, job_ids: Sequence[str]) -> dict[str, JobState]:
    """Return how those of the jobs stand that there are, by id."""
    rows = await connection.fetch(_SQL["standing"], context, list(job_ids))
    return {row["job_id"]: JobState(row["state"]) for row in rows}


async def _lost(connection: Connection, job: Job) -> JobLost:
    row = await connection.fetchrow(_SQL["hold"], job.job_no)
    return JobLost(job, JobState.RUNNING if row is None else JobState(row["state"]))
