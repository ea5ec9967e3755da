"""What exports promise, as checks that the audit runs: that each was taken on and has ended as was told."""

from typing import Final

from contracts.envelope import type_of
from contracts.exports import ExportAccepted, ExportCancelled, ExportCompleted, ExportFailed
from contracts.specs import EXPORTS
from processor.engine.job_checks import Told, job_checks

EXPORTS_CHECKS: Final = job_checks(
    Told(
        context=EXPORTS,
        id_field="export_id",
        accepted=type_of(ExportAccepted),
        completed=type_of(ExportCompleted),
        failed=type_of(ExportFailed),
        cancelled=type_of(ExportCancelled),
    ),
    noun="export",
)
