"""One export as it is written: its slices copied into parts, and summed up beside that.

Promise   As many rows are in the parts as the sums say there are: whoever counts otherwise ends the export as failed.
Cost      A COPY for each slice, in one session, and its sums in another; one session where the rows are those of now.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from consumers.export_files import ExportFiles
from consumers.export_parts import Cutter
from contracts.money import decimal_text, exponent_of
from processor.database import Connection, Database, affected
from processor.engine.exporting import ExportKind, Slice
from processor.errors import Declined
from processor.exports.cuts import cut_of
from processor.exports.values import ExportTask

CSV_FORMATS: Final = ("csv", "csv.gz")


@asynccontextmanager
async def sessions(kind: ExportKind, open_session: Callable[[str], Database]) -> AsyncIterator[tuple[Connection, ...]]:
    """Open a session for rows and one for their sums; what shows the books as they are now is read in one snapshot."""
    async with AsyncExitStack() as stack:
        rows = await (await stack.enter_async_context(open_session("exports rows"))).connection()
        if kind.shows_now:
            await stack.enter_async_context(rows.transaction(isolation="repeatable_read", readonly=True))
            yield rows, rows
        else:
            yield rows, await (await stack.enter_async_context(open_session("exports sums"))).connection()


class Writing:
    """An export of *kind* on its way into *files*: how many rows were written, and what they sum to in minor units.

    *rows* and *sums* are the sessions that they are read in.
    """

    def __init__(
        self, kind: ExportKind, task: ExportTask, files: ExportFiles, rows: Connection, sums: Connection
    ) -> None:
        self.rows = 0
        self.minor: Counter[str] = Counter()
        self._kind = kind
        self._task = task
        self._cut = cut_of(task.cut)
        self._files = files
        self._reading = rows
        self._summing = sums

    @property
    def sums(self) -> dict[str, str]:
        """The sum of each currency, as a decimal text."""
        return {currency: decimal_text(minor, _exponent(currency)) for currency, minor in sorted(self.minor.items())}

    def facts(self, export_id: str) -> dict[str, Any]:
        """Return what the manifest says besides the parts."""
        is_csv = self._task.format in CSV_FORMATS
        return {
            "export_id": export_id,
            "kind": self._kind.name,
            "format": self._task.format,
            "filters": self._task.filters,
            "cut": msgspec.to_builtins(self._task.cut),
            "columns": [{"name": each.name, "cell": each.cell.value} for each in self._kind.columns] if is_csv else [],
            "heading": is_csv,
            "rows": self.rows,
            "sums": self.sums,
        }

    async def run(self, *, bytes_max: int, tell: Callable[[], Awaitable[None]]) -> None:
        """Write every part, and *tell* of it after each slice.

        Raises:
            Declined: The kind is not written in this format, what is asked about is not there, or counts differ.
            ObjectsIll: Something could not be stored.
        """
        if self._task.format not in CSV_FORMATS:
            await self._draw()
            return
        cutter = Cutter([column.name for column in self._kind.columns], bytes_max=bytes_max)
        async for one in self._kind.slices(self._reading, self._cut, self._task.filters):
            await self._copy(one, cutter)
            await tell()
        for filled in cutter.end():
            await self._files.add(filled)
        await self._files.settled()
        _require_equal(self._files.come.rows, self.rows)

    async def _copy(self, one: Slice, cutter: Cutter) -> None:
        async def take(data: bytes) -> None:
            for filled in cutter.feed(data):
                await self._files.add(filled)

        is_shared = self._reading is self._summing
        summing = None if is_shared else asyncio.ensure_future(self._summing.fetch(one.sums, *one.arguments))
        try:
            status = await self._reading.copy_from_query(one.rows, *one.arguments, output=take, format="csv")
            found = await (summing or self._reading.fetch(one.sums, *one.arguments))
        finally:
            if summing is not None:
                summing.cancel()
                await asyncio.gather(summing, return_exceptions=True)
        _require_equal(affected(status), sum(row["rows"] for row in found))
        self.rows += affected(status)
        self.minor.update({row["currency"]: int(row["minor"]) for row in found if row["currency"] is not None})

    async def _draw(self) -> None:
        draw = self._kind.drawn.get(self._task.format)
        if draw is None:
            raise Declined("format_unknown", f"This version does not write {self._kind.name} as {self._task.format}.")
        name = f"{self._kind.name}.{self._task.format}"
        with tempfile.TemporaryDirectory(prefix="partita-") as folder:
            drawn = await draw(self._reading, self._cut, self._task.filters, Path(folder, name))
            await self._files.add_document(name, Path(folder, name), rows=drawn.rows)
        self.rows, self.minor = drawn.rows, Counter(drawn.sums)


def _require_equal(written: int, counted: int) -> None:
    if written != counted:
        raise Declined("rows_differ", f"{written} rows were written, and {counted} were counted; please report this.")


def _exponent(currency: str) -> int:
    exponent = exponent_of(currency)
    assert exponent is not None, "the books hold amounts of known currencies alone"
    return exponent
