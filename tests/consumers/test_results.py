"""The subscriber on a real broker: where it begins, what it drops, what it says when it cannot."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from consumers.results import Received, ResultSubscriber
from contracts.catalog import Topics
from processor.errors import NotPrepared
from tests.conftest import CreateTopics

CONTEXT = "ledger"


@pytest.fixture
async def producer(kafka: str, create_topics: CreateTopics) -> AsyncIterator[AIOKafkaProducer]:
    await create_topics([CONTEXT], 3)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        yield producer


@pytest.fixture
def topics() -> Topics:
    """A prefix per test: each begins with empty topics."""
    return Topics(prefix=f"t{secrets.token_hex(4)}.")


async def tell(
    producer: AIOKafkaProducer, topic: str, sequence: int, *, lane: int = 0, epoch: int = 1, partition: int = 0
) -> None:
    headers = {"partita_lane": lane, "partita_epoch": epoch, "ce_sequence": sequence}
    await producer.send_and_wait(
        topic,
        b'{"n":%d}' % sequence,
        key=b"A",
        partition=partition,
        headers=[(name, b"%d" % number) for name, number in headers.items()],
    )


async def read(subscriber: ResultSubscriber, number: int) -> list[Received]:
    async with asyncio.timeout(30):
        return [await anext(subscriber) for _ in range(number)]


async def test_everything_after_the_start_is_seen_and_nothing_before(
    kafka: str, topics: Topics, producer: AIOKafkaProducer
) -> None:
    results = topics.results(CONTEXT)
    await tell(producer, results, 1)
    async with ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics) as subscriber:
        await tell(producer, results, 2)
        await tell(producer, results, 3, partition=2)
        received = await read(subscriber, 2)
    assert {(one.partition, one.result["n"]) for one in received} == {(0, 2), (2, 3)}


async def test_from_the_beginning_the_past_is_seen(kafka: str, topics: Topics, producer: AIOKafkaProducer) -> None:
    for sequence in range(1, 4):
        await tell(producer, topics.results(CONTEXT), sequence)
    async with ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics, from_beginning=True) as subscriber:
        received = await read(subscriber, 3)
    assert [one.result["n"] for one in received] == [1, 2, 3]
    first = received[0]
    assert (first.topic, first.partition, first.offset, first.key) == (topics.results(CONTEXT), 0, 0, b"A")
    assert first.headers == {"partita_lane": b"0", "partita_epoch": b"1", "ce_sequence": b"1"}
    assert first.timestamp_ms > 0
    assert not first.is_dead_letter


async def test_what_the_relay_tells_again_is_dropped(kafka: str, topics: Topics, producer: AIOKafkaProducer) -> None:
    results = topics.results(CONTEXT)
    async with ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics) as subscriber:
        for sequence in (1, 2, 4, 1, 2, 4, 7):
            await tell(producer, results, sequence)
        # Other lanes, epochs and partitions count for themselves.
        await tell(producer, results, 1, lane=1)
        await tell(producer, results, 1, epoch=2)
        assert [one.result["n"] for one in await read(subscriber, 6)] == [1, 2, 4, 7, 1, 1]
        await tell(producer, results, 1, partition=1)
        assert [one.result["n"] for one in await read(subscriber, 1)] == [1]


async def test_dead_letters_are_read_if_asked_for(kafka: str, topics: Topics, producer: AIOKafkaProducer) -> None:
    dead = topics.dead_letters(CONTEXT)
    async with (
        ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics, dead_letters=True) as both,
        ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics) as results_only,
    ):
        for offset in (b"5", b"5", b"6"):  # the relay had to tell one twice
            headers = [("dlq-partition", b"0"), ("dlq-offset", offset)]
            await producer.send_and_wait(dead, None, key=b"A", partition=0, headers=headers)
        await producer.send_and_wait(dead, b"\xff", partition=0, headers=[("dlq-offset", b"?"), ("null", None)])
        await tell(producer, topics.results(CONTEXT), 1)
        received = await read(both, 4)
        assert [one.is_dead_letter for one in await read(results_only, 1)] == [False]
    letters = [one for one in received if one.is_dead_letter]
    assert [(one.key, one.value, one.headers["dlq-offset"]) for one in letters] == [
        (b"A", None, b"5"),
        (b"A", None, b"6"),
        (None, b"\xff", b"?"),
    ]


async def test_a_transaction_that_was_aborted_is_not_seen(
    kafka: str, topics: Topics, producer: AIOKafkaProducer
) -> None:
    results = topics.results(CONTEXT)
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topics.prefix) as transactional,
        ResultSubscriber(kafka, contexts=[CONTEXT], topics=topics) as subscriber,
    ):
        await transactional.begin_transaction()
        await tell(transactional, results, 1)
        await transactional.abort_transaction()
        await tell(producer, results, 2)
        assert [one.result["n"] for one in await read(subscriber, 1)] == [2]


async def test_missing_topics_are_named(kafka: str) -> None:
    async with asyncio.timeout(15):
        with pytest.raises(NotPrepared, match=r"no topic nowhere\.ledger\.results\.v1"):
            await ResultSubscriber(kafka, contexts=[CONTEXT], topics=Topics(prefix="nowhere.")).__aenter__()


async def test_a_broker_that_is_not_there_is_named(topics: Topics) -> None:
    async with asyncio.timeout(15):
        with pytest.raises(NotPrepared, match=r"127\.0\.0\.1:9"):
            await ResultSubscriber("127.0.0.1:9", contexts=[CONTEXT], topics=topics).__aenter__()
