"""The export of revenue as whoever opens its file reads it: by Python's csv, with what its slices sum up to."""

import csv
import io
from collections import Counter
from typing import Final, NamedTuple

from processor.database import Connection
from processor.engine.cuts import Cut
from processor.revenue.exports import slices

EVER: Final = ("1900-01-01", "9998-12-31")


class Exported(NamedTuple):
    """The bytes of all slices, their cells, how many slices there were, and rows and minor units by currency."""

    raw: bytes
    cells: list[list[str]]
    slices: int
    sums: dict[str, tuple[int, int]]


async def exported(
    connection: Connection, cut: Cut, *, rows: int, since: str = EVER[0], until: str = EVER[1], **filters: str
) -> Exported:
    """Copy every slice of an export, cut to so many *rows* each, and sum it up beside."""
    file, count, counts, minors = io.BytesIO(), 0, Counter[str](), Counter[str]()
    async for each in slices(connection, cut, {"from": since, "to": until} | filters, rows=rows):
        await connection.copy_from_query(each.rows, *each.arguments, output=file, format="csv")
        for row in await connection.fetch(each.sums, *each.arguments):
            counts[row["currency"]] += row["rows"]
            minors[row["currency"]] += int(row["minor"])
        count += 1
    raw = file.getvalue()
    cells = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    return Exported(raw, cells, count, {name: (counts[name], minors[name]) for name in counts})
