"""The rules of the family ``export``."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from contracts.exports import ExportAccepted, ExportCancel, ExportCancelled, ExportRefusal, ExportRequest
from contracts.jobs import JobState
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.job_board import JobRow, cancelled
from processor.exports.board import ExportBoard
from processor.exports.values import ExportCome, ExportTask, Offer, shown


class _Completed(Struct):
    """As much of a completed export's outcome as tells where it lies."""

    manifest: str


def request(board: ExportBoard, command: ExportRequest, instant: datetime) -> Decision:
    """Take an export on, as of the given cut or of now."""
    if (job := board.job(command.export_id)) is not None:
        return Refused(ExportRefusal.EXPORT_EXISTS, {"state": job.state, "location": _location(job)})
    offer = board.offers.get(command.kind)
    if offer is None:
        return Refused(ExportRefusal.KIND_UNKNOWN, {"kinds": sorted(board.offers)})
    if (name := _misfit(offer, command)) is not None:
        return Refused(ExportRefusal.FILTER_INVALID, {"filter": name})
    if command.cut is not None and board.is_gone(command.cut):
        return Refused(ExportRefusal.SNAPSHOT_GONE)
    cut = board.now[offer.context] if command.cut is None else shown(command.cut)
    filters = dict(sorted(command.filters.items()))
    task = ExportTask(format=command.format, filters=filters, cut=cut)
    event = ExportAccepted(
        export_id=command.export_id, kind=command.kind, format=command.format, filters=filters, cut=cut
    )
    return Applied(event, (board.begun(command.export_id, kind=command.kind, task=task, instant=instant),))


def _misfit(offer: Offer, command: ExportRequest) -> str | None:
    """Return what of a request does not fit its kind, if anything: ``format``, ``cut``, or the name of a filter."""
    if command.format not in offer.formats:
        return "format"
    if (name := offer.wrong_filter(command.filters)) is not None:
        return name
    return "cut" if command.cut is not None and command.cut.context != offer.context else None


def _location(job: JobRow) -> str | None:
    """Return where the manifest of a completed export lies."""
    if job.state is not JobState.COMPLETED:
        return None
    assert job.outcome is not None, "a job that has ended says how"
    return msgspec.json.decode(job.outcome, type=_Completed).manifest


def cancel(board: ExportBoard, command: ExportCancel, instant: datetime) -> Decision:
    """Stop an export that has not ended; its worker finds out by itself, and removes what it has written."""
    job = board.job(command.export_id)
    if job is None:
        return Refused(ExportRefusal.EXPORT_NOT_FOUND, {"export_id": command.export_id})
    if job.has_ended:
        return Refused(ExportRefusal.EXPORT_ENDED, {"state": job.state})
    come = msgspec.json.decode(job.progress, type=ExportCome)
    event = ExportCancelled(export_id=job.job_id, rows=come.rows, bytes=come.bytes, parts=come.parts)
    return Applied(event, (cancelled(job, command, event, instant),))


RULES: Final = {ExportRequest: request, ExportCancel: cancel}
