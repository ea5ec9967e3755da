"""Books that modules may spoil and have audited, in one session that knows the tables and the checks."""

from collections.abc import AsyncIterator

import pytest_asyncio

from processor.database import Connection, connect
from tests.expenses.audit_books import write


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(database_url: str) -> AsyncIterator[Connection]:
    await write(database_url)
    opened = await connect(database_url, role="test")
    yield opened
    await opened.close()
