"""Records as any producer may send them and any consumer reads them: the client library, and nothing of ours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, kw_only=True)
class Raw:
    """A record to send, or one that was read."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int = 0
    offset: int = -1

    def header(self, name: str) -> bytes | None:
        """Return the last header of this name."""
        return dict(self.headers).get(name)


@asynccontextmanager
async def producing(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=1 << 19, linger_ms=2)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(producer: AIOKafkaProducer, topic: str, records: Sequence[Raw]) -> list[tuple[int, int]]:
    """Send *records*, each to its partition and in order there, and return where each lies.

    Batches are built by hand: the client's own way takes no record without key and value.
    """
    await producer.partitions_for(topic)
    places: dict[int, tuple[int, int]] = {}
    for partition in sorted({each.partition for each in records}):
        waiting = [(number, each) for number, each in enumerate(records) if each.partition == partition]
        while waiting:
            builder = producer.create_batch()
            taken = 0
            while taken < len(waiting) and _fits(builder, waiting[taken][1]):
                taken += 1
            base = (await (await producer.send_batch(builder, topic, partition=partition))).offset
            places |= {number: (partition, base + nth) for nth, (number, _) in enumerate(waiting[:taken])}
            waiting = waiting[taken:]
    return [places[number] for number in range(len(records))]


def _fits(builder: Any, raw: Raw) -> bool:
    return builder.append(timestamp=None, key=raw.key, value=raw.value, headers=list(raw.headers)) is not None


async def read(kafka: str, topic: str, partitions: int) -> list[Raw]:
    """Return all that *topic* holds now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        # Nothing is awaited between these: a fresh assignment would go to its end by itself.
        consumer.assign(places)
        for place in places:
            consumer.seek(place, begins[place])
        found: list[Raw] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += map(_raw, batch)
        return found
    finally:
        await consumer.stop()


def _raw(record: Any) -> Raw:
    return Raw(
        key=record.key,
        value=record.value,
        headers=record.headers,
        partition=record.partition,
        offset=record.offset,
    )
