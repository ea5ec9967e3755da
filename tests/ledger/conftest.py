"""One session for all tests of a module that spoil books and have them audited: it knows the tables and the checks."""

from collections.abc import AsyncIterator

import pytest_asyncio

from processor.database import Connection, connect


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(database_url: str) -> AsyncIterator[Connection]:
    opened = await connect(database_url, role="test")
    yield opened
    await opened.close()
