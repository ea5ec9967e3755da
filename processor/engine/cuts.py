"""A cut: how far each lane of a context had come at one moment. A snapshot that no transaction has to keep open.

Promise   Whoever writes holds its lane until commit, and rows that are shared are locked; so what lies below a cut
          (seq < ``next_seq``, by lane) is complete, consistent, and the same for ever, in any process. A cut that was
          taken of books that have since been restored to a time before it is declined: ``snapshot_gone``.
Cost      One statement on one row per partition; where an instant or an epoch lies in the lanes is found by halving.
Invariant A lane that a cut does not know began after it: it counts as standing at 1.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from processor.database import Connection, named_queries
from processor.errors import Declined

_SQL = {**named_queries("processor.engine", "engine.sql"), **named_queries("processor.engine", "cuts.sql")}


class Cut(Struct, frozen=True, kw_only=True):
    """Where the lanes of *context* stood. *next_seq* maps a partition to its first number that lies above the cut."""

    context: str
    epoch: int
    next_seq: Mapping[int, int]

    def holds(self, *, partition: int, seq: int) -> bool:
        """Say whether what bears this stamp lies below the cut."""
        return seq < self.next_seq.get(partition, 1)


async def take_cut(connection: Connection, context: str) -> Cut:
    """Return where the lanes of *context* stand now, by what is committed."""
    rows = await connection.fetch(_SQL["cut"], context)
    epoch = max((row["epoch"] for row in rows), default=1)
    return Cut(context=context, epoch=epoch, next_seq={row["partition"]: row["next_seq"] for row in rows})


class CutLane(Struct, frozen=True, array_like=True):
    """A lane of a cut: the number that rows are stamped with, and the first seq that lies above the cut."""

    lane_no: int
    next_seq: int
    decided_at: datetime  # the last instant decided on by now


async def cut_lanes(connection: Connection, cut: Cut) -> list[CutLane]:
    """Return the lanes of *cut* in the order of their partitions, which is that of decisions of one instant."""
    rows = await connection.fetch(_SQL["lanes"], cut.context)
    return [
        CutLane(row["lane_no"], cut.next_seq[row["partition"]], row["decided_at"])
        for row in rows
        if row["partition"] in cut.next_seq
    ]


async def seqs_from(connection: Connection, lanes: Mapping[int, int], instant: datetime) -> dict[int, int]:
    """Return by lane the first seq that is not before *instant*; *lanes* says by lane where the search ends."""
    rows = await connection.fetch(_SQL["first_seqs"], list(lanes), list(lanes.values()), instant)
    assert len(rows) == len(lanes), "events are numbered without gaps"
    return {row["lane_no"]: row["seq"] for row in rows}


def has_been(cut: Cut, *, end: Cut) -> bool:
    """Say whether books that ended or stand at *end*, of the epoch of *cut*, have stood there."""
    return all(seq <= end.next_seq.get(partition, 1) for partition, seq in cut.next_seq.items())


async def end_of_epoch(connection: Connection, context: str, epoch: int) -> Cut:
    """Return where the lanes of *context* stood when the books of a past *epoch* gave way to later ones."""
    least_id = (epoch + 1).to_bytes(4, "big") + bytes(12)
    rows = await connection.fetch(_SQL["later_epochs"], context, least_id)
    return Cut(context=context, epoch=epoch, next_seq={row["partition"]: row["seq"] for row in rows})


async def require_cut(connection: Connection, cut: Cut) -> None:
    """Make sure that the books are still those that *cut* was taken of.

    Raises:
        Declined: ``snapshot_gone``, they were restored, and end or go on otherwise below the cut.
    """
    now = await take_cut(connection, cut.context)
    end = await end_of_epoch(connection, cut.context, cut.epoch) if now.epoch > cut.epoch else now
    if end.epoch != cut.epoch or not has_been(cut, end=end):
        raise Declined(
            "snapshot_gone",
            "The books were restored to a time before this snapshot was taken; begin anew without a token.",
        )
