"""The way to PostgreSQL: connections set up alike, named SQL, one session that lasts.

Promise   Every connection has its timeouts, reads a UUID as 16 bytes and a timestamp as an aware UTC datetime.
Invariant SQL lives in ``.sql`` files, one named query a block; a name used twice, or SQL before the first name, is
          refused when the file is loaded.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg

from processor.errors import Transient

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

# What a session may raise when the server, or the way to it, is ill. (A session that is lost while asyncpg looks a type
# up raises InternalClientError.)
DATABASE_ILL: Final = (
    *(Transient, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
)

_NAME: Final = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)


def named_queries(package: str, file: str) -> Mapping[str, str]:
    """Return the queries of *file* in *package*, by name."""
    return parse_queries(resources.files(package).joinpath(file).read_text("utf-8"), source=file)


def parse_queries(text: str, *, source: str) -> Mapping[str, str]:
    """Return the blocks of *text*, each begun by a line ``-- name: ...``."""
    head, *rest = _NAME.split(text)
    if re.sub(r"--.*", "", head).strip():
        raise ValueError(f"{source}: SQL before the first '-- name:'")
    names, bodies = rest[0::2], rest[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{source}: a name is used twice")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long a session waits. Past ``lock_s`` the batch is rolled back and run again."""

    connect_s: float = 10.0
    lock_s: float = 5.0
    statement_s: float = 60.0
    idle_in_transaction_s: float = 30.0

    def settings(self) -> dict[str, str]:
        """Return them as PostgreSQL's session settings, in milliseconds."""
        return {
            "lock_timeout": str(round(self.lock_s * 1000)),
            "statement_timeout": str(round(self.statement_s * 1000)),
            "idle_in_transaction_session_timeout": str(round(self.idle_in_transaction_s * 1000)),
        }


async def connect(url: str, *, role: str, timeouts: Timeouts | None = None) -> Connection:
    """Open one connection for *role*, the name that ``pg_stat_activity`` will show.

    Raises:
        Transient: The server cannot be reached, or does not let us in.
    """
    timeouts = timeouts or Timeouts()
    try:
        connection: Connection = await asyncpg.connect(
            url,
            timeout=timeouts.connect_s,
            max_cached_statement_lifetime=0,  # prepared once, kept for the life of the session
            server_settings={"application_name": f"partita {role}", "TimeZone": "UTC", "jit": "off"}
            | timeouts.settings(),
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        cause = str(error) or type(error).__name__
        raise Transient(
            f"PostgreSQL cannot be reached ({cause}); check PARTITA_DATABASE_URL and that the server runs.",
            reconnect=True,
        ) from error
    # A UUID is 16 bytes here: no objects are made for it on the path of every command.
    await connection.set_type_codec("uuid", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes)
    return connection


class Database:
    """One lasting session, opened when first needed and again after it was lost.

    A session is used by one task at a time: a batch consumer, a relay and a reader each own one.
    """

    def __init__(self, url: str, *, role: str, timeouts: Timeouts | None = None) -> None:
        self._url = url
        self._role = role
        self._timeouts = timeouts
        self._connection: Connection | None = None

    async def connection(self) -> Connection:
        """Return the open session, opening it where it is not."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, role=self._role, timeouts=self._timeouts)
        return self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Begin, hand over the session, commit; roll back where the block raises."""
        connection = await self.connection()
        async with connection.transaction():
            yield connection

    def drop(self) -> None:
        """Give the session up at once, without a word to the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """End the session."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()
        self._connection = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def affected(status: Any) -> int:
    """Return the number of rows that a command's status line, such as ``UPDATE 3``, speaks of."""
    return int(str(status).rsplit(" ", 1)[-1])
