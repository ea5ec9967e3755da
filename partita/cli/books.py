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
        Transient: Somebody else holds what the door needs, or a statement takes too long.
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
    except asyncpg.QueryCanceledError as error:
        limit_s = app.settings.statement_timeout_s
        raise Transient(
            f"A statement took longer than {limit_s:g} s; try again when less is going on, or raise "
            "PARTITA_STATEMENT_TIMEOUT_S for this call."
        ) from error
    finally:
        await connection.close()
