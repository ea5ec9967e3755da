"""Shelves: a context's own tables of rows that change, and how what a batch leaves of them is written.

Invariant A row is written only where it is still as it was read; the numbers of rows are counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from operator import itemgetter
from typing import Any

from processor.database import Connection, affected
from processor.engine.copy import Table
from processor.engine.shelving import Shelved, Shelving
from processor.moments import microseconds


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A table of rows that change.

    *made* returns the columns of a new row, in the order of *table*, at an instant in microseconds. *changed* returns
    what the query *update* takes of a row as arrays, in its order; behind them it takes the versions that were read,
    and the instant.
    """

    table: Table
    update: str
    made: Callable[[Shelved, int], tuple[Any, ...]]
    changed: Callable[[Any], tuple[Any, ...]]


async def add_kept_in_tx(tx: Connection, tables: Mapping[str, Table], world: Shelving) -> None:
    """Write what *world* adds to its append-only tables."""
    for name, rows in sorted(world.kept.items()):
        await tables[name].copy_in_tx(tx, starmap(tables[name].pack, rows))


async def save_shelf_in_tx(tx: Connection, shelf: Shelf, world: Shelving, instant: datetime) -> None:
    """Write what *world* has made and changed on one shelf."""
    rows: dict[Any, Shelved] = world.shelves.get(shelf.table.name, {})
    changed = sorted(((key, row) for key, row in rows.items() if row.changed), key=itemgetter(0))
    known = [(*shelf.changed(row.value), row.version) for _, row in changed if row.version > 0]
    if known:  # before what is new, which may take the place of what has ended
        await update_in_tx(tx, shelf.update, known, instant)
    made = [shelf.made(row, microseconds(instant)) for _, row in changed if row.version == 0]
    await shelf.table.copy_in_tx(tx, starmap(shelf.table.pack, made))


async def update_in_tx(tx: Connection, statement: str, rows: Sequence[tuple[Any, ...]], instant: datetime) -> None:
    """Change *rows* by a statement that takes their columns as arrays, and the instant last."""
    arrays = [list(column) for column in zip(*rows, strict=True)]
    status = await tx.execute(statement, *arrays, instant)
    assert affected(status) == len(rows), "rows that were locked are still as they were read"
