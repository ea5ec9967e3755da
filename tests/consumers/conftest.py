"""Fresh ground for every test: topics with two partitions, an empty database."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from contracts.catalog import Catalog, Topics
from contracts.specs import LEDGER
from partita.local.stack import LocalStack
from processor.database import connect
from tests.conftest import create_topics_at, fresh_database
from tests.consumers.consuming import Ground
from tests.consumers.telling import Teller

PARTITIONS = 2


@pytest.fixture
async def ground(stack: LocalStack, migrated_database: str) -> AsyncIterator[Ground]:
    topics = Topics(prefix=f"g{secrets.token_hex(3)}.")
    await create_topics_at(stack.kafka_bootstrap, topics, [LEDGER], PARTITIONS)
    async with fresh_database(stack, migrated_database) as url:
        connection = await connect(url, role="test")
        yield Ground(kafka=stack.kafka_bootstrap, database_url=url, topics=topics, connection=connection)
        await connection.close()


@pytest.fixture
async def fresh_topics(kafka: str) -> Topics:
    """A prefix per test: each begins with empty topics, of three partitions."""
    topics = Topics(prefix=f"t{secrets.token_hex(4)}.")
    await create_topics_at(kafka, topics, Catalog().contexts, 3)
    return topics


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        yield producer


@pytest.fixture
def teller(producer: AIOKafkaProducer, fresh_topics: Topics) -> Teller:
    return Teller(producer=producer, topic=fresh_topics.results(LEDGER))
