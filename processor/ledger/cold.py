"""The ledger's cold storage: which of its tables move, and from which day on rows are young.

Invariant Only what is never changed and never locked moves. Of it a batch reads answers, what is undone, and balances
          of the past, by keys that are looked up in hot and cold at once; what else it depends on stays where it is.
"""

import asyncio
from datetime import datetime, tzinfo
from functools import partial
from typing import Final

from contracts.specs import LEDGER
from processor.database import Connection, named_queries
from processor.engine import cold
from processor.engine.cold import EVENTS, Moved, Moving, OnProgress
from processor.engine.jobs import Chore, Every

_SQL = named_queries("processor.ledger", "cold.sql")


TABLES: Final = (
    Moving(
        table="entry",
        move=_SQL["move_entries"],
        tidy=_SQL["tidy_entries"],
        survey=_SQL["survey_entries"],
    ),
    Moving(
        table="batch_leg",
        move=_SQL["move_batch_legs"],
        tidy=_SQL["tidy_batch_legs"],
        survey=_SQL["survey_batch_legs"],
    ),
    Moving(
        table="side_leg",
        move=_SQL["move_side_legs"],
        tidy=_SQL["tidy_side_legs"],
        survey=_SQL["survey_side_legs"],
    ),
    Moving(
        table="transaction",
        move=_SQL["move_transactions"],
        tidy=_SQL["tidy_transactions"],
        survey=_SQL["survey_transactions"],
    ),
    EVENTS,
)


def boundary(now: datetime, zone: tzinfo, months: int) -> datetime:
    """Return when the oldest month that stays began: so many full ones stay, of *zone*, beside that of *now*."""
    today = now.astimezone(zone)
    years, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return datetime(years, month + 1, 1, tzinfo=zone)


async def move(
    connection: Connection,
    before: datetime,
    *,
    on_progress: OnProgress | None = None,
    stop: asyncio.Event | None = None,
) -> Moved:
    """Move what was decided *before* that instant; see the engine's ``move``."""
    return await cold.move(connection, LEDGER, TABLES, before, on_progress=on_progress, stop=stop)


def chore(zone: tzinfo, months: int) -> Chore:
    """Return the job that has so many full months stay hot; it counts the rows that it moves."""
    return Chore(name="cold-storage", every=Every.MONTH, work=partial(_work, zone, months))


async def _work(zone: tzinfo, months: int, connection: Connection, as_of: datetime) -> int:
    return sum((await move(connection, boundary(as_of, zone, months))).rows.values())
