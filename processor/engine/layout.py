"""The layout of a context: how many partitions its command topic has, hence in which lane a key lies.

Promise   A count that nobody has told the books of stops the context, because commands of one key would lie in two
          lanes. While a door changes it, whoever asks waits for the outcome.
Cost      Two statements on each assignment.
Invariant The count changes, and the lanes that come with it are made, in one transaction that holds every lane.
"""

from typing import Final

from processor.database import Connection, named_queries
from processor.errors import Incident, NotPrepared

_SQL: Final = named_queries("processor.engine", "layout.sql")


async def known_layout(connection: Connection, context: str, partitions: int) -> int:
    """Return the partition count of *context*; where it has none yet, it is *partitions* from now on."""
    await connection.execute(_SQL["keep"], context, partitions)
    known: int = await connection.fetchval(_SQL["layout"], context)
    return known


def require_layout(context: str, known: int, partitions: int) -> None:
    """Make sure that *context*, which is to have *known* partitions, has so many.

    Raises:
        Incident: It has another count: keys have changed their lanes, and an account's commands may have their order.
    """
    if known != partitions:
        raise Incident(
            f"{context} was started with {known} partitions and its command topic now has {partitions}; "
            "`partita topics grow` is the way to change that, also afterwards."
        )


async def hold_in_tx(tx: Connection, context: str) -> int:
    """Stop *context* until commit, and return its partition count.

    Raises:
        NotPrepared: It was never started.
    """
    known: int | None = await tx.fetchval(_SQL["lock_layout"], context)
    if known is None:
        raise NotPrepared(f"No consumer of {context} was ever started; make its topics anew as they are to be.")
    await tx.execute(_SQL["lock_lanes"], context)
    return known


async def grow_in_tx(tx: Connection, context: str, *, known: int, partitions: int) -> None:
    """Give *context*, which is held and has *known* partitions, lanes for so many *partitions*."""
    for partition in range(known, partitions):
        await tx.execute(_SQL["add_lane"], context, partition)
    await tx.execute(_SQL["change_layout"], context, partitions)


async def unpublished(connection: Connection, context: str) -> int:
    """Return how many events of *context* were not published yet."""
    events: int = await connection.fetchval(_SQL["unpublished"], context)
    return events


async def relays(connection: Connection, context: str) -> int:
    """Return how many relays of *context* have a session."""
    return await _sessions(connection, f"partita relay {context}")


async def schedulers(connection: Connection, context: str) -> int:
    """Return how many schedulers of *context* have a session."""
    return await _sessions(connection, f"partita scheduler {context}")


async def _sessions(connection: Connection, name: str) -> int:
    sessions: int = await connection.fetchval(_SQL["sessions"], name)
    return sessions
