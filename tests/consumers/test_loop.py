"""The loop on a real broker: what is read, from where, and what it survives."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from consumers.gate import Gate, GatedConsumer
from consumers.lane_reader import LaneReader
from contracts.specs import LEDGER as NAME
from processor.engine.events import Kind
from processor.errors import Fatal, Incident, NotPrepared
from processor.ledger.context import LEDGER
from tests.conftest import create_topics_at
from tests.consumers.consuming import Ground, openings
from tests.engine.desk import HeldStore

GROUP = "partita.ledger"
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"


async def test_commands_sent_before_any_consumer_ran_are_applied(ground: Ground) -> None:
    await ground.publish(openings(50))

    async with ground.consumer() as task:
        await ground.until_applied(50, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 50}


async def test_headers_that_are_null_binary_or_repeated_stop_nothing(ground: Ground) -> None:
    odd = [("a", None), ("kafka_dlt-original-offset", b"\xff\xfe\x00"), ("a", b"1"), ("a", b"2")]
    await ground.publish(openings(10), headers=odd)
    await ground.publish(openings(10))

    async with ground.consumer() as task:
        await ground.until_applied(20, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 20}


async def test_records_that_are_no_commands_leave_their_neighbours_alone(ground: Ground) -> None:
    good = openings(6)
    await ground.publish([good[0], b"{", good[1], None, good[2], b"\xff\xfe", good[3], b"[]", *good[4:]], partition=0)

    async with ground.consumer() as task:
        await ground.until_applied(10, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 6, Kind.DEAD: 4}


async def test_where_to_read_is_the_lanes_business_and_not_the_groups(ground: Ground) -> None:
    """The group's offsets are moved to the end before anything was read, and later back to the beginning."""
    await ground.publish(openings(30))
    await commit_as_group(ground, to_the_end=True)
    async with ground.consumer() as task:
        await ground.until_applied(30, task=task)

    await commit_as_group(ground, to_the_end=False)
    await ground.publish(openings(5))
    async with ground.consumer() as task:
        await ground.until_applied(35, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 35}


async def test_offsets_are_committed_for_those_who_watch_the_lag(ground: Ground) -> None:
    await ground.publish(openings(30))
    async with ground.consumer() as task:
        await ground.until_applied(30, task=task)

    reader = AIOKafkaConsumer(bootstrap_servers=ground.kafka, group_id=ground.topics.prefix + GROUP)
    await reader.start()
    places = [TopicPartition(ground.commands_topic, partition) for partition in (0, 1)]
    assert sum([await reader.committed(place) or 0 for place in places]) == 30
    await reader.stop()


async def test_of_transactions_only_what_was_committed_is_read_and_markers_are_no_gaps(ground: Ground) -> None:
    await ground.publish(openings(3), transactional=True, partition=0)
    await ground.publish(openings(3), transactional=False, partition=0)
    await ground.publish(openings(3), transactional=True, partition=0)

    async with ground.consumer() as task:
        await ground.until_applied(6, task=task)
        await ground.publish(openings(1), partition=0)
        await ground.until_applied(7, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 7}


async def test_a_second_consumer_takes_its_share_and_nothing_is_applied_twice(ground: Ground) -> None:
    commands = openings(3000)
    await ground.publish(commands[:1000])
    async with ground.consumer() as one:
        await ground.until_applied(500, task=one)
        await ground.publish(commands[1000:2000])
        async with ground.consumer() as two:
            await ground.publish(commands[2000:])
            await ground.until_applied(3000, task=two)

    assert await ground.kinds() == {Kind.ANSWER: 3000}


async def test_partitions_are_given_up_only_after_the_batch_in_flight(ground: Ground) -> None:
    """A second member joins while the first is about to commit: it has to wait for that commit."""
    store = HeldStore()
    await ground.publish(openings(20))

    async with ground.consumer(replace(LEDGER, store=store)) as one:
        await store.written.wait()
        async with ground.consumer() as two:
            done, _ = await asyncio.wait([one, two], timeout=1.5)
            assert not done
            assert await ground.applied() == 0
            assert await ground.connection.fetchval(BLOCKED) == 0  # the second has not come near the lanes
            store.go_on.set()
            await ground.until_applied(20, task=two)

    assert await ground.kinds() == {Kind.ANSWER: 20}


async def test_nothing_passes_the_gate_that_was_asked_for_in_another_term(ground: Ground) -> None:
    gate, fatal = Gate(), list[Fatal]()
    consumer = GatedConsumer(gate=gate, on_fatal=fatal.append, bootstrap_servers=ground.kafka)
    await consumer.start()
    consumer.assign([TopicPartition(ground.commands_topic, 0)])
    await consumer.seek_to_beginning()
    await ground.publish(openings(3), partition=0)
    closed = asyncio.create_task(consumer.getmany(timeout_ms=1000))

    assert (await asyncio.wait([closed], timeout=0.3))[1]  # still waiting
    gate.open()
    assert sum(map(len, (await closed).values())) == 3
    asked = asyncio.create_task(consumer.getmany(timeout_ms=5000))
    await asyncio.wait([asked], timeout=0.1)
    gate.close()
    gate.open()
    await ground.publish(openings(3), partition=0)

    assert (await asked, fatal) == ({}, [])
    await consumer.stop()


async def test_a_bug_of_the_loops_own_stops_it_and_skips_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework would log what a handler raises, and go on with the next batch."""
    commands = openings(10)
    await ground.publish(commands[:5], partition=0)
    with monkeypatch.context() as patched:
        patched.setattr(LaneReader, "_batch", broken)
        with pytest.raises(Fatal, match="KeyError"):
            async with ground.consumer() as task:
                await asyncio.wait([task], timeout=20)
    await ground.publish(commands[5:], partition=0)

    async with ground.consumer() as task:
        await ground.until_applied(10, task=task)
    assert await ground.kinds() == {Kind.ANSWER: 10}


async def test_records_that_were_removed_unread_are_an_incident(ground: Ground) -> None:
    await ground.publish(openings(10), partition=0)
    async with ground.consumer() as task:
        await ground.until_applied(10, task=task)
    await ground.publish(openings(10), partition=0)
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(ground.commands_topic, 0): RecordsToDelete(before_offset=15)})
    await admin.close()

    with pytest.raises(Incident, match="records 10 to 14 were removed"):
        async with ground.consumer() as task:
            await asyncio.wait([task], timeout=20)


async def test_a_log_that_ends_before_its_lane_is_an_incident(ground: Ground) -> None:
    await ground.publish(openings(10), partition=0)
    async with ground.consumer() as task:
        await ground.until_applied(10, task=task)
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.kafka)
    await admin.start()
    await admin.delete_topics([ground.commands_topic])
    await until_gone(admin, ground.commands_topic)
    await admin.close()
    await create_topics_at(ground.kafka, ground.topics, [NAME], 2)

    with pytest.raises(Incident, match="this is another log"):
        async with ground.consumer() as task:
            await asyncio.wait([task], timeout=20)


async def test_a_missing_topic_is_named_before_anything_is_read(ground: Ground) -> None:
    elsewhere = replace(ground.settings, topics=replace(ground.topics, prefix="nowhere."))
    ground_elsewhere = Ground(
        kafka=ground.kafka, database_url=ground.database_url, topics=elsewhere.topics, connection=ground.connection
    )
    with pytest.raises(NotPrepared, match=r"nowhere\.ledger\.commands\.v1 is missing; run `partita topics`"):
        async with ground_elsewhere.consumer() as task:
            await asyncio.wait([task], timeout=20)


async def test_another_partition_count_is_refused(ground: Ground) -> None:
    async with ground.consumer() as task:
        await ground.publish(openings(1))
        await ground.until_applied(1, task=task)
    await add_a_partition(ground)

    with pytest.raises(Incident, match=r"started with 2 partitions and .* `partita topics grow`"):
        async with ground.consumer() as task:
            await asyncio.wait([task], timeout=20)


async def test_partitions_that_are_added_while_it_runs_stop_the_context(ground: Ground) -> None:
    async def run_while_one_is_added() -> None:
        async with ground.consumer(metadata_max_age_ms=300) as task:
            await ground.publish(openings(1))
            await ground.until_applied(1, task=task)
            await add_a_partition(ground)
            await asyncio.wait([task], timeout=20)

    with pytest.raises(Incident, match="started with 2 partitions and its command topic now has 3"):
        await run_while_one_is_added()


async def test_a_broker_that_cannot_be_reached_is_named(ground: Ground) -> None:
    nowhere = Ground(
        kafka="127.0.0.1:1", database_url=ground.database_url, topics=ground.topics, connection=ground.connection
    )
    with pytest.raises(NotPrepared, match=r"Kafka cannot be reached at 127\.0\.0\.1:1"):
        async with nowhere.consumer() as task:
            await asyncio.wait([task], timeout=30)


async def commit_as_group(ground: Ground, *, to_the_end: bool) -> None:
    """Move the offsets that Kafka keeps for the consumers' group."""
    places = [TopicPartition(ground.commands_topic, partition) for partition in (0, 1)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=ground.kafka, group_id=ground.topics.prefix + GROUP, enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign(places)
    ends = await (consumer.end_offsets(places) if to_the_end else consumer.beginning_offsets(places))
    await consumer.commit(ends)
    await consumer.stop()


def broken(*_: object) -> None:
    raise KeyError("a bug")


async def add_a_partition(ground: Ground) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.kafka)
    await admin.start()
    await admin.create_partitions({ground.commands_topic: NewPartitions(total_count=3)})
    await admin.close()


async def until_gone(admin: AIOKafkaAdminClient, topic: str) -> None:
    async with asyncio.timeout(10):
        while topic in await admin.list_topics():
            pass
