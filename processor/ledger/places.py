"""Where an instant or a cut lies in an account's entries, which are numbered in the order of time.

Cost      One statement of about twenty look-ups by the primary key, however many entries there are.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from processor.database import Connection, named_queries
from processor.engine.cuts import CutLane

_SQL = named_queries("processor.ledger", "places.sql")


async def entries_before(
    connection: Connection, account_no: int, last_entry_no: int, instants: Iterable[datetime]
) -> dict[datetime, int]:
    """Return for each instant the last entry before it, 0 for none; no entry after *last_entry_no* is looked at."""
    rows = await connection.fetch(_SQL["entries_before"], account_no, last_entry_no, list(instants))
    return {row["instant"]: row["entry_no"] for row in rows}


async def last_entry_below(
    connection: Connection, account_no: int, last_entry_no: int, lanes: Sequence[CutLane]
) -> int:
    """Return the last entry of an account that lies below the cut of these *lanes*, 0 for none."""
    below = ([lane.lane_no for lane in lanes], [lane.next_seq for lane in lanes])
    entry_no: int = await connection.fetchval(_SQL["last_entry_below"], account_no, last_entry_no, *below)
    return entry_no
