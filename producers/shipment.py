"""The records of one page on their way: batches per topic and partition, sent in the order they were added.

Promise   When ``send`` returns, every record is acknowledged. Records of one partition arrive in order: a batch is
          handed over only after the one before it was acknowledged.
Cost      4 us per record, nearly all of it aiokafka's encoding. One produce request carries a batch of every partition.
Invariant A shipment that failed is repeated as a whole through another producer: this one's numbering has a gap.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

ACKS_S: Final = 30.0

Headers = Sequence[tuple[str, bytes | None]]


class Origin(NamedTuple):
    """Which event a record tells."""

    lane_no: int
    seq: int


class BatchTooLarge(Exception):
    """The broker takes no batch of this size; its records may be fine one by one."""


class RecordTooLarge(Exception):
    """The broker does not take this record, now or later."""

    def __init__(self, origin: Origin, topic: str, size: int) -> None:
        super().__init__(f"{topic} takes no record of {size} bytes (lane {origin.lane_no}, seq {origin.seq})")
        self.origin = origin
        self.topic = topic
        self.bytes = size


class Batch(NamedTuple):
    """A batch under construction, and the event of its first record."""

    builder: Any
    first: Origin


class Shipment:
    """Collects records, then sends them; *singly* makes each a batch of its own, so that a culprit has a name."""

    def __init__(self, producer: AIOKafkaProducer, *, singly: bool = False) -> None:
        self._producer = producer
        self._singly = singly
        self._batches: dict[tuple[str, int], list[Batch]] = {}

    def add(
        self, topic: str, partition: int, *, key: bytes | None, value: bytes | None, headers: Headers, origin: Origin
    ) -> None:
        """Put a record behind the others of its partition."""
        batches = self._batches.get((topic, partition))
        if batches is None:
            batches = self._batches[topic, partition] = []
        elif not self._singly and _fits(batches[-1].builder, key, value, headers):
            return
        builder = self._producer.create_batch()
        fits = _fits(builder, key, value, headers)
        assert fits, "an empty batch takes a record of any size; it is for the broker to refuse it"
        batches.append(Batch(builder, origin))

    async def send(self) -> None:
        """Send everything and wait for all acknowledgements.

        Raises:
            BatchTooLarge: The broker refused a batch of several records.
            RecordTooLarge: It refused a single record.
            KafkaError: Anything else; the same records may go through later.
        """
        partitions = [
            asyncio.ensure_future(self._send_in_order(topic, partition, batches))
            for (topic, partition), batches in self._batches.items()
        ]
        try:
            async with asyncio.timeout(ACKS_S):
                await asyncio.gather(*partitions)
        except TimeoutError as error:
            raise KafkaTimeoutError(f"not everything was acknowledged within {ACKS_S:g} s") from error
        finally:
            for partition in partitions:
                partition.cancel()
            await asyncio.gather(*partitions, return_exceptions=True)

    async def _send_in_order(self, topic: str, partition: int, batches: Sequence[Batch]) -> None:
        for batch in batches:
            batch.builder.close()
            acknowledged = await self._producer.send_batch(batch.builder, topic, partition=partition)
            try:
                await acknowledged
            except MessageSizeTooLargeError as error:
                if batch.builder.record_count() == 1:
                    raise RecordTooLarge(batch.first, topic, batch.builder.size()) from error
                raise BatchTooLarge(f"{topic} takes no batch of {batch.builder.size()} bytes") from error


def _fits(builder: Any, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
    return builder.append(timestamp=None, key=key, value=value, headers=headers) is not None
