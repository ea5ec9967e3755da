"""Results, as a subscriber reads them: every partition, without a group, each result once.

Promise   Everything published after ``async with`` was entered is seen. Results of one key come in the order of commit.
          What the relay had to tell twice is seen once.
Cost      11 us per result, nearly all of it decoding in aiokafka. No offset is ever committed.
Invariant A lane's sequence only rises on a partition; what does not rise is a repeat by the relay. A result with
          ``replayed`` is no such repeat: it has a sequence of its own.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.catalog import Topics
from processor.errors import NotPrepared

START_S: Final = 15.0
RECORDS_MAX: Final = 5000
WAIT_S: Final = 1.0


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A result or a dead letter, as it lies in its topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes | None]
    timestamp_ms: int
    is_dead_letter: bool

    @property
    def result(self) -> dict[str, Any]:
        """The result's JSON object."""
        assert self.value is not None
        fields: dict[str, Any] = msgspec.json.decode(self.value)
        return fields


class Repeats:
    """Knows what each lane told last on each partition."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int, bytes, bytes | None], int] = {}

    def is_repeat(self, received: Received) -> bool:
        """Say whether *received* was told before; what names no lane never was."""
        headers = received.headers
        lane = headers.get("partita_lane") or headers.get("dlq-partition")
        number = headers.get("ce_sequence") or headers.get("dlq-offset")
        if not lane or not number or not number.isdigit():
            return False
        stream = (received.topic, received.partition, lane, headers.get("partita_epoch"))
        if int(number) <= self._last.get(stream, -1):
            return True
        self._last[stream] = int(number)
        return False


class ResultSubscriber:
    """Reads the results of *contexts*, and their *dead_letters* if asked, from now on or *from_beginning*."""

    def __init__(
        self,
        bootstrap: str,
        *,
        contexts: Sequence[str],
        topics: Topics,
        from_beginning: bool = False,
        dead_letters: bool = False,
    ) -> None:
        self._bootstrap = bootstrap
        self._dead_letters = frozenset(topics.dead_letters(context) for context in contexts if dead_letters)
        self._topics = [*(topics.results(context) for context in contexts), *sorted(self._dead_letters)]
        self._from_beginning = from_beginning
        self._repeats = Repeats()
        self._waiting: deque[Received] = deque()
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="partita subscriber",
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",  # where retention has overtaken us, the oldest there is comes next
        )
        try:
            async with asyncio.timeout(START_S):
                await consumer.start()
                await self._begin(consumer)
        except BaseException as error:
            await consumer.stop()
            if isinstance(error, (KafkaError, TimeoutError)):
                raise _unreachable(self._bootstrap, error) from error
            raise
        self._consumer = consumer
        return self

    async def __aexit__(self, *_: object) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        partitions = await self._partitions(consumer)
        offsets = await (consumer.beginning_offsets if self._from_beginning else consumer.end_offsets)(partitions)
        # Nothing is awaited between these: the first fetch starts where we say.
        consumer.assign(partitions)
        for partition, offset in offsets.items():
            consumer.seek(partition, offset)

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way knows only subscribed topics
        found = {topic: cluster.partitions_for_topic(topic) for topic in self._topics}
        if missing := [topic for topic, partitions in found.items() if not partitions]:
            raise NotPrepared(f"Kafka at {self._bootstrap} has no topic {', '.join(missing)}; run `partita topics`.")
        return [TopicPartition(topic, partition) for topic, partitions in found.items() for partition in partitions]

    async def poll(self, timeout_s: float) -> list[Received]:
        """Return what has come, waiting for something *timeout_s* at most; in order per partition."""
        assert self._consumer is not None, "read inside the async with block"
        records = await self._consumer.getmany(timeout_ms=round(timeout_s * 1000), max_records=RECORDS_MAX)
        received = [self._received(record) for partition in records.values() for record in partition]
        return [one for one in received if not self._repeats.is_repeat(one)]

    def _received(self, record: Any) -> Received:
        return Received(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=dict(record.headers),
            timestamp_ms=record.timestamp,
            is_dead_letter=record.topic in self._dead_letters,
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        while not self._waiting:
            self._waiting.extend(await self.poll(WAIT_S))
        return self._waiting.popleft()


def _unreachable(bootstrap: str, cause: Exception) -> NotPrepared:
    reason = str(cause) or type(cause).__name__
    return NotPrepared(
        f"Kafka cannot be reached at {bootstrap} ({reason}); check PARTITA_KAFKA_BOOTSTRAP and that the broker runs."
    )
