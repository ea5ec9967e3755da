"""Books that are older than Kafka are noticed; a group that an operator has moved is not taken for that."""

import asyncio
import re
from collections.abc import Mapping

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DeleteGroupsRequest

from consumers.restored import FAR, Committed, Memory, Recalled, Told, mark, recall
from contracts.specs import LEDGER as NAME
from processor.engine.epochs import Standing
from processor.engine.events import Kind
from processor.errors import Incident
from tests.consumers.consuming import Ground, openings
from tests.consumers.test_loop import GROUP

BACK = "UPDATE lane SET next_offset = 10, next_seq = 11, records = 10"  # as a backup of then would have it
WAITED = 60


async def stopped(ground: Ground) -> str:
    """Run a consumer until it stops by an incident, and return what that says."""
    with pytest.raises(Incident) as told:
        async with ground.consumer() as task:
            await asyncio.wait([task], timeout=WAITED)
    return str(told.value)


async def applied_then_set_back(ground: Ground) -> None:
    await ground.publish(openings(30), partition=0)
    async with ground.consumer() as task:
        await ground.until_applied(30, task=task)
    await ground.connection.execute(BACK)


async def test_an_offset_that_a_consumer_has_committed_above_the_lane_stops_the_context(ground: Ground) -> None:
    await applied_then_set_back(ground)

    told = await stopped(ground)

    assert re.search(r"partition 0: .* committed offset 30 in epoch 1, and .* stands at offset 10 in epoch 1", told)
    assert "run `partita adopt`" in told
    assert await ground.applied() == 20  # 10 in each lane: nothing was done


async def test_books_that_go_back_under_a_running_consumer_stop_it_at_the_next_record(ground: Ground) -> None:
    async def run_while_they_go_back() -> None:
        await ground.publish(openings(30), partition=0)
        async with ground.consumer() as task:
            await ground.until_applied(30, task=task)
            await ground.connection.execute(BACK)
            await ground.publish(openings(1), partition=0)
            await asyncio.wait([task], timeout=WAITED)

    with pytest.raises(Incident, match="committed offset 30 in epoch 1, and the lane stands at offset 10"):
        await run_while_they_go_back()
    assert await ground.applied() == 20  # 10 in each lane: nothing was done


async def test_a_result_that_the_books_do_not_know_stops_the_context_without_any_group(ground: Ground) -> None:
    await ground.publish(openings(12), partition=1)
    async with ground.consumer() as task:
        await ground.until_applied(12, task=task)
    await delete_group(ground)
    await tell(ground, partition=0, lane=1, epoch=1, seq=13)  # lies elsewhere: it came under another key

    told = await stopped(ground)

    assert "lane 1: " in told
    assert "holds its event 13 of epoch 1, and the lane stands at event 13 of epoch 1, which comes next" in told


async def test_a_result_that_the_books_know_stops_nothing(ground: Ground) -> None:
    await ground.publish(openings(12), partition=1)
    async with ground.consumer() as task:
        await ground.until_applied(12, task=task)
    await tell(ground, partition=1, lane=1, epoch=1, seq=12)
    await ground.publish(openings(3), partition=1)

    async with ground.consumer() as task:
        await ground.until_applied(15, task=task)


async def test_a_group_that_was_moved_by_hand_or_deleted_stops_nothing(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = openings(30)
    await ground.publish(commands[:10], partition=0)
    async with ground.consumer() as task:
        await ground.until_applied(10, task=task)
    await delete_group(ground)
    await ground.publish(commands[10:20], partition=0)
    async with ground.consumer() as task:
        await ground.until_applied(20, task=task)
    await ground.publish(commands[20:], partition=0)
    await commit(ground, {0: 30})
    async with ground.consumer() as task:
        await ground.until_applied(30, task=task)
    assert "the group's offsets were moved forward" in capsys.readouterr().out

    assert await ground.kinds() == {Kind.ANSWER: 30}


async def test_behind_an_offset_moved_by_hand_results_are_looked_for_farther_back(ground: Ground) -> None:
    """The relay of restored books has told old events again, under which the latest one lies."""
    await applied_then_set_back(ground)
    await delete_group(ground)
    await tell(ground, partition=0, lane=0, epoch=1, seq=30)
    await tell(ground, *[5] * 200, partition=0, lane=0, epoch=1, seq=5)
    assert (await recall(memory(ground))).told == {0: Told(1, 5)}
    assert (await recall(memory(ground), depth=FAR)).told == {0: Told(1, 30)}
    await commit(ground, {0: 25})

    assert "holds its event 30 of epoch 1" in await stopped(ground)


@pytest.mark.parametrize(
    ("committed", "told", "is_older"),
    [
        (Committed(10, 2), None, False),
        (Committed(11, 2), None, True),
        (Committed(11, 1), None, False),  # void since the adoption
        (Committed(3, 3), None, True),  # an adoption was lost
        (Committed(11, None), None, False),
        (None, Told(2, 20), False),
        (None, Told(2, 21), True),
        (None, Told(1, 99), False),
        (None, Told(3, 1), True),
    ],
)
async def test_what_proves_that_books_went_back(
    ground: Ground, committed: Committed | None, told: Told | None, *, is_older: bool
) -> None:
    lanes = {0: Standing(epoch=2, next_offset=10, next_seq=21)}
    recalled = Recalled(committed={0: committed} if committed else {}, told={0: told} if told else {})
    try:
        recalled.require_known_to(lanes, memory(ground))
    except Incident:
        assert is_older
    else:
        assert not is_older


def memory(ground: Ground) -> Memory:
    return Memory(bootstrap=ground.kafka, topics=ground.topics, context=NAME)


async def tell(ground: Ground, *more: int, partition: int, lane: int, epoch: int, seq: int) -> None:
    """Publish results as the relay would: the lane's event *seq*, or those in *more*."""
    async with AIOKafkaProducer(bootstrap_servers=ground.kafka) as producer:
        for number in more or (seq,):
            numbers = {"partita_lane": lane, "partita_epoch": epoch, "ce_sequence": number}
            headers = [(name, b"%d" % value) for name, value in numbers.items()]
            await producer.send(ground.topics.results(NAME), b"{}", partition=partition, headers=headers)


async def commit(ground: Ground, offsets: Mapping[int, int], *, epoch: int | None = None) -> None:
    """Move the group's offsets, as kafka-consumer-groups does it, or a consumer in *epoch*."""
    places = {TopicPartition(ground.commands_topic, partition): offset for partition, offset in offsets.items()}
    group = ground.topics.prefix + GROUP
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(list(places))
    await consumer.commit({place: (offset, mark(epoch) if epoch else "") for place, offset in places.items()})
    await consumer.stop()


async def delete_group(ground: Ground) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.kafka)
    await admin.start()
    group = ground.topics.prefix + GROUP
    asked = DeleteGroupsRequest([group])
    answer = await admin._send_request(asked, await admin.find_coordinator(group))
    await admin.close()
    assert answer.results == [(group, 0)]
