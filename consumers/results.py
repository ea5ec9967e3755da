"""Results, as a subscriber reads them: every partition, without a group, each answer once, and on from where it was.

Promise   Everything published after ``async with`` was entered, or after the position resumed from, is seen. Results of
          one key come in the order of commit. What the relay had to tell twice is seen once, and a repeat of an answer
          only if *repeats* are asked for or the answer is not remembered.
Cost      12 us per result, nearly all of it decoding in aiokafka; 4 us more to read what it says. No offset is ever
          committed.
Bound     ``RECORDS_MAX`` records in hand, *ids_max* ids of answers remembered.
Invariant ``position`` covers what was handed out or passed over, and nothing that was only fetched.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from consumers.header_names import read_any_name
from consumers.position import Position, Recent
from contracts.catalog import Catalog, Topics
from contracts.envelope import Result
from processor.errors import Incident, NotPrepared, PartitaError, kafka_unreachable
from processor.telemetry import logger

START_S: Final = 15.0
RECORDS_MAX: Final = 5000
WAIT_S: Final = 1.0
IDS_MAX: Final = 100_000
_PATH: Final = re.compile(r"\$[\w.\[\]]*")

_log = logger(__name__)


class NoResult(PartitaError):
    """A record is no result, or one that this version cannot read."""


class Received(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A result or a dead letter, as it lies in its topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes | None]
    timestamp_ms: int
    is_dead_letter: bool
    catalog: Catalog

    @property
    def id(self) -> str:
        """The result's ``ce_id``: that of the answer, where it is a repeat. Empty for a dead letter."""
        return (self.headers.get("ce_id") or b"").decode(errors="replace")

    @cached_property
    def result(self) -> Result:
        """What the record says: the typed event, and the frame that names its command.

        Raises:
            NoResult: It is a dead letter, or not what a result must be.
        """
        try:
            return self.catalog.read_result(self.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoResult(f"{_place(self)} is no result that can be read ({_where(error)}).") from error

    @property
    def fields(self) -> dict[str, Any]:
        """The value's JSON object, whatever it says."""
        assert self.value is not None, "only a dead letter may be without a value"
        fields: dict[str, Any] = msgspec.json.decode(self.value)
        return fields


class ResultSubscriber:
    """Reads the results of *contexts* (all of the catalog), and their *dead_letters* if asked.

    It begins where *resume*, a ``position`` of before, ends; without one at this moment, or *from_beginning*.
    ``async for`` hands out what can be read; ``poll`` does not look into values. What is not ours is passed over.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        contexts: Sequence[str] | None = None,
        catalog: Catalog | None = None,
        topics: Topics | None = None,
        from_beginning: bool = False,
        resume: str | None = None,
        repeats: bool = False,
        dead_letters: bool = False,
        ids_max: int = IDS_MAX,
    ) -> None:
        self._bootstrap = bootstrap
        self._catalog = catalog or Catalog()
        topics, contexts = topics or Topics(), self._catalog.contexts if contexts is None else contexts
        self._dead_letters = frozenset(topics.dead_letters(context) for context in contexts if dead_letters)
        self._topics = [*(topics.results(context) for context in contexts), *sorted(self._dead_letters)]
        self._new_from_beginning = from_beginning or bool(resume)
        self._position = Position(resume or "")
        self._answers = None if repeats else Recent(ids_max)
        self._fetched: deque[Any] = deque()
        self._consumer: AIOKafkaConsumer | None = None
        self.passed_over = 0  # records that were no results

    @property
    def position(self) -> str:
        """All that was handed out so far, as JSON: to be stored with its effects, and given back as *resume*."""
        return str(self._position)

    async def __aenter__(self) -> Self:
        read_any_name()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="partita subscriber",
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",  # results that were deleted before they were read are not passed over in silence
        )
        try:
            async with asyncio.timeout(START_S):
                await consumer.start()
                await self._begin(consumer)
        except BaseException as error:
            await consumer.stop()
            if isinstance(error, (KafkaError, TimeoutError)):
                raise kafka_unreachable(self._bootstrap, error) from error
            raise
        self._consumer = consumer
        return self

    async def __aexit__(self, *_: object) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        partitions = await self._partitions(consumer)
        firsts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for each in partitions:
            self._position.begin(each.topic, each.partition, self._start(each, firsts[each], ends[each]))
        # Nothing is awaited between these: the first fetch starts where we say.
        consumer.assign(partitions)
        for each in partitions:
            consumer.seek(each, self._position[each.topic, each.partition].next_offset)

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way knows only subscribed topics
        found = {topic: cluster.partitions_for_topic(topic) for topic in self._topics}
        if missing := [topic for topic, partitions in found.items() if not partitions]:
            raise NotPrepared(f"Kafka at {self._bootstrap} has no topic {', '.join(missing)}; run `partita topics`.")
        if (known := self._position.topics) and known.isdisjoint(found):
            raise NotPrepared(f"The position to resume from is of {', '.join(sorted(known))}, and none of it is read.")
        return [TopicPartition(topic, partition) for topic, partitions in found.items() for partition in partitions]

    def _start(self, partition: TopicPartition, first: int, end: int) -> int:
        """Return where to begin: what is new since a position was taken is read whole."""
        known = self._position.find(*partition)
        if known is None:
            return first if self._new_from_beginning else end
        if known.next_offset < first:
            raise _deleted(partition, known.next_offset)
        if known.next_offset > end:
            raise Incident(
                f"{partition.topic} partition {partition.partition} ends at {end}, but records up to "
                f"{known.next_offset - 1} were read: this is another log. Give the address it was read from."
            )
        return known.next_offset

    async def poll(self, timeout_s: float) -> list[Received]:
        """Return what has come, waiting for something *timeout_s* at most; in order per partition.

        Raises:
            Incident: Results were deleted before they were read.
        """
        if not self._fetched:
            await self._fetch(timeout_s)
        records, self._fetched = self._fetched, deque()
        return [received for record in records if (received := self._handed_out(record)) is not None]

    async def _fetch(self, timeout_s: float) -> None:
        assert self._consumer is not None, "read inside the async with block"
        try:
            records = await self._consumer.getmany(timeout_ms=round(timeout_s * 1000), max_records=RECORDS_MAX)
        except OffsetOutOfRangeError as error:
            partition, offset = next(iter(error.args[0].items()))
            raise _deleted(partition, offset) from error
        for partition in records.values():
            self._fetched.extend(partition)

    def _handed_out(self, record: Any) -> Received | None:
        """Move over *record*, and return it if it is to be seen."""
        headers = dict(record.headers)
        place = self._position[record.topic, record.partition]
        place.next_offset = record.offset + 1
        if place.has_told(headers):
            return None
        is_dead_letter = record.topic in self._dead_letters
        if not is_dead_letter:
            if not (own := headers.get("ce_id")) or record.value is None:
                self._pass_over(record, "it has no ce_id, or no value")
                return None
            if self._answers is not None and self._answers.has(own):
                return None
        return Received(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=headers,
            timestamp_ms=record.timestamp,
            is_dead_letter=is_dead_letter,
            catalog=self._catalog,
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        while True:
            while self._fetched:
                received = self._handed_out(self._fetched.popleft())
                if received is not None and self._can_be_read(received):
                    return received
            await self._fetch(WAIT_S)

    def _can_be_read(self, received: Received) -> bool:
        try:
            return received.is_dead_letter or received.result is not None
        except NoResult as error:
            self._pass_over(received, str(error))
            return False

    def _pass_over(self, record: Any, why: str) -> None:
        """Count what is no result; say so of the first, since whoever writes one may write a million."""
        if not self.passed_over:
            _log.warning("records on a result topic are no results", first=_place(record), why=why)
        self.passed_over += 1


def _where(error: Exception) -> str:
    """Return what *error* is about; the rest of its text may quote the record."""
    found = _PATH.search(str(error))
    return f"{type(error).__name__} at {found[0]}" if found else type(error).__name__


def _place(record: Any) -> str:
    return f"{record.topic} partition {record.partition} offset {record.offset}"


def _deleted(partition: TopicPartition, offset: int) -> Incident:
    return Incident(
        f"{partition.topic} partition {partition.partition} does not hold offset {offset} any more: results "
        "were deleted before they were read. Begin again from_beginning, without a position; what was read before "
        "comes again then."
    )
