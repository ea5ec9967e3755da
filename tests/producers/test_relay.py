"""The relay on a real broker and a real database; the events are written by hand."""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from consumers.results import Received
from contracts.envelope import as_replayed
from contracts.ids import uuid_bytes, uuid_text
from processor.errors import Incident
from producers.command_ids import new_command_id
from producers.relay import unpublished
from tests.producers.books import OCCURRED_AT, Books, running, stubborn_door

ANSWER = b'{"type":"transfer.posted","amount":"1.00","replayed":false}'
ROOT = Path(__file__).parents[2]


def by_stream(received: list[Received], header: str = "partita_lane") -> dict[Any, list[int]]:
    """Return the sequences in the order of reading, per key and lane."""
    streams = defaultdict(list)
    for one in received:
        streams[one.key, one.headers[header]].append(int(one.headers["ce_sequence"] or b""))
    return streams


async def test_every_event_arrives_in_the_order_of_its_key(books: Books) -> None:
    lanes = [await books.lane(partition) for partition in range(3)]
    for lane in lanes:
        await lane.answers([f"{lane.partition}-{number % 7}" for number in range(500)])
    async with running(books.relay(page_size=60)):
        await books.told(750)
        for lane in lanes:
            await lane.answers([f"{lane.partition}-{number % 7}" for number in range(100)])
        received = await books.told(1800)
    streams = by_stream(received)
    assert len(streams) == 21
    assert all(sequences == sorted(sequences) for sequences in streams.values())
    assert [await lane.sent() for lane in lanes] == [600, 600, 600]
    assert await books.on_topics() == 1800


async def test_a_result_has_its_key_its_partition_and_its_headers(books: Books) -> None:
    lane, command_id = await books.lane(7, epoch=3), new_command_id()
    await lane.answer(
        "ACC-ü", ANSWER, command_id=command_id, headers=b'{"ce_correlationid":"order 7","partita_wrong_key":"true"}'
    )
    async with running(books.relay()):
        (received,) = await books.told(1)
    assert received.topic == books.topics.results(books.context)
    assert received.partition == DefaultPartitioner()("ACC-ü".encode(), [0, 1, 2, 3], [])
    assert (received.key, received.value) == ("ACC-ü".encode(), ANSWER)
    assert received.headers == {
        "ce_specversion": b"1.0",
        "ce_id": uuid_text(uuid_bytes(command_id)[::-1]).encode(),
        "ce_source": f"/partita/{books.context}".encode(),
        "ce_type": b"transfer.posted",
        "ce_time": b"2024-05-06T07:08:09.000012Z",
        "ce_subject": "ACC-ü".encode(),
        "ce_causationid": command_id.encode(),
        "ce_sequence": b"1",
        "partita_lane": b"7",
        "partita_epoch": b"3",
        "content-type": b"application/json",
        "ce_correlationid": b"order 7",
        "partita_wrong_key": b"true",
    }


async def test_a_repeat_tells_the_answer_again(books: Books) -> None:
    first, second, command_id = await books.lane(0), await books.lane(1), new_command_id()
    await first.answer("A", ANSWER, command_id=command_id)
    await first.repeat("A", command_id=command_id)
    await second.repeat("A", command_id=command_id)
    async with running(books.relay()):
        received = await books.told(3)
    assert [one.value for one in received] == [ANSWER, as_replayed(ANSWER), as_replayed(ANSWER)]
    assert [one.fields["replayed"] for one in received] == [False, True, True]
    assert len({one.headers["ce_id"] for one in received}) == 1
    assert [(one.headers["partita_lane"], one.headers["ce_sequence"]) for one in received] == [
        (b"0", b"1"),
        (b"0", b"2"),
        (b"1", b"1"),
    ]


async def test_dead_letters_are_untouched(books: Books) -> None:
    lane = await books.lane(2)
    contents = [(b"\xff\x00", b"\x80{"), (None, b"no key"), (b"no value", None), (None, None), (b"", b"")]
    for key, value in contents:
        await lane.dead_letter("no JSON: ü", key, value)
    async with running(books.relay()):
        received = await books.told(len(contents))
    assert [(one.key, one.value) for one in received] == contents
    assert {(one.topic, one.partition, one.is_dead_letter) for one in received} == {
        (books.topics.dead_letters(books.context), 2, True)
    }


async def test_a_position_moves_only_after_the_acknowledgements(books: Books) -> None:
    lane = await books.lane(0)
    await lane.answers([f"K{number}" for number in range(1000)])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "tests/producers/relay_process.py",
        *(books.database_url, books.kafka, books.topics.prefix, books.context),
        env=os.environ | {"PARTITA_FAULT": "relay_sent:1", "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    assert (await lane.sent(), await books.on_topics()) == (0, 1000)
    async with running(books.relay()):
        await books.until("SELECT sent = 1000 FROM relay_position WHERE lane_no = $1", lane.lane_no)
    assert await books.on_topics() == 2000
    # What was told twice is seen once.
    received = await books.told(1000)
    assert sorted(int(one.headers["ce_sequence"] or b"") for one in received) == list(range(1, 1001))


async def test_a_clean_stop_repeats_nothing(books: Books) -> None:
    lane = await books.lane(0)
    for told in (300, 600, 900):
        await lane.answers([f"K{number}" for number in range(300)])
        async with running(books.relay(page_size=40)):
            await books.told(told - 250)  # somewhere in the middle
        assert await books.on_topics() == await lane.sent()
    async with running(books.relay()):
        await books.told(900)
    assert await books.on_topics() == 900


async def test_a_stop_finishes_the_page_in_hand(books: Books) -> None:
    lane, stop = await books.lane(0), asyncio.Event()
    await lane.answers(["A"] * 10)
    await books.connection.execute("INSERT INTO relay_position VALUES ($1)", lane.lane_no)
    async with books.connection.transaction():
        await books.connection.execute("SELECT FROM relay_position WHERE lane_no = $1 FOR UPDATE", lane.lane_no)
        relay = asyncio.create_task(books.relay().run(stop))
        # It has sent the page, and waits for us to move its position.
        await books.until("SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))")
        stop.set()
        ended, _ = await asyncio.wait({relay}, timeout=0.3)
        assert not ended
    await asyncio.wait_for(relay, 30)
    assert (await lane.sent(), await books.on_topics()) == (10, 10)


async def test_a_database_that_fails_is_asked_again(books: Books) -> None:
    lane = await books.lane(0)
    await lane.answers(["A"] * 10)
    await books.connection.execute("ALTER TABLE relay_position RENAME TO away")
    relay = books.relay()
    async with running(relay):
        async with asyncio.timeout(30):
            while relay._failures < 3:
                await books.connection.execute("SELECT pg_sleep(0.01)")
        await books.connection.execute("ALTER TABLE away RENAME TO relay_position")
        await books.told(10)


async def test_an_event_that_is_too_large_does_not_block_the_others(books: Books) -> None:
    lane, other = await books.lane(0), await books.lane(1)
    await lane.answers(["A"] * 5)
    await lane.answer("A", b'{"f":"%b","replayed":false}' % (b"x" * 1_200_000), command_id=new_command_id())
    await lane.answers(["A"] * 5)
    await other.answers(["B"] * 5)
    relay = books.relay()
    async with running(relay):
        received = await books.told(15)
        await books.until("SELECT sent = 11 FROM relay_position WHERE lane_no = $1", lane.lane_no)
    assert relay.parked == {(lane.lane_no, 6)}
    assert by_stream(received) == {(b"A", b"0"): [1, 2, 3, 4, 5, 7, 8, 9, 10, 11], (b"B", b"1"): [1, 2, 3, 4, 5]}


async def test_a_missing_event_stops_the_relay(books: Books) -> None:
    lane = await books.lane(0)
    await lane.answers(["A"] * 3)
    lane.seq += 1
    await lane.answers(["A"] * 3)
    with pytest.raises(Incident, match="event 4 is missing"):
        await asyncio.wait_for(books.relay().run(asyncio.Event()), 30)
    assert (await lane.sent(), await books.on_topics()) == (0, 0)


async def test_an_event_without_content_stops_the_relay(books: Books) -> None:
    lane, other = await books.lane(0), await books.lane(1)
    await lane.repeat("A", command_id=new_command_id())
    with pytest.raises(Incident, match="event 1 says is not stored"):
        await asyncio.wait_for(books.relay().run(asyncio.Event()), 30)
    await books.connection.execute("UPDATE lane SET context = 'elsewhere' WHERE lane_no = $1", lane.lane_no)
    await other.dead_letter("no JSON", None, b"{", stored=False)
    with pytest.raises(Incident, match="event 1 says is not stored"):
        await asyncio.wait_for(books.relay().run(asyncio.Event()), 30)
    assert await books.on_topics() == 0


async def test_a_notification_wakes_the_relay(books: Books) -> None:
    lane = await books.lane(0)
    async with running(books.relay(poll_s=3600)):
        for told in (1, 2, 3):
            await lane.answers(["A"])
            await books.connection.execute(f"NOTIFY partita_{books.context}")
            await books.told(told)


async def test_a_consumer_in_this_process_wakes_the_relay(books: Books) -> None:
    lane, wake = await books.lane(0), asyncio.Event()
    async with running(books.relay(poll_s=3600, wake=wake)):
        for told in (1, 2, 3):
            await lane.answers(["A"])
            wake.set()
            await books.told(told)


async def test_a_topic_that_takes_small_batches_only_gets_every_event(books: Books) -> None:
    await books.configure_results(max_message_bytes=20_000)
    lane = await books.lane(0)
    await lane.answers([f"K{number % 3}" for number in range(200)], bytes_each=1000)
    relay = books.relay()
    async with running(relay):
        received = await books.told(200)
    assert all(sequences == sorted(sequences) for sequences in by_stream(received).values())
    assert relay.parked == set()
    assert await lane.sent() == 200


async def test_a_broker_that_does_not_answer_is_asked_again(books: Books) -> None:
    lane = await books.lane(0)
    await lane.answers(["A"] * 10)
    async with stubborn_door(books.kafka, refusals=2) as (address, refused), running(books.relay(kafka=address)):
        await asyncio.wait_for(refused.wait(), 30)
        await books.told(10)


async def test_what_waits_is_counted_per_lane(books: Books) -> None:
    first, second, empty = await books.lane(0), await books.lane(1), await books.lane(2)
    await first.answers(["A"] * 10)
    await second.answers(["A"] * 4)
    await books.connection.execute("INSERT INTO relay_position VALUES ($1, 7), ($2, 4)", first.lane_no, second.lane_no)
    assert await unpublished(books.connection, books.context) == [(0, 3, OCCURRED_AT), (1, 0, None), (2, 0, None)]
    await empty.answers(["A"])
    assert (await unpublished(books.connection, books.context))[2] == (2, 1, OCCURRED_AT)
