"""Dead letters on a real broker: their headers in both namings, and what becomes of one that is too large."""

import asyncio
import os
import secrets
import signal
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.command_ids import new_command_id
from producers.unsent import unpublished
from tests.conftest import CreateTopics
from tests.producers.books import RECEIVED_MS, Books, Lane, running

ROOT = Path(__file__).parents[2]
ORIGINAL = [("a", b"1"), ("a", None), ("bin", b"\xff\x00"), ("dlq-offset", b"7"), ("\udcffname", b"x")]
TOO_LARGE = b"x" * 50_000


async def records(books: Books, count: int) -> list[ConsumerRecord]:
    """Return *count* records of the dead letter topic, by a client that knows nothing of us."""
    consumer = AIOKafkaConsumer(
        books.topics.dead_letters(books.context), bootstrap_servers=books.kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [await asyncio.wait_for(consumer.getone(), 30) for _ in range(count)]
    finally:
        await consumer.stop()


async def test_where_and_why_stand_behind_its_own_headers_in_our_names_and_in_spring_s(books: Books) -> None:
    lane, command_id = await books.lane(2), new_command_id()
    await lane.dead_letter("no amount: ü", b"k", b"{", headers=ORIGINAL, command_id=command_id)
    await lane.dead_letter("no amount: ü", None, None)

    async with running(books.relay()):
        named, bare = await records(books, 2)

    commands = books.topics.commands(books.context).encode()
    where = [("dlq-topic", commands), ("dlq-partition", b"2"), ("dlq-offset", b"%d" % (100 + 1))]
    why = [("dlq-code", b"field_invalid"), ("dlq-reason", "no amount: ü".encode()), ("dlq-path", b"$.amount")]
    springs = [
        ("kafka_dlt-original-topic", commands),
        ("kafka_dlt-original-partition", struct.pack(">i", 2)),
        ("kafka_dlt-original-offset", struct.pack(">q", 101)),
        ("kafka_dlt-original-timestamp", struct.pack(">q", RECEIVED_MS)),
        ("kafka_dlt-original-timestamp-type", b"LogAppendTime"),
        ("kafka_dlt-original-consumer-group", f"{books.topics.prefix}partita.{books.context}".encode()),
        ("kafka_dlt-exception-fqcn", b"partita.field_invalid"),
        ("kafka_dlt-exception-message", "no amount: ü".encode()),
    ]
    ours = [*where, ("dlq-timestamp", b"%d" % RECEIVED_MS), *why]
    assert list(named.headers) == [
        *ORIGINAL[:-1],
        ("\\xffname", b"x"),
        *ours,
        ("dlq-command-id", command_id.encode()),
        *springs,
    ]
    assert dict(named.headers)["dlq-offset"] == b"101"  # the last one counts
    assert [name for name, _ in bare.headers] == [name for name, _ in (*ours, *springs)]


@pytest.fixture
async def narrow(books: Books, create_topics: CreateTopics) -> Books:
    """Return a context whose dead letter topic was made to take small records only."""
    narrow = replace(books, context=f"n{secrets.token_hex(3)}")
    admin = AIOKafkaAdminClient(bootstrap_servers=books.kafka)
    await admin.start()
    name = books.topics.dead_letters(narrow.context)
    await admin.create_topics([NewTopic(name, 4, 1, topic_configs={"max.message.bytes": "20000"})])
    await admin.close()
    await create_topics([narrow.context], 4)
    return narrow


async def fill(books: Books) -> Lane:
    """Tell a dead letter that its topic will not take, between two that it does."""
    lane = await books.lane(0)
    for value in (b"first", TOO_LARGE, b"last"):
        await lane.dead_letter("no JSON", None, value)
    return lane


async def parked(books: Books) -> list[tuple[int, str]]:
    rows = await books.connection.fetch(
        "SELECT seq, topic, bytes, reason FROM parked JOIN lane USING (lane_no) WHERE context = $1", books.context
    )
    assert all(row["bytes"] > len(TOO_LARGE) and "size" in row["reason"] for row in rows)
    return [(row["seq"], row["topic"]) for row in rows]


async def test_a_dead_letter_that_is_too_large_is_parked_and_its_neighbours_arrive(narrow: Books) -> None:
    books, lane = narrow, await fill(narrow)

    async with running(books.relay()):
        await books.until("SELECT sent = 3 FROM relay_position WHERE lane_no = $1", lane.lane_no)
        received = await books.told(2)

    assert [one.value for one in received] == [b"first", b"last"]
    assert await parked(books) == [(2, books.topics.dead_letters(books.context))]
    assert [lane.events for lane in await unpublished(books.connection, books.context)] == [0]


async def test_what_was_parked_stays_parked_whoever_goes_on(narrow: Books) -> None:
    """The relay dies between parking the event and moving past it; meanwhile the topic is made to take more."""
    books, lane = narrow, await fill(narrow)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "tests/producers/relay_process.py",
        *(books.database_url, books.kafka, books.topics.prefix, books.context),
        env=os.environ | {"PARTITA_FAULT": "parked:1", "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    assert (await parked(books), await lane.sent()) == ([(2, books.topics.dead_letters(books.context))], 0)
    await books.configure(books.topics.dead_letters(books.context), max_message_bytes=1_000_000)

    async with running(books.relay()):
        await books.until("SELECT sent = 3 FROM relay_position WHERE lane_no = $1", lane.lane_no)

    on_topic = [record.value for record in await records(books, await books.on_topics())]
    assert set(on_topic) == {b"first", b"last"}
    assert len(await parked(books)) == 1
