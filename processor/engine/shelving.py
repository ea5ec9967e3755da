"""Rows of a context's own tables as a batch sees them: what the rules read of them, and what their decisions leave.

A rule's decision names what it puts on a shelf, which rules may read again (``Put``), and what it adds for ever
(``Kept``). Nothing here knows a driver.
"""

from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct

from contracts.envelope import Command
from processor.engine.decision import Applied, Decision, Stamp


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


class ShelvedWorld(Shelving):
    """A world that is nothing but shelves: decisions put rows on them, and keep rows for ever.

    New rows of the table *numbered* take *numbers*, of which one was fetched for each that the batch may make;
    ``fresh_no`` is that of the next one, 0 for none.
    """

    numbered: ClassVar[str]

    def __init__(
        self, shelves: Shelves | None = None, *, numbers: Iterable[int] = (), last_changed_at: datetime | None = None
    ) -> None:
        super().__init__(shelves)
        self.last_changed_at = last_changed_at
        self.instant: datetime | None = None  # of the decisions that were applied
        self._numbers = iter(numbers)
        self.fresh_no = next(self._numbers, 0)

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:  # noqa: ARG002 - a world's signature
        """Make *decision* part of the world; a refusal leaves nothing."""
        if isinstance(decision, Applied):
            self.instant = stamp.instant
            for change in decision.changes:
                self.change(change, stamp)

    def change(self, change: Any, stamp: Stamp) -> None:
        """Make one change part of the world; a context with changes of its own kinds takes those out before."""
        if isinstance(change, Kept):
            self.keep(change.table, stamp, change.values)
            return
        assert isinstance(change, Put), f"{type(self).__name__} knows no change of the kind {type(change).__name__}"
        if change.table == self.numbered and change.key not in self.shelves.get(change.table, {}):
            self.fresh_no = next(self._numbers, 0)
        self.shelve(change, stamp)
