"""An office on the module's database, with a folder of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor.database import Connection
from tests.exports.office import Office


@pytest.fixture
async def office(connection: Connection, database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    opened = await Office.open(connection, database_url, tmp_path / "objects")
    yield opened
    await opened.desk.database.close()
