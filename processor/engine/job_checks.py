"""What the table of jobs promises, as checks that the audit runs for each context that has jobs.

Promise   That a job was taken on, and how it has ended, is told again from answers and ends that never change.
Cost      A look-up of two events for each job, and a pass over the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, Slice, Slicing, by_lane, keys_cut_by

_SQL = named_queries("processor.engine", "job_checks.sql")

_by_job: Final = keys_cut_by(_SQL["next_job_slice"], first=(0,), last=(END,))


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is told of a context's jobs: the types of events that begin and end them, and the field with a job's id."""

    context: str
    id_field: str
    accepted: str
    completed: str
    failed: str
    cancelled: str


def job_checks(told: Told, *, noun: str) -> tuple[Check, ...]:
    """Return the checks of a context's jobs, which are called *noun*, and several of them so with an s."""
    about = (told.context, told.id_field)
    ends = (*about, told.completed, told.failed, told.cancelled)
    return (
        Check(
            name=f"{noun}s_begun",
            promise=f"Each {noun} was taken on by an answer, and each such answer has its {noun}.",
            parts=(
                Part(statement=_SQL["begun"], slicing=_with(_by_job, *about, told.accepted)),
                Part(statement=_SQL["begun_answers"], slicing=_with(by_lane, *about, told.accepted)),
            ),
        ),
        Check(
            name=f"{noun}s_ended",
            promise=f"Each {noun} has ended once as it was told, or has not and nothing else was told.",
            parts=(
                Part(statement=_SQL["ended"], slicing=_with(_by_job, *ends)),
                Part(statement=_SQL["ended_told"], slicing=_with(by_lane, *ends)),
            ),
        ),
    )


def _with(slicing: Slicing, *more: str) -> Slicing:
    async def cut(connection: Connection, rows: int) -> Sequence[Slice]:
        return [(*one, *more) for one in await slicing(connection, rows)]

    return cut
