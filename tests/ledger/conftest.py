"""One session for all tests of a module that spoil books and have them audited: it knows the tables and the checks."""

from collections.abc import AsyncIterator

import pytest_asyncio

from processor.database import Connection, connect
from tests.ledger.audit_story import story, tell


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(database_url: str) -> AsyncIterator[Connection]:
    opened = await connect(database_url, role="test")
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story_told(connection: Connection) -> Connection:
    """Have the story in the module's books for good, for tests that spoil it and undo that."""
    await tell(connection, story())
    return connection
