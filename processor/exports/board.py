"""The board of exports: the jobs a batch speaks of, what can be exported, and how far its contexts have come.

Invariant Nothing here knows a driver, a clock or a setting.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from contracts.exports import CutGiven, CutShown
from processor.engine.job_board import JobBoard
from processor.engine.shelving import Shelves
from processor.exports.values import Offer


class ExportBoard(JobBoard):
    """The world of the exports' rules. *offers* are the kinds that there are, by name.

    Once the batch's instant is known, ``now`` holds the cut of each context that an export may begin with, and ``gone``
    the marks of those given cuts that the books no longer show.
    """

    def __init__(
        self,
        shelves: Shelves | None = None,
        *,
        offers: Mapping[str, Offer],
        numbers: Iterable[int] = (),
        last_changed_at: datetime | None = None,
    ) -> None:
        super().__init__(shelves, numbers=numbers, last_changed_at=last_changed_at)
        self.offers = offers
        self.now: Mapping[str, CutShown] = {}
        self.gone: frozenset[bytes] = frozenset()

    def is_gone(self, cut: CutGiven) -> bool:
        """Say whether the books were restored to a time before *cut* was taken, or have never stood there."""
        return mark(cut) in self.gone


def mark(cut: CutGiven) -> bytes:
    """Return what is equal for equal cuts."""
    return msgspec.json.encode(cut, order="sorted")
