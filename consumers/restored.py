"""Whether the books are older than Kafka: restored from a backup, or failed over to a server that had lost commits.

Promise   What Kafka remembers is held against the lanes. Either of these proves that the books went back, since neither
          is written before the commit that it speaks of:
          - an offset of the group above a lane's ``next_offset`` (a consumer commits it with its epoch as a mark; an
            offset without the mark was moved by hand, which proves nothing and only makes us look farther back);
          - a result of a lane whose (epoch, sequence) is not below where the lane stands.
Cost      One request for the offsets, and the last ``NEAR`` records of each partition of the result topic; ``FAR`` of
          them where an offset was moved forward by hand. In memory a number per lane.
Bound     Not seen is a restore whose group was deleted and whose lost results lie deeper than that.
Invariant Kafka is asked first, the lanes are read afterwards: lanes only move forward meanwhile, so others that apply
          commands at the same time are never taken for a restore.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from consumers.header_names import read_any_name
from contracts.catalog import Topics
from processor.engine.epochs import Standing
from processor.errors import Incident
from processor.telemetry import logger

NEAR: Final = 100
FAR: Final = 50_000
LOOK_S: Final = 30.0
_FETCH_MS: Final = 200
_MARK: Final = re.compile(r"partita_epoch=([0-9]{1,9})", re.ASCII)
_NUMBERS: Final = re.compile(rb"([0-9]{1,9}) ([0-9]{1,9}) ([0-9]{1,18})")
_HEADERS: Final = ("partita_lane", "partita_epoch", "ce_sequence")

_log = logger(__name__)


class Told(NamedTuple):
    """The latest event of a lane that a result topic holds; later ones compare greater."""

    epoch: int
    seq: int


class Committed(Struct, frozen=True):
    """What the group has committed for a partition; *epoch* is None where no consumer of ours has done it."""

    offset: int
    epoch: int | None


class Memory(Struct, frozen=True, kw_only=True):
    """Where Kafka remembers what was done for *context*."""

    bootstrap: str
    topics: Topics
    context: str

    @property
    def group(self) -> str:
        """Return the group that the consumers of the context are members of."""
        return f"{self.topics.prefix}partita.{self.context}"


class Recalled(Struct, frozen=True, kw_only=True):
    """What Kafka remembers of the lanes, by partition."""

    committed: Mapping[int, Committed]
    told: Mapping[int, Told]

    def moved_by_hand(self, lanes: Mapping[int, Standing]) -> dict[int, int]:
        """Return the offsets that nobody of ours has committed and that lie above their lanes."""
        return {
            partition: each.offset
            for partition, each in self.committed.items()
            if each.epoch is None and each.offset > lanes.get(partition, Standing()).next_offset
        }

    def require_known_to(self, lanes: Mapping[int, Standing], memory: Memory) -> None:
        """Make sure that the books know everything that Kafka remembers.

        Raises:
            Incident: They are older.
        """
        for partition, each in sorted(self.committed.items()):
            lane = lanes.get(partition, Standing())
            if each.epoch is not None and (each.epoch, each.offset) > (lane.epoch, lane.next_offset):
                where = f"{memory.topics.commands(memory.context)} partition {partition}"
                what = f"the group {memory.group} has committed offset {each.offset} in epoch {each.epoch}"
                raise _older(where, what, f"offset {lane.next_offset} in epoch {lane.epoch}")
        for partition, told in sorted(self.told.items()):
            lane = lanes.get(partition, Standing())
            if told >= (lane.epoch, lane.next_seq):
                where = f"{memory.context} lane {partition}"
                what = f"{memory.topics.results(memory.context)} holds its event {told.seq} of epoch {told.epoch}"
                raise _older(where, what, f"event {lane.next_seq} of epoch {lane.epoch}, which comes next")


def _older(where: str, what: str, stands: str) -> Incident:
    return Incident(
        f"{where}: {what}, and the lane stands at {stands}: the books are older than Kafka. If they were restored, "
        "run `partita adopt`; else point PARTITA_DATABASE_URL at the books that were in use."
    )


def mark(epoch: int) -> str:
    """Return what a consumer commits beside an offset, by which it is known to be a consumer's."""
    return f"partita_epoch={epoch}"


async def recall(memory: Memory, *, depth: int = NEAR) -> Recalled:
    """Ask Kafka what it remembers, looking *depth* records back in each partition of the result topic.

    Raises:
        KafkaError: It does not answer.
    """
    return Recalled(
        committed=await _committed(memory),
        told=await _told(memory.bootstrap, memory.topics.results(memory.context), depth),
    )


async def _committed(memory: Memory) -> dict[int, Committed]:
    topic = memory.topics.commands(memory.context)
    admin = AIOKafkaAdminClient(bootstrap_servers=memory.bootstrap, client_id="partita consumer")
    try:
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(memory.group)
    finally:
        await admin.close()
    return {
        place.partition: Committed(each.offset, _marked(each.metadata))
        for place, each in offsets.items()
        if place.topic == topic and each.offset >= 0
    }


def _marked(metadata: str | None) -> int | None:
    found = _MARK.fullmatch(metadata or "")
    return int(found[1]) if found else None


async def _told(bootstrap: str, topic: str, depth: int) -> dict[int, Told]:
    read_any_name()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="partita consumer",
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    found: dict[int, Told] = {}
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way knows only subscribed topics
        places = [TopicPartition(topic, number) for number in cluster.partitions_for_topic(topic) or ()]
        if not places:
            _log.warning("the result topic cannot be seen: a restore may go unnoticed", topic=topic)
            return found
        async with asyncio.timeout(LOOK_S):
            await _look_back(consumer, places, depth, found)
    except TimeoutError:
        _log.warning("the end of the results could not be read in time", topic=topic, lanes=len(found))
    finally:
        await consumer.stop()
    return found


async def _look_back(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], depth: int, found: dict[int, Told]
) -> None:
    """Note in *found* the latest that is told of each lane in the last *depth* records of *places*."""
    firsts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    held = {place: max(firsts[place], ends[place] - depth) for place in places if firsts[place] < ends[place]}
    consumer.assign(list(held))
    for place, start in held.items():
        consumer.seek(place, start)
    while unread := [place for place in held if await consumer.position(place) < ends[place]]:
        consumer.resume(*unread)
        consumer.pause(*(held.keys() - set(unread)))
        for records in (await consumer.getmany(timeout_ms=_FETCH_MS)).values():
            _note(records, found)


def _note(records: Iterable[ConsumerRecord[bytes, bytes]], found: dict[int, Told]) -> None:
    for record in records:
        said = dict(record.headers)
        if numbers := _NUMBERS.fullmatch(b" ".join(said.get(name) or b"" for name in _HEADERS)):
            lane, epoch, seq = map(int, numbers.groups())
            found[lane] = max(found.get(lane, Told(0, 0)), Told(epoch, seq))


def require_in_log(place: TopicPartition, offset: int, beginning: int, end: int) -> None:
    """Make sure that the log still holds what the lane has not applied."""
    where = f"{place.topic} partition {place.partition}"
    if offset < beginning:
        raise Incident(
            f"{where}: records {offset} to {beginning - 1} were removed before they were applied; "
            "docs/operations.md says how to go on without them."
        )
    if offset > end:
        raise Incident(
            f"{where} ends at {end}, but records up to {offset - 1} were applied: this is another log; "
            "point PARTITA_KAFKA_BOOTSTRAP and PARTITA_TOPIC_PREFIX at the one that was read before."
        )
