"""Pages of a report of everything, while as many transfers again are posted, and after that.

Promise   Pages are asked for over one session, from the first to the last, and timed from outside. Beside the load they
          are read by a thread of the process that sends it, which makes them slower.
Cost      A minute.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from partita.app import App
from partita.bench import load
from partita.bench.found import Burnt, Order, line, quantile
from partita.bench.sending import fresh_sender
from processor.ledger.reports import ReportQuery, report_seal, transactions_report

LIMIT: Final = 100


@dataclass(frozen=True, kw_only=True)
class Read:
    """A report that was read: what each page took, in milliseconds. The first counts all rows."""

    rows: int
    ms: Sequence[float]

    @property
    def longest_ms(self) -> float:
        """Return what the slowest page behind the first took."""
        return max(self.ms[1:], default=0.0)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report read beside a load, one read alone, and what the load took."""

    beside: Read
    alone: Read
    burnt: Burnt

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return line(
            *("report", self.beside.longest_ms, "ms"),
            yardstick=self.beside.ms[0],
            ratio=self.beside.longest_ms / self.beside.ms[0],
            burnt=self.burnt,
            rows=self.beside.rows,
            p50_ms=quantile(self.beside.ms[1:], 0.5),
            first_ms_alone=self.alone.ms[0],
            p50_ms_alone=quantile(self.alone.ms[1:], 0.5),
            longest_ms_alone=self.alone.longest_ms,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for name, read in (("beside transfers", self.beside), ("alone", self.alone)):
            yield f"{name}: rows, pages", f"{read.rows:,}  {len(read.ms):,}"
            pages = f"{read.ms[0]:.1f}  {quantile(read.ms[1:], 0.5):.1f}  {read.longest_ms:.1f}"
            yield f"{name}: first page, p50 and longest of the others, ms", pages
        yield from self.burnt.figures()


async def measure(order: Order) -> Report:
    """Measure a fresh system, half of the commands before the report and half beside it."""
    each = order.commands // 2
    async with fresh_sender(order) as sends:
        await sends.send("transfers", load.transfers(each, accounts=sends.accounts), each)
        stream = load.transfers(each, accounts=sends.accounts, seed=2)
        running = asyncio.create_task(sends.send("transfers beside a report", stream, each))
        beside = await asyncio.to_thread(asyncio.run, _read(sends.system.app))
        run = await running
        alone = await _read(sends.system.app)
    return Report(beside=beside, alone=alone, burnt=run.burnt)


async def _read(app: App) -> Read:
    seal, ms, rows = report_seal(b""), list[float](), 0
    connection = await app.connect("bench")
    try:
        asked: ReportQuery | str | None = ReportQuery(limit=LIMIT)
        while asked is not None:
            began = time.perf_counter()
            page = await transactions_report(connection, asked, seal=seal)
            ms.append((time.perf_counter() - began) * 1000)
            asked, rows = page.next_token, page.total_amount
    finally:
        await connection.close()
    return Read(rows=rows, ms=ms)
