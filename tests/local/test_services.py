"""What both services do, wherever they come from: one suite, run on local processes and on Docker."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from partita.local.stack import LocalStack


@pytest.fixture(scope="module")
def stack(origin: str) -> Iterator[LocalStack]:
    with LocalStack(choice=origin) as running:
        yield running


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def first_value(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=f"readers-of-{topic}",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        record = await consumer.getone()
        value: bytes | None = record.value
    finally:
        await consumer.stop()
    return value


async def test_a_group_receives_what_was_committed_and_not_what_was_aborted(stack: LocalStack) -> None:
    await create_topic(stack.kafka_bootstrap, "transfers")
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap, transactional_id="writer")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait("transfers", b"aborted")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait("transfers", b"committed")
    finally:
        await producer.stop()
    assert await first_value(stack.kafka_bootstrap, "transfers") == b"committed"


async def test_a_topic_that_was_not_created_does_not_come_into_being(stack: LocalStack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(["misspelt"])
        assert "misspelt" not in await admin.list_topics()
    finally:
        await admin.close()
    unknown_topic = 3
    assert described[0]["error_code"] == unknown_topic


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("server_version_num", "18"),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("jit", "off"),
        ("shared_buffers", "512MB"),
        ("max_wal_size", "4GB"),
        ("wal_buffers", "32MB"),
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
    ],
)
async def test_postgresql_is_set_for_durable_batches(stack: LocalStack, setting: str, value: str) -> None:
    connection = await asyncpg.connect(stack.database_url)
    try:
        shown = await connection.fetchval(f"SHOW {setting}")
    finally:
        await connection.close()
    assert shown.startswith(value)


async def test_the_database_is_partita_and_wants_its_password(stack: LocalStack) -> None:
    assert urlsplit(stack.database_url).path == "/partita"
    wrong = stack.database_url.replace(str(urlsplit(stack.database_url).password), "guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


def test_both_are_reached_over_127_0_0_1_and_not_over_another_address(stack: LocalStack) -> None:
    for port in ports_of(stack):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_each_service_says_where_it_comes_from_and_why(stack: LocalStack, origin: str) -> None:
    assert [service.name for service in stack.services] == ["kafka", "postgresql"]
    assert [service.address for service in stack.services] == [stack.kafka_bootstrap, stack.database_url]
    assert {service.origin for service in stack.services} == {origin}
    assert all(service.why for service in stack.services)


def test_after_the_block_nothing_listens(origin: str) -> None:
    with LocalStack(choice=origin) as stack:
        ports = ports_of(stack)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)


def ports_of(stack: LocalStack) -> list[int]:
    database_port = urlsplit(stack.database_url).port
    assert database_port is not None
    return [int(stack.kafka_bootstrap.rpartition(":")[2]), database_port]
