"""Reads whole topics as they lie in Kafka, with nothing of the program but their names."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

FETCH_MS: Final = 500
READ_S: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record; of headers with one name the last is kept."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes | None]

    @property
    def place(self) -> tuple[int, int]:
        """Return where it lies."""
        return (self.partition, self.offset)

    def number(self, name: str) -> int:
        """Return the number in header *name*, -1 where there is none."""
        text = self.headers.get(name) or b""
        return int(text) if text.isdigit() else -1


async def read_topic(bootstrap: str, topic: str, partitions: int) -> list[Record]:
    """Return all that *topic* holds now.

    Raises:
        KafkaError: It cannot be read.
        TimeoutError: It cannot be read to its end in time.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        async with asyncio.timeout(READ_S):
            return await _read(consumer, [TopicPartition(topic, number) for number in range(partitions)])
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> list[Record]:
    begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    consumer.assign(places)
    for place in places:
        consumer.seek(place, begins[place])
    found: list[Record] = []
    while any([await consumer.position(place) < ends[place] for place in places]):
        for batch in (await consumer.getmany(timeout_ms=FETCH_MS)).values():
            found += map(_record, batch)
    return found


def _record(read: Any) -> Record:
    return Record(
        partition=read.partition, offset=read.offset, key=read.key, value=read.value, headers=dict(read.headers)
    )


def write(path: Path, records: Sequence[Record]) -> None:
    """Write *records* as JSON Lines."""
    with path.open("w", encoding="utf-8") as lines:
        for record in records:
            headers = {name: _text(value) for name, value in record.headers.items()}
            line = {"partition": record.partition, "offset": record.offset, "key": _text(record.key)}
            lines.write(json.dumps(line | {"value": _text(record.value), "headers": headers}) + "\n")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
