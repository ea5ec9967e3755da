"""Makes the topics of contexts: commands in, results out, dead letters aside.

Promise   Afterwards every topic is there with the partitions asked for, or nothing was changed and the error says why.
Cost      One metadata request, and one creation for whatever is missing.
Invariant A topic that is there is never altered: its partition count decides in which lane a key lies.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, LeaderNotAvailableError, TopicAlreadyExistsError, for_code

from contracts.catalog import Topics
from processor.errors import NotPrepared, kafka_unreachable

# A dead letter is a record of the command topic with headers added, so its topic takes a little more.
DEAD_LETTER_BYTES_MAX: Final = 2 * 1024 * 1024
KNOWN_WITHIN_S: Final = 15.0
LOOK_AGAIN_S: Final = 0.02
COMMAND_SETTINGS: Final = {"message.timestamp.type": "LogAppendTime"}
DEAD_LETTER_SETTINGS: Final = {"max.message.bytes": str(DEAD_LETTER_BYTES_MAX)}


@dataclass(frozen=True, kw_only=True)
class TopicState:
    """A topic as it is now; ``made`` says that it was not there before."""

    name: str
    partitions: int
    made: bool


async def ensure_topics(
    bootstrap: str, *, topics: Topics, contexts: Sequence[str], partitions: int, replication_factor: int = -1
) -> list[TopicState]:
    """Make what is missing of the topics of *contexts*, each with so many *partitions*.

    Raises:
        NotPrepared: Kafka cannot be reached or refuses, or a topic has another partition count.
    """
    wanted = {name: settings for context in contexts for name, settings in settings_of(context, topics).items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="partita topics")
    try:
        await admin.start()
        present = _same_count(await _partition_counts(admin), wanted, partitions)
        missing = {name: settings for name, settings in wanted.items() if name not in present}
        await _create(admin, [_new(name, partitions, replication_factor, missing[name]) for name in missing])
    except (KafkaError, OSError) as error:
        raise kafka_unreachable(bootstrap, error) from error
    finally:
        await admin.close()
    return [TopicState(name=name, partitions=partitions, made=name not in present) for name in wanted]


def settings_of(context: str, topics: Topics) -> Mapping[str, Mapping[str, str]]:
    """Return the topics of *context* with the settings that differ from the broker's own."""
    return {
        topics.commands(context): COMMAND_SETTINGS,
        topics.results(context): {},
        topics.dead_letters(context): DEAD_LETTER_SETTINGS,
    }


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    # Asked for all topics: a broker may make a topic that is asked for by name.
    # A partition without a leader cannot be used yet.
    topics = await admin.describe_topics()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in topics
        if not any(partition["error_code"] == LeaderNotAvailableError.errno for partition in topic["partitions"])
    }


def _same_count(counts: Mapping[str, int], wanted: Iterable[str], partitions: int) -> set[str]:
    present = {name for name in wanted if name in counts}
    for name in sorted(present):
        if counts[name] != partitions:
            raise NotPrepared(
                f"Topic {name} has {counts[name]} partitions, not {partitions}, and keys would change their lanes; "
                f"set PARTITA_PARTITIONS={counts[name]}, or use `partita topics grow`."
            )
    return present


def _new(name: str, partitions: int, replication_factor: int, settings: Mapping[str, str]) -> NewTopic:
    topic = NewTopic(name, partitions, 1, topic_configs=dict(settings))
    topic.replication_factor = replication_factor  # -1 is the broker's own choice, which the constructor does not know
    return topic


async def _create(admin: AIOKafkaAdminClient, missing: list[NewTopic]) -> None:
    if not missing:
        return
    answer = await admin.create_topics(missing)
    for name, code, *text in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise NotPrepared(f"Kafka does not make topic {name}: {text[0] if text else for_code(code).__name__}.")
    await _known(admin, {topic.name for topic in missing})


async def _known(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until the brokers know of the topics that their controller has made."""
    try:
        async with asyncio.timeout(KNOWN_WITHIN_S):
            while not names <= set(await _partition_counts(admin)):  # noqa: ASYNC110 - no broker would tell
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        raise NotPrepared(f"The brokers do not know of {', '.join(sorted(names))} yet; try again.") from None


async def partition_counts(bootstrap: str) -> dict[str, int]:
    """Return the partition count of every topic that can be used."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="partita topics")
    try:
        await admin.start()
        return await _partition_counts(admin)
    finally:
        await admin.close()


async def places_of(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return the partitions of *topic*.

    Raises:
        NotPrepared: It is missing.
    """
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way knows only subscribed topics
    if not (numbers := cluster.partitions_for_topic(topic)):
        raise NotPrepared(f"Topic {topic} is missing; run `partita topics`.")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def wake_coordinator(bootstrap: str) -> None:
    """Have a fresh broker make its own topic of groups now, for which the first consumer would have to wait.

    It only saves time: whatever hinders it will hinder, and be told by, those who come later.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="partita topics")
    try:
        await admin.start()
        await admin.find_coordinator("partita")
    except (KafkaError, OSError):
        return
    finally:
        await admin.close()
