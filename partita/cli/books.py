"""How doors reach the books: a session on a database of this very version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from partita.app import App
from processor.database import Connection
from processor.errors import Transient
from processor.migrate import require_current


@asynccontextmanager
async def session(app: App, role: str) -> AsyncIterator[Connection]:
    """Open a session for *role*.

    Raises:
        NotPrepared: The database is not at this version.
        Transient: Somebody else holds what the door needs.
    """
    connection = await app.connect(role)
    try:
        await require_current(connection)
        yield connection
    except asyncpg.LockNotAvailableError as error:
        waited_s = app.settings.lock_timeout_s
        raise Transient(
            f"Another session has held what this needs for {waited_s:g} s; nothing was done. Try again."
        ) from error
    finally:
        await connection.close()
