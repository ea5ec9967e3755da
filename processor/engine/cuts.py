"""A cut: how far each lane of a context had come at one moment. A snapshot that no transaction has to keep open.

Promise   Whoever writes holds its lane until commit, and rows that are shared are locked; so what lies below a cut
          (seq < ``next_seq``, by lane) is complete, consistent, and the same for ever, in any process.
Cost      One statement on one row per partition.
Invariant A lane that a cut does not know began after it: it counts as standing at 1.
"""

from collections.abc import Mapping

from msgspec import Struct

from processor.database import Connection, named_queries

_SQL = named_queries("processor.engine", "engine.sql")


class Cut(Struct, frozen=True, kw_only=True):
    """Where the lanes of *context* stood. *next_seq* maps a partition to its first number that lies above the cut."""

    context: str
    epoch: int
    next_seq: Mapping[int, int]

    def holds(self, *, partition: int, seq: int) -> bool:
        """Say whether what bears this stamp lies below the cut."""
        return seq < self.next_seq.get(partition, 1)


async def take_cut(connection: Connection, context: str) -> Cut:
    """Return where the lanes of *context* stand now, by what is committed."""
    rows = await connection.fetch(_SQL["cut"], context)
    epoch = max((row["epoch"] for row in rows), default=1)
    return Cut(context=context, epoch=epoch, next_seq={row["partition"]: row["next_seq"] for row in rows})
