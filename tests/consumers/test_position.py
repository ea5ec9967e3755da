"""Resuming: a reader that is stopped anywhere goes on exactly there, whatever the relay wrote twice meanwhile."""

import asyncio
import json

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from consumers.results import ResultSubscriber
from contracts.catalog import Topics
from processor.errors import Incident, NotPrepared
from tests.consumers.telling import CONTEXT, Teller, numbers, read


@pytest.fixture
def topics(fresh_topics: Topics) -> Topics:
    return fresh_topics


async def test_reading_goes_on_after_what_was_handed_out_wherever_it_was_stopped(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(*range(1, 8))
    seen, position = [], ""
    for _ in range(7):  # one result per life; the rest of what was fetched dies with it
        async with ResultSubscriber(kafka, topics=topics, from_beginning=True, resume=position) as subscriber:
            seen += numbers(await read(subscriber, 1))
            position = subscriber.position
    assert seen == [1, 2, 3, 4, 5, 6, 7]


async def test_a_position_covers_what_was_handed_out_and_not_what_was_fetched(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(1, 2, 3)
    async with ResultSubscriber(kafka, topics=topics, from_beginning=True) as subscriber:
        offsets = []
        for _ in range(3):
            await read(subscriber, 1)
            offsets.append(json.loads(subscriber.position)[teller.topic]["0"]["next_offset"])
    assert offsets == [1, 2, 3]


async def test_what_the_relay_writes_again_between_two_lives_is_not_told_again(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(1, 2, 3)
    async with ResultSubscriber(kafka, topics=topics, from_beginning=True) as subscriber:
        await read(subscriber, 2)
        in_between = subscriber.position
        await read(subscriber, 1)
        after_all = subscriber.position
    await teller.tell(1, 2, 3, 4)
    async with ResultSubscriber(kafka, topics=topics, resume=in_between) as subscriber:
        assert numbers(await read(subscriber, 2)) == [3, 4]
    async with ResultSubscriber(kafka, topics=topics, resume=after_all) as subscriber:
        assert numbers(await read(subscriber, 1)) == [4]


async def test_a_position_taken_before_anything_came_misses_nothing(kafka: str, topics: Topics, teller: Teller) -> None:
    await teller.tell(1)
    async with ResultSubscriber(kafka, topics=topics) as subscriber:
        position = subscriber.position
    await teller.tell(2)
    async with ResultSubscriber(kafka, topics=topics, resume=position) as subscriber:
        assert numbers(await read(subscriber, 1)) == [2]


async def test_a_new_partition_is_read_from_its_beginning(kafka: str, topics: Topics, teller: Teller) -> None:
    async with ResultSubscriber(kafka, topics=topics) as subscriber:
        position = subscriber.position
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_partitions({teller.topic: NewPartitions(4)})
    await admin.close()
    await teller.producer.client.force_metadata_update()
    await teller.tell(1, partition=3)
    async with ResultSubscriber(kafka, topics=topics, resume=position) as subscriber:
        assert numbers(await read(subscriber, 1)) == [1]


async def test_results_that_were_deleted_before_they_were_read_are_told(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    async with ResultSubscriber(kafka, topics=topics, from_beginning=True) as subscriber:
        position = subscriber.position
        await teller.tell(1, 2, 3)
        await delete_before(kafka, teller.topic, 2)
        assert subscriber._consumer is not None
        subscriber._consumer.seek(TopicPartition(teller.topic, 0), 0)  # as slow a reader as it takes
        with pytest.raises(Incident, match="partition 0 does not hold offset 0"):
            async with asyncio.timeout(30):
                await anext(subscriber)
    with pytest.raises(Incident, match="Begin again from_beginning"):
        await ResultSubscriber(kafka, topics=topics, resume=position).__aenter__()
    async with ResultSubscriber(kafka, topics=topics, from_beginning=True) as subscriber:
        assert numbers(await read(subscriber, 1)) == [3]


async def delete_before(kafka: str, topic: str, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
    await admin.close()


async def test_a_position_of_another_log_is_refused(kafka: str, topics: Topics, teller: Teller) -> None:
    ahead = json.dumps({teller.topic: {"0": {"next_offset": 9}}})
    with pytest.raises(Incident, match="ends at 0, but records up to 8 were read"):
        await ResultSubscriber(kafka, topics=topics, resume=ahead).__aenter__()
    elsewhere = json.dumps({"other.ledger.results.v1": {"0": {"next_offset": 9}}})
    with pytest.raises(NotPrepared, match=r"is of other\.ledger\.results\.v1, and none of it is read"):
        await ResultSubscriber(kafka, topics=topics, resume=elsewhere).__aenter__()


@pytest.mark.parametrize("text", ["x", "[]", '{"t": {"0": 7}}', '{"t": {"a": {"next_offset": 7}}}'])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(NotPrepared, match="no position of a subscriber"):
        ResultSubscriber("127.0.0.1:9", resume=text)


async def test_a_position_keeps_what_it_knows_of_topics_that_are_not_read_now(
    kafka: str, topics: Topics, teller: Teller
) -> None:
    await teller.tell(1)
    async with ResultSubscriber(kafka, topics=topics, dead_letters=True, from_beginning=True) as subscriber:
        await read(subscriber, 1)
        position = subscriber.position
    async with ResultSubscriber(kafka, topics=topics, resume=position) as subscriber:
        assert json.loads(subscriber.position) == json.loads(position)
    assert topics.dead_letters(CONTEXT) in position
