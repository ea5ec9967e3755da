"""What the rollups of activity promise, as checks that the audit runs.

Promise   Bits, volumes and counts are told again from the rows themselves, by other statements than made them.
Cost      Two passes over all rows; another one for each further ``ROWS_TIMES * rows_per_slice`` of them.
Bound     A statement holds the merchants of its slice, and passes over all rows: some 0.2 us for each of them.
"""

from collections.abc import Sequence
from typing import Final

from processor.database import Connection, named_queries
from processor.engine.audit import Check, Part, Slice, once

ROWS_TIMES: Final = 40  # a pass that only leaves rows out costs so much less than one that counts them

_SQL = named_queries("processor.activity", "metrics_audit.sql")


async def by_merchant(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut the merchants by a hash of their ids, so that each slice has some *rows* times ``ROWS_TIMES`` of the rows."""
    rolled: int = await connection.fetchval(_SQL["rolled_rows"])
    slices = 1 + rolled // (rows * ROWS_TIMES)
    return [(number, slices) for number in range(slices)]


METRICS_CHECKS: Final = (
    Check(
        name="activity_rollups",
        promise="What metrics are read from is what the rows of activity make of it.",
        parts=(
            Part(statement=_SQL["rolled_merchants"], slicing=by_merchant),
            Part(statement=_SQL["rolled_facets"], slicing=once),
        ),
    ),
)
