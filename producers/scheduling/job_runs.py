"""What each job has done so far: noted after the fact, for people and for what runs once a period.

Invariant Nothing that is decided depends on it. A note that is lost has a job run again, which its ids make harmless.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from processor.database import Connection, named_queries

_SQL: Final = named_queries("producers.scheduling", "scheduler.sql")


class Run(NamedTuple):
    """What is known of a job: as of when it has run, in which period that was, and its counts so far."""

    last_run_at: datetime
    last_period: datetime
    published: int
    missed: int


async def runs(connection: Connection, context: str) -> Mapping[str, Run]:
    """Return what is known of each job of *context* that has ever run."""
    return {name: Run(*row) for name, *row in await connection.fetch(_SQL["runs"], context)}


async def note_run(
    connection: Connection, context: str, job: str, *, as_of: datetime, period: datetime, published: int, missed: int
) -> None:
    """Write down that *job* has run as of an instant of *period*; *published* and *missed* are added to its counts."""
    await connection.execute(_SQL["note_run"], context, job, as_of, period, published, missed)


async def applied(connection: Connection, context: str) -> Mapping[int, int]:
    """Return up to where each partition of *context* has been applied."""
    rows = await connection.fetch(_SQL["applied"], context)
    return {row["partition"]: row["next_offset"] for row in rows}


async def clock(connection: Connection) -> datetime:
    """Return the database's clock."""
    instant: datetime = await connection.fetchval(_SQL["clock"])
    return instant
