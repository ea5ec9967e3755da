"""Takes restored books over as they are: a new epoch for every lane, and a notice to subscribers.

Promise   Afterwards consumers read on from the lanes. What Kafka knows and the books do not is void, and what the log
          still holds of it is applied anew.
Cost      The last ``FAR`` records of each partition of the result topic are read, once; then one transaction.
Bound     An epoch is above every one that is found there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from consumers.restored import FAR, Memory, Recalled, recall
from contracts.notices import BooksRestored
from partita.app import App
from partita.topics import places_of
from processor.database import Connection
from processor.engine import lanes
from processor.engine.epochs import Standing, adopt_in_tx, standing
from processor.errors import kafka_unreachable
from producers.command_ids import new_command_id
from producers.kafka import Partitioner


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What Kafka knows of a lane beyond the books: its records and events from here up to there, if any."""

    partition: int
    next_offset: int
    committed: int
    next_seq: int
    told: int


async def losses(app: App, connection: Connection, context: str) -> tuple[int, list[Loss]]:
    """Return the highest epoch that Kafka knows of *context*, and what the books lack, lane by lane.

    Raises:
        NotPrepared: Kafka cannot be reached, or the command topic is missing.
    """
    bootstrap = app.settings.kafka_bootstrap
    try:
        beginnings = await _beginnings(app, context)
        recalled = await recall(Memory(bootstrap=bootstrap, topics=app.topics, context=context), depth=FAR)
    except (KafkaError, OSError) as error:
        raise kafka_unreachable(bootstrap, error) from error
    await lanes.take_up(connection, context, beginnings)  # of a lane that the books never had, subscribers hear too
    stand = await standing(connection, context)
    epochs = [each.epoch for each in recalled.told.values()]
    epochs += [each.epoch for each in recalled.committed.values() if each.epoch is not None]
    return max(epochs, default=0), [_loss(partition, stand[partition], recalled) for partition in sorted(stand)]


def _loss(partition: int, lane: Standing, recalled: Recalled) -> Loss:
    told, committed = recalled.told.get(partition), recalled.committed.get(partition)
    return Loss(
        partition=partition,
        next_offset=lane.next_offset,
        committed=max(lane.next_offset, committed.offset if committed and committed.epoch else 0),
        next_seq=lane.next_seq,
        told=max(lane.next_seq - 1, told.seq if told and told.epoch >= lane.epoch else 0),
    )


async def _beginnings(app: App, context: str) -> dict[int, int]:
    """Return where the log of each partition begins."""
    consumer = AIOKafkaConsumer(bootstrap_servers=app.settings.kafka_bootstrap, client_id="partita adopt")
    try:
        await consumer.start()
        places = await places_of(consumer, app.topics.commands(context))
        return {place.partition: offset for place, offset in (await consumer.beginning_offsets(places)).items()}
    finally:
        await consumer.stop()


async def adopt(app: App, connection: Connection, context: str, *, above: int) -> Sequence[BooksRestored]:
    """Begin an epoch of *context* that is higher than *above*, and return what subscribers are told, lane by lane.

    Raises:
        NotPrepared: Events of the epochs before were not published yet.
    """
    partitions = len(await standing(connection, context))

    def key_of(partition: int) -> str:
        return key_in(partition, partitions)

    async with connection.transaction():
        told = await adopt_in_tx(
            connection, app.catalog, context, command_id=new_command_id(), above=above, key_of=key_of
        )
    await lanes.wake_relay(connection, context)
    return told


def key_in(partition: int, partitions: int) -> str:
    """Return a key that lies in *partition*, where the results of its lane lie, so that it comes before later ones."""
    keys = (f"books-{partition}-{number}" for number in count())
    partition_of = Partitioner().partition_of
    return next(key for key in keys if partition_of(key.encode(), partitions) == partition)
