"""The relay and a broker that is killed under it."""

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import Iterator

import pytest

from contracts.catalog import Topics
from partita.local.stack import LocalStack
from processor.database import Connection
from producers import kafka
from tests.conftest import create_topics_at
from tests.producers.books import Books, running


@pytest.fixture(scope="module")
def own(stack: LocalStack) -> Iterator[LocalStack]:
    """A broker of this module's own, to kill."""
    with LocalStack(choice="process", database_url=stack.database_url) as running:
        yield running


@pytest.fixture
async def books(own: LocalStack, connection: Connection, database_url: str, topics: Topics) -> Books:
    context, bootstrap = f"c{secrets.token_hex(3)}", own.kafka_bootstrap
    await create_topics_at(bootstrap, topics, [context], 4)
    return Books(connection=connection, database_url=database_url, kafka=bootstrap, topics=topics, context=context)


class Unanswered(logging.Handler):
    """Sets an event when the producer has waited for an answer in vain."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "error produce response" in str(record.msg):
            self.seen.set()


@pytest.fixture
def unanswered() -> Iterator[asyncio.Event]:
    handler, sender = Unanswered(), logging.getLogger("aiokafka.producer.sender")
    sender.addHandler(handler)
    yield handler.seen
    sender.removeHandler(handler)


async def test_what_is_not_acknowledged_does_not_count_as_sent(
    own: LocalStack, books: Books, unanswered: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "REQUEST_S", 0.5)
    assert own.kafka is not None
    lane = await books.lane(9)
    async with running(books.relay()):
        await lane.answers(["A"] * 10)
        await books.until("SELECT sent = 10 FROM relay_position WHERE lane_no = $1", lane.lane_no)
        os.kill(own.kafka.pid, signal.SIGSTOP)
        try:
            await lane.answers(["A"] * 10)
            await asyncio.wait_for(unanswered.wait(), 30)
            assert await lane.sent() == 10
        finally:
            os.kill(own.kafka.pid, signal.SIGCONT)
        await books.until("SELECT sent = 20 FROM relay_position WHERE lane_no = $1", lane.lane_no)
        assert len(await books.told(20)) == 20


async def test_a_broker_that_is_killed_costs_nothing(own: LocalStack, books: Books) -> None:
    lanes = [await books.lane(partition) for partition in range(2)]
    for lane in lanes:
        await lane.answers([f"{lane.partition}-{number % 7}" for number in range(5000)])
    assert own.kafka is not None
    async with running(books.relay(page_size=50)):
        await books.told(1000)
        await asyncio.to_thread(own.kafka.kill)
        for lane in lanes:
            await lane.answers([f"{lane.partition}-{number % 7}" for number in range(100)])
        await asyncio.to_thread(own.kafka.start)
        received = await books.told(10_200)
    streams: dict[bytes | None, list[int]] = {}
    for one in received:
        streams.setdefault(one.key, []).append(int(one.headers["ce_sequence"] or b""))
    assert len(streams) == 14
    assert all(sequences == sorted(sequences) for sequences in streams.values())
    assert [await lane.sent() for lane in lanes] == [5100, 5100]
