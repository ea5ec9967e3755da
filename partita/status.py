"""What waits where: records that were not applied, events that were not published, dead letters, parked events.

Promise   Lag is counted to the last stable offset: a record behind an open transaction cannot be read by anyone yet.
Cost      One request per broker, four statements per context. Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from partita.app import WORKERS, App
from processor.database import Connection, named_queries
from processor.errors import NotPrepared, kafka_unreachable
from producers.relay import unpublished

_SQL = named_queries("partita", "status.sql")


@dataclass(frozen=True, kw_only=True)
class PartitionStatus:
    """One partition of a command topic and its lane; ``applied`` is None before the lane exists."""

    topic: str
    partition: int
    end: int
    applied: int | None
    unpublished: int
    oldest: datetime | None

    @property
    def lag(self) -> int:
        """Return the offsets between the lane's fence and the end; transaction markers count too.

        A log that ends before its lane is another log, not less than nothing to do.
        """
        return max(0, self.end - (self.applied or 0))


@dataclass(frozen=True, kw_only=True)
class ParkedEvent:
    """An event that *topic* never took, of the record at *offset* of a *partition* of the command topic."""

    partition: int
    offset: int
    topic: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class ContextStatus:
    """One context: its partitions, its dead letters and its parked events so far."""

    context: str
    partitions: Sequence[PartitionStatus]
    dead_letters: int
    parked: Sequence[ParkedEvent]


async def statuses(app: App, connection: Connection) -> list[ContextStatus]:
    """Return the status of every context.

    Raises:
        NotPrepared: Kafka cannot be reached, or a topic is missing.
    """
    topics = [app.topics.commands(context.name) for context in app.contexts]
    ends = await last_stable_offsets(app.settings.kafka_bootstrap, topics)
    return [
        ContextStatus(
            context=context.name,
            partitions=await _partitions(app, connection, context.name, ends),
            dead_letters=await connection.fetchval(_SQL["dead_letters"], context.name),
            parked=[ParkedEvent(**row) for row in await connection.fetch(_SQL["parked"], context.name)],
        )
        for context in app.contexts
    ]


async def _partitions(
    app: App, connection: Connection, context: str, ends: dict[TopicPartition, int]
) -> list[PartitionStatus]:
    topic = app.topics.commands(context)
    applied = {row["partition"]: row["next_offset"] for row in await connection.fetch(_SQL["lanes"], context)}
    waiting = {lane.partition: lane for lane in await unpublished(connection, context)}
    return [
        PartitionStatus(
            topic=topic,
            partition=place.partition,
            end=end,
            applied=applied.get(place.partition),
            unpublished=lane.events if (lane := waiting.get(place.partition)) else 0,
            oldest=lane.oldest if lane else None,
        )
        for place, end in sorted(ends.items())
        if place.topic == topic
    ]


async def last_stable_offsets(bootstrap: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
    """Return how far each partition of *topics* can be read."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, client_id="partita status", isolation_level="read_committed"
    )
    try:
        await consumer.start()
        places = await _places(consumer, bootstrap, topics)
        offsets: dict[TopicPartition, int] = await consumer.end_offsets(places)
    except (KafkaError, OSError) as error:
        raise kafka_unreachable(bootstrap, error) from error
    finally:
        await consumer.stop()
    return offsets


async def _places(consumer: Any, bootstrap: str, topics: Sequence[str]) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way knows only subscribed topics
    found = {topic: cluster.partitions_for_topic(topic) for topic in topics}
    if missing := [topic for topic, partitions in found.items() if not partitions]:
        raise NotPrepared(f"Kafka at {bootstrap} has no topic {', '.join(missing)}; run `partita topics`.")
    return [TopicPartition(topic, partition) for topic, partitions in found.items() for partition in partitions]


async def is_manned(app: App, connection: Connection, roles: Sequence[str]) -> bool:
    """Say whether a process for each of *roles* has its sessions open, and, with a consumer, every lane exists."""
    for context in app.contexts:
        lanes = await connection.fetch(_SQL["lanes"], context.name)
        if "consumer" in roles and len(lanes) < app.settings.partitions:
            return False
    for role in set(roles):
        works_as = "jobs" if role in WORKERS else role
        for context in app.contexts_for(role):
            if await connection.fetchval(_SQL["sessions"], f"partita {works_as} {context.name}") < roles.count(role):
                return False
    return True
