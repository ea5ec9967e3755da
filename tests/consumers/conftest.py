"""Fresh ground for every test: topics with two partitions, an empty database."""

import secrets
from collections.abc import AsyncIterator

import pytest

from contracts.catalog import LEDGER, Topics
from partita.local.stack import LocalStack
from processor.database import connect
from tests.conftest import create_topics_at, fresh_database
from tests.consumers.consuming import Ground

PARTITIONS = 2


@pytest.fixture
async def ground(stack: LocalStack, migrated_database: str) -> AsyncIterator[Ground]:
    topics = Topics(prefix=f"g{secrets.token_hex(3)}.")
    await create_topics_at(stack.kafka_bootstrap, topics, [LEDGER], PARTITIONS)
    async with fresh_database(stack, migrated_database) as url:
        connection = await connect(url, role="test")
        yield Ground(kafka=stack.kafka_bootstrap, database_url=url, topics=topics, connection=connection)
        await connection.close()
