"""Rollups written anew from the rows they are of, beside imports and readers that go on.

Promise   Afterwards the rollups are those of all rows. Nobody sees them half written: it is one transaction.
Cost      That of an audit of them and of rolling up each row again, some microseconds for each. Nobody waits for it:
          rows that are imported meanwhile are behind the rollups.
"""

from dataclasses import dataclass

from processor.activity.metrics_checks import METRICS_CHECKS
from processor.activity.metrics_upkeep import roll_up_in_tx
from processor.database import Connection, named_queries
from processor.engine.audit import audit

_SQL = named_queries("processor.activity", "metrics_rebuilding.sql")


@dataclass(frozen=True, kw_only=True)
class RolledUp:
    """Of how many *merchants* rows were rolled up, and how many rollups had *differed* from their rows."""

    merchants: int
    differed: int


async def rebuild(connection: Connection) -> RolledUp:
    """Rebuild the rollups; *connection* is in no transaction."""
    found = await audit(connection, METRICS_CHECKS)
    async with connection.transaction():
        await connection.execute(_SQL["hold"])
        await connection.execute(_SQL["forget"])
        await roll_up_in_tx(connection, rows=1)
        merchants = await connection.fetchval(_SQL["merchants"])
    return RolledUp(merchants=merchants, differed=sum(result.broken for result in found.results))
