"""The rules of the family ``activity``."""

from datetime import datetime
from typing import Final

import msgspec

from contracts.activity import (
    ActivityCancel,
    ActivityImport,
    ActivityImportAccepted,
    ActivityImportCancelled,
    ActivityRefusal,
)
from processor.activity.board import ImportBoard
from processor.activity.values import ImportCome, ImportTask
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.job_board import cancelled

IMPORT: Final = "import"  # the kind of an import's job


def take_on(board: ImportBoard, command: ActivityImport, instant: datetime) -> Decision:
    """Take an import on; whether its files are there and can be read, its worker finds out."""
    if (job := board.job(command.import_id)) is not None:
        return Refused(ActivityRefusal.IMPORT_EXISTS, {"state": job.state})
    for file in command.files:
        if not board.allows(file):
            return Refused(ActivityRefusal.LOCATION_NOT_ALLOWED, {"file": file})
    task = ImportTask(files=command.files, policy=command.policy)
    event = ActivityImportAccepted(import_id=command.import_id, files=command.files, policy=command.policy)
    return Applied(event, (board.begun(command.import_id, kind=IMPORT, task=task, instant=instant),))


def cancel(board: ImportBoard, command: ActivityCancel, instant: datetime) -> Decision:
    """Stop an import that has not ended; its worker finds out by itself, and what it has imported stays."""
    job = board.job(command.import_id)
    if job is None:
        return Refused(ActivityRefusal.IMPORT_NOT_FOUND, {"import_id": command.import_id})
    if job.has_ended:
        return Refused(ActivityRefusal.IMPORT_ENDED, {"state": job.state})
    come = msgspec.json.decode(job.progress, type=ImportCome)
    event = ActivityImportCancelled(
        import_id=job.job_id,
        lines=come.lines,
        imported=come.imported,
        rejected=come.rejected,
        duplicate=come.duplicate,
    )
    return Applied(event, (cancelled(job, command, event, instant),))


RULES: Final = {ActivityImport: take_on, ActivityCancel: cancel}
