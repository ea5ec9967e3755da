"""Writes a tax year as a file.

Promise   Whoever looks at the target sees the whole of it, or what was there before: it is written beside the target,
          brought to the disk, and renamed. Only its owner may read it. Rows that do not sum to the totals are no file.
Cost      CSV: one row in memory, whatever the year's size. PDF: all rows, and about 0.15 ms of a thread for each; the
          library that draws is imported with the first one.
"""

import asyncio
import csv
import io
import os
import tempfile
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from partita.expense_report.rows import CSV_COLUMNS, csv_cells
from partita.expense_report.tally import Tally
from processor.expenses.tax_rows import TaxRow, TaxYear


async def write_csv(year: TaxYear, rows: AsyncIterable[TaxRow], target: Path) -> None:
    """Write *rows*, all of *year* in the order of (date, expense_id), as CSV of RFC 4180 to *target*.

    UTF-8 without a byte order mark, lines end in CR LF, the first names the columns. Amounts are decimal strings with
    all of their currency's decimals. A text that a spreadsheet would run as a formula has an apostrophe before it.

    Raises:
        Fatal: The rows do not sum to the totals of *year*.
        OSError: *target* cannot be written.
    """
    tally = Tally(year)
    with _whole(target) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(CSV_COLUMNS)
        async for row in rows:
            tally.add(row)
            writer.writerow(csv_cells(row, year.base_currency))
        tally.prove()
        text.flush()
        os.fsync(file.fileno())


async def write_pdf(year: TaxYear, rows: AsyncIterable[TaxRow], target: Path) -> None:
    """Write *rows*, all of *year* in the order of (date, expense_id), as PDF to *target*.

    Pages of A4: what the year sums up to, its categories, every expense. The same rows make the same bytes.

    Raises:
        Fatal: The rows do not sum to the totals of *year*.
        OSError: *target* cannot be written.
    """
    from partita.expense_report.drawing import drawn  # noqa: PLC0415 - only who draws needs the library

    tally = Tally(year)
    kept = []
    async for row in rows:
        tally.add(row)
        kept.append(row)
    tally.prove()
    document = await asyncio.to_thread(drawn, year, kept)
    with _whole(target) as file:
        file.write(document)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _whole(target: Path) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".partita-report.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
