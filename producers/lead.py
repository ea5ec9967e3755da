"""The lead: of several processes that could do a thing, one does it, and the others stand by.

Promise   One session leads under a name, as long as it lasts. Who loses the session has lost the lead, and knows it
          before it asks anything more of the database.
Cost      One statement to take it, and one for each try of who stands by.
Invariant A leader's questions go through the session that holds the lock, never through one that was opened anew.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from processor.database import Connection, Database, named_queries
from processor.errors import Transient
from producers.patience import first

_SQL: Final = named_queries("producers", "lead.sql")

OnSession = Callable[[Connection], Awaitable[None]]


class LeadLost(Transient):
    """Who asked leads no more, or never did."""


class Lead:
    """The lead under *name*. *on_session* sets a fresh session up, *on_taken* is told of the one that leads.

    How long a leader may be silent before the server ends its session is for *on_session* to set.
    """

    def __init__(self, database: Database, name: str, *, on_session: OnSession, on_taken: OnSession) -> None:
        self._database = database
        self._name = name
        self._on_session = on_session
        self._on_taken = on_taken
        self._session: Connection | None = None
        self._taken = False

    async def taken(self) -> bool:
        """Say whether this session leads, after trying to become the leader where it does not."""
        connection = await self._database.connection()
        if connection is not self._session:
            self._taken = False
            await self._on_session(connection)
            self._session = connection
        if not self._taken:
            self._taken = await connection.fetchval(_SQL["lead"], self._name)
            if self._taken:
                await self._on_taken(connection)
        return self._taken

    @property
    def session(self) -> Connection:
        """The session that leads.

        Raises:
            LeadLost: None does.
        """
        if self._session is None or not self._taken:
            raise LeadLost(f"{self._name} is led by another session, or by none", reconnect=True)
        return self._session

    @asynccontextmanager
    async def kept(self, every_s: float) -> AsyncIterator[None]:
        """Show the server *every_s* that this process is not frozen, in a block that asks it nothing.

        Raises:
            Transient, PostgresError and others of ``DATABASE_ILL``: The lead was lost meanwhile.
        """
        over = asyncio.Event()
        answering = asyncio.ensure_future(self._answer(over, every_s))
        try:
            yield
        finally:
            over.set()
            await answering

    async def _answer(self, over: asyncio.Event, every_s: float) -> None:
        while not await first(over, every_s):
            await self.session.execute(_SQL["answer"])

    def drop(self) -> None:
        """Give the session up, and the lead with it."""
        self._session = None
        self._taken = False
        self._database.drop()

    async def close(self) -> None:
        """End the session; whoever stands by may lead."""
        self._session = None
        self._taken = False
        await self._database.close()
