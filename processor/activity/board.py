"""The board of imports: the jobs a batch speaks of, and where files may be read from.

Invariant Nothing here knows a driver, a clock or a setting.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from processor.engine.job_board import JobBoard
from processor.engine.shelving import Shelves


class ImportBoard(JobBoard):
    """The world of the imports' rules; *allows* says whether what a text names may be read."""

    def __init__(
        self,
        shelves: Shelves | None = None,
        *,
        allows: Callable[[str], bool],
        numbers: Iterable[int] = (),
        last_changed_at: datetime | None = None,
    ) -> None:
        super().__init__(shelves, numbers=numbers, last_changed_at=last_changed_at)
        self.allows = allows
