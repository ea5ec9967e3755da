"""The engine's tests sit at a desk of their own."""

from collections.abc import AsyncIterator

import pytest

from processor.database import Connection
from tests.engine.desk import Desk


@pytest.fixture
async def desk(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    opened = await Desk.open(connection, database_url)
    yield opened
    await opened.database.close()
