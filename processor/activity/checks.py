"""What imports and the rows of activity promise, as checks that the audit runs.

Promise   Where each line has gone is told again from rows, rejects and what was said of them; none of the code that
          made them runs.
Cost      A pass over the numbers of all rows, and two events looked up for each chunk.
"""

from typing import Final

from contracts.activity import (
    ActivityImportAccepted,
    ActivityImportCancelled,
    ActivityImportCompleted,
    ActivityImportFailed,
)
from contracts.envelope import type_of
from contracts.specs import ACTIVITY
from processor.activity.metrics_checks import METRICS_CHECKS
from processor.database import named_queries
from processor.engine.audit import END, Check, Part, keys_cut_by, once
from processor.engine.job_checks import Told, job_checks

_LINES: Final = 64_000  # of most chunks
_SQL = named_queries("processor.activity", "audit.sql")

_by_chunk: Final = keys_cut_by(_SQL["next_chunk_slice"], first=(0, 0), last=(END, 0), rows_each=_LINES)

ACTIVITY_CHECKS: Final = (
    *job_checks(
        Told(
            context=ACTIVITY,
            id_field="import_id",
            accepted=type_of(ActivityImportAccepted),
            completed=type_of(ActivityImportCompleted),
            failed=type_of(ActivityImportFailed),
            cancelled=type_of(ActivityImportCancelled),
        ),
        noun="import",
    ),
    Check(
        name="activity_lines",
        promise="What has become of each chunk of lines is what its rows and rejects say, and was told so.",
        parts=(
            Part(statement=_SQL["chunks"], slicing=_by_chunk),
            Part(statement=_SQL["rows_of_chunks"], slicing=once),
        ),
    ),
    *METRICS_CHECKS,
)
