"""Lanes: one row per (context, partition) that fences, orders and numbers everything its partition causes.

Promise   A record below ``next_offset`` was applied and is dropped; a batch that begins above it is refused, because
          something would be skipped. Two batches with a common partition run one after the other.
Cost      One statement to enter, one to leave.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from processor.database import Connection, affected, named_queries
from processor.engine.batch import Ask, Batch, Garbled, Part, size
from processor.errors import Incident
from processor.telemetry import count, logger

_SQL = named_queries("processor.engine", "engine.sql")
_log = logger(__name__)


class Lane(Struct):
    """A lane that is held until commit; ``seq`` and ``records`` grow as its events are numbered."""

    lane_no: int
    partition: int
    epoch: int
    next_offset: int
    next_seq: int
    decided_at: datetime
    items: Sequence[Ask | Garbled] = ()
    topic: str = ""

    def number(self) -> int:
        """Take the next seq."""
        seq = self.next_seq
        self.next_seq += 1
        return seq


class Skipped(Exception):
    """A batch began above where its lane stands: reading has to go on from *offsets* (partition -> offset)."""

    def __init__(self, offsets: Mapping[int, int]) -> None:
        super().__init__(f"records would be skipped; read on from {dict(offsets)}")
        self.offsets = offsets


async def enter_in_tx(tx: Connection, context: str, batch: Batch) -> list[Lane]:
    """Lock the lanes of *batch*, sorted, and return them with the records that are still to be applied."""
    rows = await tx.fetch(_SQL["lock_lanes"], context, [part.partition for part in batch])
    lanes = {row["partition"]: Lane(*row) for row in rows}
    if len(lanes) != len(batch):
        raise Incident(f"{context}: a lane is missing; was the database replaced under a running consumer?")
    if behind := {part.partition: lanes[part.partition].next_offset for part in batch if _is_above(part, lanes)}:
        raise Skipped(behind)
    for part in batch:
        lane = lanes[part.partition]
        lane.topic = part.topic
        lane.items = [item for item in part.items if item.record.offset >= lane.next_offset]
    if fenced := size(batch) - sum(len(lane.items) for lane in lanes.values()):
        _log.info("records were applied before and are left out", context=context, records=fenced)
        count("fenced_records", fenced)
    return sorted(lanes.values(), key=lambda lane: lane.partition)


def _is_above(part: Part, lanes: Mapping[int, Lane]) -> bool:
    return part.start > lanes[part.partition].next_offset


async def leave_in_tx(tx: Connection, lanes: Sequence[Lane], instant: datetime) -> None:
    """Move the fences past what was applied."""
    moved = [lane for lane in lanes if lane.items]
    status = await tx.execute(
        _SQL["leave_lanes"],
        [lane.lane_no for lane in moved],
        [lane.items[-1].record.offset + 1 for lane in moved],
        [lane.next_seq for lane in moved],
        [len(lane.items) for lane in moved],
        instant,
    )
    assert affected(status) == len(moved), "every lane that was locked is still there"


async def clock_in_tx(tx: Connection) -> datetime:
    """Return the decision instant's first candidate: the database's clock, now that everything is locked."""
    instant: datetime = await tx.fetchval(_SQL["clock"])
    return instant


async def take_up(connection: Connection, context: str, beginnings: Mapping[int, int]) -> dict[int, int]:
    """Return where to read each partition on; lanes that do not exist yet begin at *beginnings*, the log's start."""
    for partition, offset in beginnings.items():
        await connection.execute(_SQL["create_lane"], context, partition, offset)
    rows = await connection.fetch(_SQL["lane_offsets"], context, list(beginnings))
    return {row["partition"]: row["next_offset"] for row in rows}


def channel(context: str) -> str:
    """Return the name of the channel on which the relay of *context* is woken."""
    return f"partita_{context}"


async def wake_relay(connection: Connection, context: str) -> None:
    """Tell the relay, in whatever process it runs, that there is something to publish."""
    await connection.execute(_SQL["wake_relay"], channel(context))


def asks(lanes: Iterable[Lane]) -> list[Ask]:
    """Return the commands among what is to be applied."""
    return [item for lane in lanes for item in lane.items if isinstance(item, Ask)]
