"""The job board: the jobs that a batch's commands speak of, as rules see them and their decisions leave them.

Rules of every context that begins jobs decide on it. Who works on a job, and for how long, is none of their business.

Promise   A rule reads a job and returns what puts it on the board or takes it off; ``apply`` makes that part of it.
Invariant A job that has ended stays as it is. Nothing here knows a driver, a clock or a setting.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from contracts.envelope import Command, Event
from contracts.jobs import JobState
from processor.engine.decision import Applied, Decision, Stamp
from processor.engine.shelving import Kept, Put, Shelves, Shelving

JOB: Final = "job"
_ENDS: Final = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


class JobRow(Struct, frozen=True, kw_only=True):
    """A job. *task*, *progress* and *outcome* are JSON that its context writes or its workers do."""

    job_no: int
    job_id: str
    kind: str
    task: bytes
    created_at: datetime
    state: JobState = JobState.ACCEPTED
    progress: bytes = b"{}"
    outcome: bytes | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of the job."""
        return self.state in _ENDS


class JobBoard(Shelving):
    """The world of rules that begin and cancel jobs, which are kept by their ids.

    *numbers* are fresh job numbers, one for each job that the batch may begin.
    """

    def __init__(
        self, shelves: Shelves | None = None, *, numbers: Iterable[int] = (), last_changed_at: datetime | None = None
    ) -> None:
        super().__init__(shelves)
        self.last_changed_at = last_changed_at
        self.instant: datetime | None = None  # of the decisions that were applied
        self._numbers = iter(numbers)
        self._fresh_no = next(self._numbers, 0)  # the number of the next job that is begun

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:  # noqa: ARG002 - a world's signature
        """Make *decision* part of the board; a refusal leaves nothing."""
        if not isinstance(decision, Applied):
            return
        self.instant = stamp.instant
        for change in decision.changes:
            if isinstance(change, Kept):
                self.keep(change.table, stamp, change.values)
                continue
            assert isinstance(change, Put), f"the board knows no change of the kind {type(change).__name__}"
            if change.table == JOB and change.key not in self.shelves.get(JOB, {}):
                self._fresh_no = next(self._numbers, 0)
            self.shelve(change, stamp)

    def job(self, job_id: str) -> JobRow | None:
        """Return a job, ended ones too, or None."""
        found: JobRow | None = self.shelved(JOB, job_id)
        return found

    def begun(self, job_id: str, *, kind: str, task: Struct, instant: datetime) -> Put:
        """Return what begins a job: *kind* and *task* tell its worker what is to be done."""
        assert self._fresh_no > 0, "a number was fetched for every job that may begin"
        row = JobRow(
            job_no=self._fresh_no, job_id=job_id, kind=kind, task=msgspec.json.encode(task), created_at=instant
        )
        return Put(JOB, job_id, row)


def cancelled(job: JobRow, command: Command, event: Event, instant: datetime) -> Put:
    """Return what cancels *job*, which has not ended; *event* answers the *command* that asks for it."""
    assert not job.has_ended, "a job ends once"
    said = msgspec.to_builtins(event) | {"command_id": command.command_id}
    ended = msgspec.structs.replace(job, state=JobState.CANCELLED, outcome=msgspec.json.encode(said), ended_at=instant)
    return Put(JOB, job.job_id, ended)
