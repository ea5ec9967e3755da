"""The publisher on a real broker: keys, partitions, and what it will not take."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from contracts.catalog import Catalog, Topics
from contracts.envelope import encode_command
from contracts.specs import LEDGER
from contracts.transfers import TransferDeposit, TransferMake
from processor.errors import NotPrepared
from producers.command_ids import new_command_id
from producers.commands import CommandPublisher
from tests.conftest import CreateTopics

PARTITIONS = 5


@pytest.fixture
async def publisher(kafka: str, topics: Topics, create_topics: CreateTopics) -> CommandPublisher:
    await create_topics([LEDGER], PARTITIONS)
    return CommandPublisher(kafka, catalog=Catalog(), topics=topics)


async def published(kafka: str, topics: Topics, acknowledged: Sequence[Any]) -> list[Any]:
    """Read back the records that were acknowledged."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topics.commands(LEDGER), partition) for partition in range(PARTITIONS)])
        wanted = [(one.partition, one.offset) for one in acknowledged]
        found: dict[tuple[int, int], Any] = {}
        async with asyncio.timeout(30):
            while not found.keys() >= set(wanted):
                found |= {(record.partition, record.offset): record async for record in _some(consumer)}
        return [found[place] for place in wanted]
    finally:
        await consumer.stop()


async def _some(consumer: AIOKafkaConsumer) -> Any:
    for records in (await consumer.getmany(timeout_ms=1000)).values():
        for record in records:
            yield record


async def test_commands_go_under_their_canonical_key(publisher: CommandPublisher, kafka: str, topics: Topics) -> None:
    deposit = TransferDeposit(command_id=new_command_id(), account_id="ACC-1", amount="1.00", currency="EUR")
    credit = TransferMake(
        command_id=new_command_id(),
        source_account_id="ACC-1",
        destination_account_id="ACC-2",
        amount="1",
        direction="credit",
    )
    async with publisher:
        futures = [await publisher.publish(deposit), await publisher.publish(credit)]
        futures += [await publisher.publish_json(encode_command(command)) for command in (deposit, credit)]
        await publisher.flush()
        assert all(future.done() for future in futures)
    records = await published(kafka, topics, [future.result() for future in futures])
    assert [record.key for record in records] == [b"ACC-1", b"ACC-2", b"ACC-1", b"ACC-2"]
    assert [record.value for record in records] == [encode_command(deposit), encode_command(credit)] * 2
    expected = [DefaultPartitioner()(record.key, list(range(PARTITIONS)), []) for record in records]
    assert [record.partition for record in records] == expected


async def test_a_command_has_no_headers_unless_they_are_asked_for(
    publisher: CommandPublisher, kafka: str, topics: Topics
) -> None:
    deposit = TransferDeposit(command_id=new_command_id(), account_id="ACC-1", amount="1.00")
    async with publisher:
        plain = await (await publisher.publish(deposit))
        traced = await (await publisher.publish(deposit, traceparent="00-1-2-01"))
    first, second = await published(kafka, topics, [plain, traced])
    assert (first.headers, second.headers) == ((), (("traceparent", b"00-1-2-01"),))


async def test_a_publisher_that_names_itself_sends_cloud_events_in_binary_mode(
    publisher: CommandPublisher, kafka: str, topics: Topics
) -> None:
    deposit = TransferDeposit(
        command_id=new_command_id(),
        account_id="ACC-1",
        amount="1.00",
        correlation_id="order 7",
        requested_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    async with publisher, CommandPublisher(kafka, topics=topics, ce_source="/payments") as named:
        (record,) = await published(kafka, topics, [await (await named.publish(deposit, traceparent="00-1-2-01"))])
    assert record.value == encode_command(deposit)
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": deposit.command_id.encode(),
        "ce_type": b"transfer.deposit",
        "ce_source": b"/payments",
        "ce_time": b"2026-01-02T03:04:05.000000Z",
        "ce_subject": b"ACC-1",
        "content-type": b"application/json",
        "ce_correlationid": b"order 7",
        "traceparent": b"00-1-2-01",
    }


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"type": "transfer.deposit", "account_id": "ACC-1", "amount": "much"}, b"ACC-1"),
        ({"type": "transfer.deposit", "account_id": "not an id"}, b"not an id"),
        ({"type": "transfer.deposit", "account_id": ""}, b""),
        ({"type": "transfer.deposit", "account_id": 7}, None),
        ({"type": "transfer.deposit"}, None),
    ],
)
async def test_an_invalid_command_of_a_known_type_is_published_as_it_is(
    publisher: CommandPublisher, kafka: str, topics: Topics, fields: dict[str, Any], key: bytes | None
) -> None:
    value = json.dumps(fields).encode()
    async with publisher:
        acknowledged = await (await publisher.publish_json(value))
    (record,) = await published(kafka, topics, [acknowledged])
    assert (record.key, record.value) == (key, value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "no JSON object"),
        (b"{", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b'"transfer.deposit"', "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b"{}", "names no type"),
        (b'{"type": 7}', "names no type"),
        (b'{"type": ["transfer.deposit"]}', "names no type"),
        (b'{"type": "transfer.guess"}', "no command has the type"),
        (b'{"type": "transfer.deposit", "x": "%b"}' % (b"x" * 2_000_000), "too long"),
    ],
)
async def test_what_has_no_topic_or_fits_none_is_refused(publisher: CommandPublisher, line: bytes, reason: str) -> None:
    async with publisher:
        with pytest.raises(ValueError, match=reason):
            await publisher.publish_json(line)


async def test_a_missing_topic_is_named(kafka: str) -> None:
    nowhere = Topics(prefix="nowhere.")
    async with asyncio.timeout(15), CommandPublisher(kafka, catalog=Catalog(), topics=nowhere) as publisher:
        with pytest.raises(NotPrepared, match=r"no topic nowhere\.ledger\.commands\.v1"):
            await publisher.publish_json(b'{"type": "transfer.deposit"}')


async def test_a_broker_that_is_not_there_is_named(topics: Topics) -> None:
    async with asyncio.timeout(15):
        with pytest.raises(NotPrepared, match=r"127\.0\.0\.1:9"):
            await CommandPublisher("127.0.0.1:9", catalog=Catalog(), topics=topics).__aenter__()
