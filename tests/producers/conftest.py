"""A context of its own for every test that publishes: lanes, topics, nothing in them."""

import secrets

import pytest

from contracts.catalog import Topics
from processor.database import Connection
from tests.conftest import CreateTopics
from tests.producers.books import Books


@pytest.fixture
async def books(
    connection: Connection, database_url: str, kafka: str, topics: Topics, create_topics: CreateTopics
) -> Books:
    context = f"c{secrets.token_hex(3)}"
    await create_topics([context], 4)
    return Books(connection=connection, database_url=database_url, kafka=kafka, topics=topics, context=context)
