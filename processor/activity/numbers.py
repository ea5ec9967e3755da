"""The numbers that rows have in place of names: of merchants, and of kinds.

Promise   A name has one number for ever, whoever gives it. Numbers that a transaction has given count for it alone
          until `settle` says that it was committed.
Cost      Nothing for names that were seen before; else two statements for a chunk, some ten microseconds a name.
Bound     So many names are kept in memory; beyond that all are asked for again.
Invariant Whoever asks holds the merge lock.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np

from processor.activity.columns import Ints
from processor.activity.names import cells_of
from processor.activity.rows import Rows
from processor.database import Connection, named_queries

NAMES_MAX: Final = 100_000  # of each sort

_SQL: Final = named_queries("processor.activity", "merging.sql")
_Ask = Callable[[Connection, Sequence[bytes]], Awaitable[list[int]]]


class Numbers:
    """What one importer knows of numbers."""

    def __init__(self) -> None:
        self._merchants = _Known(_merchants_in_tx)
        self._kinds = _Known(_kinds_in_tx)

    async def of_in_tx(self, tx: Connection, rows: Rows) -> tuple[Ints, Ints]:
        """Return the numbers of the merchants and kinds of *rows*; names that have none get one."""
        merchants = await self._merchants.of_in_tx(tx, rows.merchants, rows.merchant_codes)
        return merchants, await self._kinds.of_in_tx(tx, rows.kinds, rows.kind_codes)

    def settle(self) -> None:
        """Keep what the last transaction has said: it is committed."""
        self._merchants.settle()
        self._kinds.settle()

    def forget_new(self) -> None:
        """Forget what the last transaction has said: it is undone."""
        self._merchants.new.clear()
        self._kinds.new.clear()


class _Known:
    """Names of one sort: those of which numbers are committed, and new ones."""

    def __init__(self, ask: _Ask) -> None:
        self._ask = ask
        self._committed: dict[bytes, int] = {}
        self.new: dict[bytes, int] = {}

    async def of_in_tx(self, tx: Connection, names: Sequence[bytes], codes: Ints) -> Ints:
        """Return the number of each of *codes*, which stand for *names*; names of no code get none."""
        used = np.flatnonzero(np.bincount(codes, minlength=len(names)))
        unknown = [name for code in used.tolist() if (name := names[code]) not in self._committed]
        if unknown:
            self.new.update(zip(unknown, await self._ask(tx, unknown), strict=True))
        known = self._committed | self.new if unknown else self._committed
        numbers = np.zeros(len(names), np.int64)
        numbers[used] = [known[names[code]] for code in used.tolist()]
        return numbers[codes]

    def settle(self) -> None:
        if len(self._committed) + len(self.new) > NAMES_MAX:
            self._committed.clear()
        self._committed.update(self.new)
        self.new.clear()


async def _merchants_in_tx(tx: Connection, names: Sequence[bytes]) -> list[int]:
    return [row[0] for row in await tx.fetch(_SQL["number_merchants"], [name.decode() for name in names])]


async def _kinds_in_tx(tx: Connection, names: Sequence[bytes]) -> list[int]:
    columns = [list(column) for column in zip(*map(cells_of, names), strict=True)]
    return [row[0] for row in await tx.fetch(_SQL["number_kinds"], *columns)]
