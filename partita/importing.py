"""An import followed to its end: what is under ``partita import``."""

from collections.abc import Callable

from msgspec import Struct

from contracts.activity import (
    ActivityImport,
    ActivityImportCancelled,
    ActivityImportCompleted,
    ActivityImportFailed,
    ActivityImportProgressed,
    ActivityRejected,
    ImportCounts,
)
from contracts.envelope import Event
from contracts.invalid import CommandInvalid
from contracts.specs import ACTIVITY
from partita.app import App
from partita.following import Asked, publish_and_follow
from processor.database import Connection
from processor.jobs import JobState

OnProgress = Callable[[ActivityImportProgressed], None]


class Ended(Struct, frozen=True, kw_only=True):
    """What became of an import. Without *counts* it is one of which nothing more is told."""

    import_id: str
    state: str  # COMPLETED, FAILED, CANCELLED, REFUSED, or UNKNOWN where nothing was heard of it
    counts: ImportCounts | None = None
    code: str = ""
    reason: str = ""


async def import_and_follow(
    app: App, connection: Connection, command: ActivityImport, *, on_progress: OnProgress, silence_s: float
) -> Ended:
    """Publish *command*, and return how its import has ended; give up after *silence_s* without a word of it."""

    def ends(event: Event) -> bool:
        if isinstance(event, ActivityImportProgressed):
            on_progress(event)
        ended = (ActivityImportCompleted, ActivityImportFailed, ActivityImportCancelled)
        return isinstance(event, (*ended, ActivityRejected, CommandInvalid))

    asked = Asked(command=command, context=ACTIVITY, job_id=command.import_id, cancelled=ActivityImportCancelled)
    return _ended(command.import_id, await publish_and_follow(app, connection, asked, ends=ends, silence_s=silence_s))


def _ended(import_id: str, told: Event | JobState | None) -> Ended:
    match told:
        case ActivityImportCompleted():
            return Ended(import_id=import_id, state=JobState.COMPLETED.name, counts=told)
        case ActivityImportFailed():
            state = JobState.FAILED.name
            return Ended(import_id=import_id, state=state, counts=told, code=told.code, reason=told.reason)
        case ActivityImportCancelled():
            return Ended(import_id=import_id, state=JobState.CANCELLED.name, counts=told)
        case ActivityRejected() | CommandInvalid():
            return Ended(import_id=import_id, state="REFUSED", code=told.code, reason=told.reason)
        case JobState():
            return Ended(import_id=import_id, state=told.name)
    return Ended(import_id=import_id, state="UNKNOWN")
