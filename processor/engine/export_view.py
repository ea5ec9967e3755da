"""What the slices of an export look at the books by: a cut, in the form that statements take it.

Cost      Two statements: a row per lane, and the last event of each below the cut.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from processor.database import Connection, named_queries
from processor.engine.cuts import Cut, CutLane, cut_lanes

BEFORE_ALL: Final = datetime(2000, 1, 1, tzinfo=UTC)  # as lanes that never decided

_SQL: Final = named_queries("processor.engine", "export_view.sql")


class CutView(Struct, frozen=True, kw_only=True):
    """A cut: its *lanes* in the order of their partitions, and the *instant* of the last decision that lies below."""

    lanes: list[CutLane]
    instant: datetime

    @property
    def arrays(self) -> tuple[list[int], list[int]]:
        """Return the numbers of the lanes, and the first seq of each that lies above the cut."""
        return [lane.lane_no for lane in self.lanes], [lane.next_seq for lane in self.lanes]

    @property
    def behind(self) -> datetime:
        """Return the first instant behind everything that lies below the cut."""
        return self.instant + timedelta(microseconds=1)


async def view_of(connection: Connection, cut: Cut) -> CutView:
    """Return how a cut is looked at; the same for ever, whoever asks."""
    lanes = await cut_lanes(connection, cut)
    arrays = ([lane.lane_no for lane in lanes], [lane.next_seq for lane in lanes])
    instant: datetime | None = await connection.fetchval(_SQL["last_decided"], *arrays)
    return CutView(lanes=lanes, instant=instant or BEFORE_ALL)
