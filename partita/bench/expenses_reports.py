"""Reports beside the reads: a year's summary, and a tax year as files, one after the other in a thread of its own.

Promise   A report is timed from the connection that it opens to the file that is there; what draws is imported before.
Cost      A thread with its own loop: it takes turns with the reads, which makes both slower than in two processes.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from partita.app import App
from partita.bench.expenses_books import Grown, user_id
from processor.database import Connection
from processor.expenses.summaries import year_summary
from processor.expenses.tax_rows import TaxYear
from processor.expenses.tax_year import tax_year

REPORTS: Final = 20

Write = Callable[[TaxYear, Any, Path], Awaitable[None]]


async def reports(app: App, grown: Grown, seconds: float) -> dict[str, list[float]]:
    """Return the seconds of each report by kind; they begin at even intervals within so many *seconds*."""
    return await asyncio.to_thread(asyncio.run, _reports(app, grown, seconds))


async def _reports(app: App, grown: Grown, seconds: float) -> dict[str, list[float]]:
    kinds = _kinds()
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="partita-bench-") as folder:
        for number in range(REPORTS):
            await asyncio.sleep(max(began + number * seconds / REPORTS - time.monotonic(), 0))
            kind = list(kinds)[number % len(kinds)]
            whose = user_id(1 + number * grown.users // REPORTS)
            at = time.monotonic()
            connection = await app.connect("bench report")
            try:
                await kinds[kind](connection, whose, grown.year, Path(folder) / "report")
            finally:
                await connection.close()
            found[kind].append(time.monotonic() - at)
    return found


def _kinds() -> Mapping[str, Callable[[Connection, str, int, Path], Awaitable[None]]]:
    import partita.expense_report.drawing  # noqa: F401, PLC0415 - the first document would be charged with it
    from partita.expense_report.writing import write_csv, write_pdf  # noqa: PLC0415 - no other bench needs it

    def written(write: Write) -> Callable[[Connection, str, int, Path], Awaitable[None]]:
        async def report(connection: Connection, whose: str, year: int, target: Path) -> None:
            async with tax_year(connection, whose, year) as (summed, rows):
                await write(summed, rows, target)

        return report

    return {"year summary": _summed, "tax year as CSV": written(write_csv), "tax year as PDF": written(write_pdf)}


async def _summed(connection: Connection, whose: str, year: int, _target: Path) -> None:
    msgspec.json.encode(await year_summary(connection, whose, year))
