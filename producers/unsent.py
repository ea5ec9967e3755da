"""The relay's side of the database: who may publish, what comes next, how far it has got.

Promise   One relay per context leads, as long as its session lasts: ``SILENCE_S`` at most where its process is frozen.
          Positions move by compare-and-set, so that a relay which lost its lead unnoticed moves nothing.
Cost      One statement per page, one more to move the positions; no wait for the disk in either.
Invariant It never touches a lane's row: consumers hold those while they write. What was parked is known to whoever
          leads, from the table, before anything is published.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from processor.database import Connection, Database, affected, named_queries
from producers.lead import Lead
from producers.shipment import Origin, RecordTooLarge

# A leader that asks nothing for so long is frozen. A turn in which Kafka answers nothing is shorter: it starts a
# producer, learns of topics, waits for acknowledgements, closes, and backs off.
SILENCE_S: Final = 90.0

_SQL: Final = named_queries("producers", "relay.sql")


class Move(NamedTuple):
    """How far a lane's position moves."""

    lane_no: int
    old: int
    new: int


class PositionTaken(Exception):
    """A position was not where it was read: another relay publishes for this context."""


class Unsent:
    """The events of one context that wait to be published."""

    def __init__(
        self, database: Database, context: str, *, on_news: Callable[[], None], silence_s: float = SILENCE_S
    ) -> None:
        self._lead = Lead(
            database, f"partita relay {context}", on_session=self._set_up_session, on_taken=self._read_parked
        )
        self._context = context
        self._on_news = on_news
        self._silence_s = silence_s
        self._listening: Connection | None = None
        self.parked: set[Origin] = set()  # events that wait, and that their topic will never take

    async def lead(self) -> bool:
        """Say whether this session leads the context, after trying to become the leader where it does not."""
        return await self._lead.taken()

    async def _set_up_session(self, connection: Connection) -> None:
        await connection.execute(_SQL["set_up_session"], str(round(self._silence_s * 1000)))
        await connection.add_listener(f"partita_{self._context}", self._hear)
        self._listening = connection

    async def _read_parked(self, connection: Connection) -> None:
        self.parked.update(Origin(*row) for row in await connection.fetch(_SQL["parked"], self._context))

    async def page(self, size: int) -> Sequence[asyncpg.Record]:
        """Return about *size* of the next events, every lane's in order and without a gap."""
        return await self._lead.session.fetch(_SQL["page"], self._context, size)

    async def park(self, refused: RecordTooLarge) -> None:
        """Give an event up for good, and remember that beyond this process."""
        row = (*refused.origin, refused.topic, refused.bytes, "its topic takes no record of this size")
        await self._lead.session.execute(_SQL["park"], *row)
        self.parked.add(refused.origin)

    async def mark_sent(self, moves: Sequence[Move]) -> None:
        """Move positions.

        Raises:
            PositionTaken: Not all of them were where they had been read.
        """
        connection = self._lead.session
        if untouched := [move.lane_no for move in moves if move.old == 0]:
            await connection.execute(_SQL["make_positions"], untouched)
        columns = [list(column) for column in zip(*moves, strict=True)]
        if affected(await connection.execute(_SQL["mark_sent"], *columns)) != len(moves):
            raise PositionTaken(f"another relay publishes for {self._context}")

    def drop(self) -> None:
        """Give the session up, and the lead with it."""
        self._lead.drop()

    async def close(self) -> None:
        """End the session; whoever stands by may lead."""
        if self._listening is not None and not self._listening.is_closed():
            await self._listening.remove_listener(f"partita_{self._context}", self._hear)
        await self._lead.close()

    def _hear(self, *_: Any) -> None:
        self._on_news()


class Unpublished(NamedTuple):
    """What waits in one lane, and since when."""

    partition: int
    events: int
    oldest: Any


async def unpublished(connection: Connection, context: str) -> list[Unpublished]:
    """Return for every lane of *context* how many events wait, and the instant of the oldest (None for none)."""
    return [Unpublished(*row) for row in await connection.fetch(_SQL["unpublished"], context)]
