"""Rows of a context's own tables as a batch sees them: what the rules read of them, and what their decisions leave.

A rule's decision names what it puts on a shelf, which rules may read again (``Put``), and what it adds for ever
(``Kept``). Nothing here knows a driver.
"""

from collections.abc import Hashable, Iterable
from typing import Any

from msgspec import Struct

from processor.engine.decision import Stamp


class Shelved(Struct):
    """A row of a shelf: what the rules see of it, and the bookkeeping that they do not.

    A new one has the version 0 and the stamp of the decision that made it.
    """

    value: Any
    version: int = 0
    changed: bool = False
    lane_no: int = 0
    seq: int = 0


ByKey = dict[Hashable, Shelved]
Shelves = dict[str, ByKey]


class Kept(Struct, frozen=True, gc=False):
    """A row of an append-only *table*, which no rule reads again: a change.

    *values* are those of the columns behind the stamp (lane_no, seq, instant), in the table's order.
    """

    table: str
    values: tuple[int | str | bytes | bool | None, ...]


class Put(Struct, frozen=True, gc=False):
    """A row of a shelf's *table* as it is made or changed, which rules may ask for by its *key*: another change."""

    table: str
    key: Hashable
    value: Any


class Shelving:
    """The rows of a batch: those on *shelves*, by table and key, and those to add to append-only tables."""

    def __init__(self, shelves: Shelves | None = None) -> None:
        self.shelves: Shelves = shelves or {}
        self.kept: dict[str, list[tuple[Any, ...]]] = {}

    def shelved(self, table: str, key: Hashable) -> Any | None:
        """Return a row of a shelf as the decisions so far leave it, or None."""
        found = self.shelves.get(table, {}).get(key)
        return None if found is None else found.value

    def shelve(self, put: Put, stamp: Stamp) -> None:
        """Put a row in the place of the one that has its key, if there is one."""
        shelf = self.shelves.setdefault(put.table, {})
        if (known := shelf.get(put.key)) is not None:
            known.value, known.changed = put.value, True
        else:
            shelf[put.key] = Shelved(put.value, changed=True, lane_no=stamp.lane_no, seq=stamp.seq)

    def keep(self, table: str, stamp: Stamp, values: Iterable[Any]) -> None:
        """Add a row to an append-only table, behind its stamp."""
        self.kept.setdefault(table, []).append((stamp.lane_no, stamp.seq, stamp.instant_us, *values))
