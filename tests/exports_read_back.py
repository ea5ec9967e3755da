"""An export read back: all its slices copied, one behind the other, and read with Python's own csv.

Every reading makes sure that the cells are what their columns say, that sums of slices are those of their rows, and
that no text can be taken for a formula.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from contracts.currencies import EXPONENTS
from processor.database import Connection
from processor.engine.cuts import Cut
from processor.engine.exporting import Cell, ExportKind, Slice

Row = dict[str, str]
RUN: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
SHAPES: Final[Mapping[Cell, str]] = {
    Cell.ID: r"'?[A-Za-z0-9._:-]{1,64}",
    Cell.UUID: r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    Cell.TEXT: r"(?s:.*)",
    Cell.AMOUNT: r"-?(0|[1-9][0-9]*)(\.[0-9]+)?",
    Cell.CURRENCY: r"[A-Z]{3}",
    Cell.NUMBER: r"[0-9]+(\.[0-9]+)?",
    Cell.DATE: r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    Cell.INSTANT: r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",
    Cell.WORD: r"[A-Za-z_.]+",
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was copied: its bytes, the rows that they are read as, and the sums of all slices in minor units."""

    data: bytes = b""
    rows: list[Row] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)


async def written(connection: Connection, kind: ExportKind, cut: Cut, **filters: str) -> Written:
    """Return what an export of *kind* has for rows."""
    assert kind.wrong_filter(filters) is None
    data, slices, sums = b"", [], Counter[str]()
    async for piece in kind.slices(connection, cut, filters):
        copied = await copy(connection, piece)
        summed = await connection.fetch(piece.sums, *piece.arguments)
        rows = read_back(kind, copied)
        assert {row["currency"] or "": (row["rows"], int(row["minor"])) for row in summed} == expected(rows)
        sums.update({row["currency"]: int(row["minor"]) for row in summed if row["currency"] is not None})
        slices.append(piece)
        data += copied
    return Written(data=data, rows=read_back(kind, data), sums=dict(sums), slices=slices)


async def copy(connection: Connection, piece: Slice) -> bytes:
    """Return what COPY makes of a slice."""
    into = io.BytesIO()
    await connection.copy_from_query(piece.rows, *piece.arguments, output=into, format="csv")
    return into.getvalue()


def read_back(kind: ExportKind, data: bytes) -> list[Row]:
    """Return the rows of a file of *kind*, each cell as its column says."""
    names = [column.name for column in kind.columns]
    rows = [dict(zip(names, cells, strict=True)) for cells in csv.reader(io.StringIO(data.decode(), newline=""))]
    for row in rows:
        for column in kind.columns:
            cell = row[column.name]
            assert not cell or re.fullmatch(SHAPES[column.cell], cell), (column, cell)
            assert column.cell is Cell.AMOUNT or not cell.startswith(RUN), (column, cell)
    return rows


def expected(rows: list[Row]) -> dict[str, tuple[int, int]]:
    """Return by currency how many *rows* there are and what their first column of amounts comes to in minor units."""
    name = next((each for each in ("amount", "ledger_balance") if rows and each in rows[0]), "")
    counts, sums = Counter[str](), Counter[str]()
    for row in rows:
        currency = row["currency"] if row[name] else ""
        counts[currency] += 1
        sums[currency] += minor_of(row[name], currency)
    return {currency: (count, sums[currency]) for currency, count in counts.items()}


def minor_of(amount: str, currency: str) -> int:
    """Return a cell's amount in minor units; it has all decimals of its currency, and no more."""
    if not amount:
        return 0
    minor = Decimal(amount).scaleb(EXPONENTS[currency])
    assert len(amount.partition(".")[2]) == EXPONENTS[currency]
    assert minor == int(minor)
    return int(minor)


def said(cell: str) -> str:
    """Return the text that a cell was made of."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(RUN) else cell


def told(value: Any) -> str:
    """Return a value as a cell shows it."""
    return "" if value is None else str(value)
