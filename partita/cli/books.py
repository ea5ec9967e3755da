"""How doors that read the books reach them: a session on a database of this very version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from partita.app import App
from processor.database import Connection
from processor.migrate import require_current


@asynccontextmanager
async def reading(app: App, role: str) -> AsyncIterator[Connection]:
    """Open a session for *role*.

    Raises:
        NotPrepared: The database is not at this version.
    """
    connection = await app.connect(role)
    try:
        await require_current(connection)
        yield connection
    finally:
        await connection.close()
