"""The way to PostgreSQL: connections set up alike, named SQL, one session that lasts.

Promise   Every connection has its timeouts, reads a UUID as 16 bytes and a timestamp as an aware UTC datetime. Whatever
          becomes of the server or of the way to it, a statement ends: with an answer, or with an error in DATABASE_ILL.
Invariant SQL lives in ``.sql`` files, one named query a block; a name used twice, or SQL before the first name, is
          refused when the file is loaded.
"""

import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg
from asyncpg.transaction import Transaction

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

# The sqlstates of a COMMIT that leave open whether it happened; a client library says 08 for the server.
_OUTCOME_UNKNOWN: Final = ("08", "40003", "57P")

# A session that lasts makes its plans while the tables are small, and keeps them.
_BY_INDEX: Final = {"enable_seqscan": "off", "enable_bitmapscan": "off"}

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


class CommitUnknown(Transient):
    """COMMIT was asked for and no answer came: the transaction is in the books, or it is not."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long a session waits. Past ``lock_s`` the batch is rolled back and run again.

    A client that owes its transaction the next word for ``blocker_s`` counts as frozen, and a machine from which no TCP
    packet comes for ``peer_s`` as gone. An answer is waited for a little longer than the server works on a statement.
    """

    connect_s: float = 10.0
    lock_s: float = 5.0
    statement_s: float = 30.0
    idle_in_transaction_s: float = 30.0
    blocker_s: float = 10.0
    peer_s: float = 24.0
    answer_grace_s: float = 5.0

    @property
    def answer_s(self) -> float:
        """Return how long an answer is waited for, however the way to the server is."""
        return self.statement_s + self.answer_grace_s

    def settings(self) -> dict[str, str]:
        """Return them as PostgreSQL's session settings, in milliseconds; keepalives in seconds."""
        return {
            "lock_timeout": _milliseconds(self.lock_s),
            "statement_timeout": _milliseconds(self.statement_s),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle_in_transaction_s),
            "tcp_user_timeout": _milliseconds(self.peer_s),
            **{f"tcp_keepalives_{name}": str(value) for name, value in self.keepalives().items()},
        }

    def keepalives(self) -> dict[str, int]:
        """Return after how many seconds of silence TCP asks, in what interval, and how often: within ``peer_s``."""
        count = 3
        interval = max(1, int(self.peer_s / (2 * count)))
        return {"idle": count * interval, "interval": interval, "count": count}


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


async def connect(
    url: str, *, role: str, timeouts: Timeouts | None = None, planning: Mapping[str, str] = MappingProxyType({})
) -> Connection:
    """Open one connection for *role*, the name that ``pg_stat_activity`` will show; *planning* are further settings.

    Raises:
        Transient: The server cannot be reached, or does not let us in.
    """
    timeouts = timeouts or Timeouts()
    try:
        connection: Connection = await asyncpg.connect(
            url,
            timeout=timeouts.connect_s,
            command_timeout=timeouts.answer_s,
            max_cached_statement_lifetime=0,  # prepared once, kept for the life of the session
            server_settings={"application_name": f"partita {role}", "TimeZone": "UTC", "jit": "off"}
            | timeouts.settings()
            | dict(planning),
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        cause = str(error) or type(error).__name__
        raise Transient(
            f"PostgreSQL cannot be reached ({cause}); check PARTITA_DATABASE_URL and that the server runs.",
            reconnect=True,
        ) from error
    _keep_alive(connection, timeouts)
    # A UUID is 16 bytes here: no objects are made for it on the path of every command.
    await connection.set_type_codec("uuid", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes)
    return connection


def _keep_alive(connection: Connection, timeouts: Timeouts) -> None:
    """Have this end of *connection* watch the other as that one watches us; a Unix socket needs no watching."""
    reached: socket.socket | None = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001 - no other door
    if reached is None or reached.family == socket.AF_UNIX:
        return
    keepalives = timeouts.keepalives()
    reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, keepalives["interval"])
    reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, keepalives["count"])
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalives["idle"])
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(timeouts.peer_s * 1000))


class Database:
    """One lasting session, opened when first needed and again after it was lost. It reads by index wherever it can.

    A session is used by one task at a time: a batch consumer, a relay and a reader each own one.
    """

    def __init__(self, url: str, *, role: str, timeouts: Timeouts | None = None) -> None:
        self._url = url
        self._role = role
        self.timeouts = timeouts or Timeouts()
        self._connection: Connection | None = None

    async def connection(self) -> Connection:
        """Return the open session, opening it where it is not."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, role=self._role, timeouts=self.timeouts, planning=_BY_INDEX)
        return self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Begin, hand over the session, commit; roll back where the block raises.

        Raises:
            CommitUnknown: COMMIT was sent, and what became of it is not known.
        """
        connection = await self.connection()
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield connection
        except BaseException as error:
            await self._roll_back(transaction, error)
            raise
        await _commit(transaction)

    async def _roll_back(self, transaction: Transaction, error: BaseException) -> None:
        """Undo, unless *error* says that nobody answers: then the session is given up, and the server undoes it."""
        if isinstance(error, (TimeoutError, OSError)):
            self.drop()
            return
        try:
            await transaction.rollback()
        except DATABASE_ILL:  # what is raised is the first error: it says why
            self.drop()

    def drop(self) -> None:
        """Give the session up at once, without a word to the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """End the session."""
        if self._connection is not None and not self._connection.is_closed():
            with suppress(*DATABASE_ILL):
                await self._connection.close(timeout=self.timeouts.connect_s)
        self._connection = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _commit(transaction: Transaction) -> None:
    try:
        await transaction.commit()
    except DATABASE_ILL as error:
        sqlstate = (error.sqlstate if isinstance(error, asyncpg.PostgresError) else None) or ""
        if isinstance(error, asyncpg.PostgresError) and not sqlstate.startswith(_OUTCOME_UNKNOWN):
            raise  # the server has refused it
        raise CommitUnknown("no answer to COMMIT", sqlstate=sqlstate, reconnect=True) from error


def affected(status: Any) -> int:
    """Return the number of rows that a command's status line, such as ``UPDATE 3``, speaks of."""
    return int(str(status).rsplit(" ", 1)[-1])
