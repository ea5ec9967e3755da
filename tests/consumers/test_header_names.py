"""Headers whose names are no text: Kafka takes them, and the client library would stop at them for ever."""

import asyncio
import gzip
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from consumers.header_names import Records
from contracts.envelope import encode_command
from processor.engine.batch import name_bytes
from processor.engine.dead_letters import unpacked_headers
from processor.engine.events import Kind
from processor.errors import Fatal
from tests.consumers.consuming import Ground, openings

PLACEHOLDER, NAME = b"name-of-8", b"\xff\xfename\x80-8"
LENGTH_AT, CRC_AT, CHECKED_FROM, CODEC_AT, RECORDS_FROM = 8, 17, 21, 22, 61  # in a batch of Kafka's second format
GZIP = 1


async def publish(ground: Ground, *values: bytes, codec: int = 0) -> None:
    """Publish *values* as one batch, each with a header whose name is no UTF-8."""
    producer = AIOKafkaProducer(bootstrap_servers=ground.kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        for value in values:
            batch.append(timestamp=None, key=b"k", value=value, headers=[(PLACEHOLDER.decode(), b"1"), ("b", None)])
        batch._build = partial(rewritten, batch, batch._build, codec)
        await (await producer.send_batch(batch, ground.commands_topic, partition=0))
    finally:
        await producer.stop()


def rewritten(batch: Any, build: Callable[[], bytearray], codec: int) -> bytearray:
    """Give the headers of a batch the name that no client would write."""
    raw = bytearray(bytes(build()).replace(PLACEHOLDER, NAME))
    if codec == GZIP and raw[CODEC_AT] == 0:
        raw[CODEC_AT] = GZIP
        raw[RECORDS_FROM:] = gzip.compress(raw[RECORDS_FROM:])
        raw[LENGTH_AT : LENGTH_AT + 4] = (len(raw) - LENGTH_AT - 4).to_bytes(4, "big")
    raw[CRC_AT:CHECKED_FROM] = calc_crc32c(raw[CHECKED_FROM:]).to_bytes(4, "big")
    batch._buffer = raw
    return raw


@pytest.mark.parametrize("codec", [0, GZIP])
async def test_they_stop_nobody_and_not_even_their_own_commands(ground: Ground, codec: int) -> None:
    good = openings(6)
    await ground.publish(good[:2], partition=0)
    await publish(ground, encode_command(good[2]), b"{", encode_command(good[3]), codec=codec)
    await ground.publish(good[4:], partition=0)

    async with ground.consumer() as task:
        await ground.until_applied(7, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 6, Kind.DEAD: 1}
    kept = unpacked_headers(await ground.connection.fetchval("SELECT headers FROM dead_letter"))
    assert [(name_bytes(name), value) for name, value in kept] == [(NAME, b"1"), (b"b", None)]


async def test_whatever_else_cannot_be_read_stops_the_context_aloud(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework's task would end without a word, and the consumer look alive for ever."""
    await ground.publish(openings(1), partition=0)

    def unreadable(*_: object) -> None:
        raise ValueError("123-45-6789")

    monkeypatch.setattr(Records, "next_batch", unreadable)
    with pytest.raises(Fatal, match="What Kafka holds cannot be read: ValueError at ") as raised:
        async with ground.consumer() as task:
            await asyncio.wait([task], timeout=20)
    assert "123-45-6789" not in str(raised.value)
