"""The engine's tests sit at a desk of their own, and may ask what a batch costs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from contracts.envelope import Command
from processor.database import Connection
from processor.engine.copy import Table
from tests.engine.desk import Desk, fill, moving, names


@pytest.fixture
async def desk(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    opened = await Desk.open(connection, database_url)
    yield opened
    await opened.database.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what grows by every COPY."""
    seen: list[str] = []
    copy_in_tx = Table.copy_in_tx

    async def counted(self: Table, tx: Connection, rows: Any) -> None:
        rows = list(rows)
        seen.extend([f"COPY {self.name}"] if rows else [])
        await copy_in_tx(self, tx, rows)

    monkeypatch.setattr(Table, "copy_in_tx", counted)
    return seen


@pytest.fixture
def cost_of(desk: Desk, statements: list[str]) -> Callable[..., Awaitable[int]]:
    """Return what runs commands as one batch and counts its ``statements``."""

    async def counted(*commands: Command) -> int:
        session = await desk.database.connection()

        def log(record: asyncpg.connection.LoggedQuery) -> None:
            statements.append(record.query)

        one, two = names(2)
        await fill(desk, [one, two])
        await desk.run([desk.part(moving(one, two, "1"))])  # by now every statement is prepared
        statements.clear()
        session.add_query_logger(log)
        await desk.run([desk.part(*commands)])
        session.remove_query_logger(log)
        return len(statements)

    return counted
