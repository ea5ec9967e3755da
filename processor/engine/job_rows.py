"""The rows of jobs as batches lock, make and cancel them; the same table for every context that has jobs.

Promise   A job that a batch reads is its own until commit: no worker takes, tells of or ends it meanwhile.
Cost      A statement to lock those that are named, one for the numbers of new ones, and one each to write what was
          cancelled and what was begun.
Invariant Jobs are locked in the order of their ids, behind the lanes. Whoever works on a job changes neither its
          version nor its task.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

from contracts.jobs import JobState as Shown
from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.job_board import JOB, JobBoard, JobRow
from processor.engine.shelves import Shelf, save_shelf_in_tx
from processor.engine.shelving import ByKey, Shelved
from processor.jobs import JobState
from processor.moments import microseconds

JOB_RACES: Final = frozenset({"job_exists"})  # two batches that begin one job: the other's will be seen

B = TypeVar("B", bound=JobBoard)
_SQL = named_queries("processor.engine", "job_rows.sql")


async def job_board_in_tx(
    tx: Connection, context: str, job_ids: Collection[str], *, fresh: int, make: Callable[..., B]
) -> B:
    """Lock the jobs of *context* that have these ids, and *make* a board of them, with numbers for *fresh* new ones."""
    records = await tx.fetch(_SQL["lock_jobs"], context, list(job_ids)) if job_ids else []
    rows: ByKey = {row["job_id"]: Shelved(_row(row), row["version"]) for row in records}
    numbers = [row["job_no"] for row in await tx.fetch(_SQL["job_numbers"], fresh)] if fresh else []
    last_changed_at = max((row["decided_at"] for row in records), default=None)
    return make({JOB: rows}, numbers=numbers, last_changed_at=last_changed_at)


async def save_jobs_in_tx(tx: Connection, context: str, board: JobBoard) -> None:
    """Write the jobs that were begun and cancelled."""
    if board.instant is not None:
        await save_shelf_in_tx(tx, _shelf(context), board, board.instant)


def _row(record: Any) -> JobRow:
    return JobRow(
        job_no=record["job_no"],
        job_id=record["job_id"],
        kind=record["kind"],
        task=record["task"],
        created_at=record["created_at"],
        state=Shown[JobState(record["state"]).name],
        progress=record["progress"],
        outcome=record["outcome"],
        ended_at=record["ended_at"],
    )


_TABLE: Final = Table(
    JOB,
    job_no="int8",
    lane_no="int4",
    seq="int8",
    state="int2",
    decided_at="timestamptz",
    created_at="timestamptz",
    ended_at="timestamptz?",
    context="text",
    job_id="text",
    kind="text",
    task="bytea",
    progress="bytea",
    outcome="bytea?",
)


def _shelf(context: str) -> Shelf:
    def made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
        job: JobRow = row.value
        ended_us = None if job.ended_at is None else microseconds(job.ended_at)
        numbers = (job.job_no, row.lane_no, row.seq, JobState[job.state.name])
        moments = (instant_us, microseconds(job.created_at), ended_us)
        return (*numbers, *moments, context, job.job_id, job.kind, job.task, job.progress, job.outcome)

    return Shelf(table=_TABLE, update=_SQL["update_jobs"], made=made, changed=_changed)


def _changed(job: JobRow) -> tuple[Any, ...]:
    return (job.job_no, JobState[job.state.name].value, job.outcome, job.ended_at)
