"""The upkeep of the rollups that metrics are read from: rows come into them many at a time.

Promise   A metric does not depend on when rows are rolled up, nor on whether: what is not in the rollups yet is read
          beside them. So a worker that dies, and an import that is cancelled, leave nothing that has to be mended.
Cost      Two passes over the rows and one over the merchants they are of; nothing while fewer than *rows* are behind.
          Nobody waits: one rolls up at a time, and others leave it to that one.
Invariant Numbers of rows are in the order of commits, because they are given under the merge lock: below a number that
          is seen no row comes later.
"""

from typing import Final

import asyncpg

from processor.database import Connection, Database, named_queries

ROWS_BEHIND_MAX: Final = 250_000  # what a metric reads beside the rollups while an import runs
ROWS_AT_ONCE: Final = 1_000_000  # in one statement, which takes some seconds at most

_SQL = named_queries("processor.activity", "metrics_upkeep.sql")


async def roll_up_in_tx(tx: Connection, *, rows: int = ROWS_BEHIND_MAX) -> int:
    """Bring the rows behind the rollups into them where there are *rows* or more; return how many those were.

    Rows that the transaction itself has written count if it holds the merge lock.
    """
    behind = await tx.fetchrow(_SQL["behind"])
    assert behind is not None, "a table of one row"
    last: int = behind["last_row_no"]
    if last - behind["row_no"] < rows:
        return 0
    first: int | None = await tx.fetchval(_SQL["begin_roll"])
    if first is None or first >= last:
        return 0
    await tx.execute(_SQL["settle_roll"])
    for begin in range(first, last, ROWS_AT_ONCE):
        end = min(begin + ROWS_AT_ONCE, last)
        await tx.execute(_SQL["roll_facets"], begin, end)
        await tx.execute(_SQL["roll_merchants"], begin, end)
    await tx.execute(_SQL["rolled"], last)
    await tx.execute(_SQL["unsettle_roll"])
    return last - first


async def summarise(database: Database) -> None:
    """Make rows that were rolled up known to the index of their numbers, unless somebody vacuums: that does it too."""
    try:
        async with database.transaction() as tx:
            await tx.execute(_SQL["summarise"])
    except asyncpg.LockNotAvailableError:
        return
