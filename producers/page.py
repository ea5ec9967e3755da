"""One page of events becomes one shipment.

Promise   Each lane's events are packed in the order of their numbers, and how far each lane has got is known.
Invariant A lane whose next event is missing stops the relay: what it would skip could never be told in order again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from contracts.catalog import Topics
from processor.errors import Incident
from producers.kafka import Partitioner
from producers.records import DEAD, EventHeaders, Header, value_of
from producers.shipment import Origin, Shipment
from producers.unsent import Move


@dataclass(kw_only=True)
class LaneProgress:
    """How far packing has got in a lane."""

    headers: tuple[Header, ...]
    sent: int
    packed: int


class Page:
    """Packs pages of one context. What is in *parked* is left out: its record was refused for good."""

    def __init__(self, *, context: str, topics: Topics, partitioner: Partitioner, parked: Collection[Origin]) -> None:
        self._headers = EventHeaders(context, topics)
        self._results = topics.results(context)
        self._dead_letters = topics.dead_letters(context)
        self._partition_of = partitioner.partition_of
        self._parked = parked

    async def pack(self, rows: Iterable[Any], producer: AIOKafkaProducer, shipment: Shipment) -> list[Move]:
        """Add all *rows* to *shipment* and return the moves that are due once it has arrived."""
        lanes: dict[int, LaneProgress] = {}
        partitions = len(await producer.partitions_for(self._results))
        for row in rows:
            lane = lanes.get(row["lane_no"]) or self._begin(row, lanes)
            origin = _next_in(lane, row)
            if origin in self._parked:
                continue
            if row["kind"] == DEAD:
                dead_partitions = len(await producer.partitions_for(self._dead_letters))
                self._add_dead_letter(row, shipment, origin, dead_partitions)
            else:
                self._add_result(row, shipment, origin, lane, partitions)
        return [Move(lane_no, lane.sent, lane.packed) for lane_no, lane in lanes.items()]

    def _begin(self, row: Any, lanes: dict[int, LaneProgress]) -> LaneProgress:
        headers = self._headers.of_lane(partition=row["partition"], epoch=row["epoch"])
        lane = lanes[row["lane_no"]] = LaneProgress(headers=headers, sent=row["sent"], packed=row["sent"])
        return lane

    def _add_result(self, row: Any, shipment: Shipment, origin: Origin, lane: LaneProgress, partitions: int) -> None:
        key = row["aggregateid"].encode()
        shipment.add(
            self._results,
            self._partition_of(key, partitions),
            key=key,
            value=value_of(row),
            headers=self._headers.of_result(row, lane=lane.headers, key=key),
            origin=origin,
        )

    def _add_dead_letter(self, row: Any, shipment: Shipment, origin: Origin, partitions: int) -> None:
        shipment.add(
            self._dead_letters,
            row["partition"] % partitions,  # the same one, unless that topic has fewer
            key=row["key"],
            value=row["value"],
            headers=self._headers.of_dead_letter(row),
            origin=origin,
        )


def _next_in(lane: LaneProgress, row: Any) -> Origin:
    origin = Origin(row["lane_no"], row["seq"])
    if origin.seq != lane.packed + 1:
        raise Incident(
            f"Lane {origin.lane_no}: event {lane.packed + 1} is missing before {origin.seq}; run `partita audit`."
        )
    lane.packed = origin.seq
    return origin
