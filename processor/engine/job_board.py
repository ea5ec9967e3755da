"""The job board: the jobs that a batch's commands speak of, as rules see them and their decisions leave them.

Rules of every context that begins jobs decide on it. Who works on a job, and for how long, is none of their business.

Promise   A rule reads a job and returns what puts it on the board or takes it off; ``apply`` makes that part of it.
Invariant A job that has ended stays as it is. Nothing here knows a driver, a clock or a setting.
"""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from contracts.envelope import Command, Event
from contracts.jobs import JobState
from processor.engine.shelving import Put, ShelvedWorld

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


class JobBoard(ShelvedWorld):
    """The world of rules that begin and cancel jobs, which are kept by their ids."""

    numbered = JOB

    def job(self, job_id: str) -> JobRow | None:
        """Return a job, ended ones too, or None."""
        found: JobRow | None = self.shelved(JOB, job_id)
        return found

    def begun(self, job_id: str, *, kind: str, task: Struct, instant: datetime) -> Put:
        """Return what begins a job: *kind* and *task* tell its worker what is to be done."""
        assert self.fresh_no > 0, "a number was fetched for every job that may begin"
        row = JobRow(job_no=self.fresh_no, job_id=job_id, kind=kind, task=msgspec.json.encode(task), created_at=instant)
        return Put(JOB, job_id, row)


def cancelled(job: JobRow, command: Command, event: Event, instant: datetime) -> Put:
    """Return what cancels *job*, which has not ended; *event* answers the *command* that asks for it."""
    assert not job.has_ended, "a job ends once"
    said = msgspec.to_builtins(event) | {"command_id": command.command_id}
    ended = msgspec.structs.replace(job, state=JobState.CANCELLED, outcome=msgspec.json.encode(said), ended_at=instant)
    return Put(JOB, job.job_id, ended)
