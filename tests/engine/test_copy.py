"""The rows that are packed by hand are the rows that the driver would have sent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from processor.database import Connection
from processor.engine.copy import Table
from processor.moments import microseconds

MOMENT = datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=UTC)
COLUMNS = {
    "small": "int2",
    "medium": "int4",
    "large": "int8",
    "moment": "timestamptz",
    "id": "uuid",
    "hash": "hash",
    "name": "text",
    "name_or_not": "text?",
    "raw": "bytea",
    "raw_or_not": "bytea?",
    "large_or_not": "int8?",
    "id_or_not": "uuid?",
    "moment_or_not": "timestamptz?",
}
ROWS: list[tuple[Any, ...]] = [
    (1, -2, 3, MOMENT, b"i" * 16, b"h" * 32, "Grüße, Ωmega 🏦", "x", b"\x00\xff", b"", 9, b"j" * 16, MOMENT),
    (-(2**15), -(2**31), -(2**63), MOMENT, bytes(16), bytes(32), "", None, b"", None, None, None, None),
    (2**15 - 1, 2**31 - 1, 2**63 - 1, MOMENT, b"\xff" * 16, b"\xff" * 32, "a\tb\n\\N", "", b"x" * 70_000, b"y", 0,
     bytes(16), MOMENT),
]  # fmt: skip


@pytest.fixture
async def tables(connection: Connection) -> None:
    types = {"hash": "bytea", "text?": "text", "bytea?": "bytea", "int8?": "int8", "uuid?": "uuid"}
    types["timestamptz?"] = "timestamptz"
    columns = ", ".join(f"{name} {types.get(kind, kind)}" for name, kind in COLUMNS.items())
    for table in ("packed", "sent"):
        await connection.execute(f"CREATE TEMP TABLE {table} ({columns})")


@pytest.mark.usefixtures("tables")
async def test_packed_rows_equal_those_of_the_driver(connection: Connection) -> None:
    packed = Table("packed", **COLUMNS)
    await packed.copy_in_tx(connection, [packed.pack(*map(_as_packed, row)) for row in ROWS])
    await connection.copy_records_to_table("sent", records=ROWS, columns=list(COLUMNS))

    mine = await connection.fetch("SELECT packed::text FROM packed")
    theirs = await connection.fetch("SELECT sent::text FROM sent")

    assert [row[0] for row in mine] == [row[0] for row in theirs]
    assert len(mine) == len(ROWS)


@pytest.mark.usefixtures("tables")
async def test_many_rows_arrive_in_chunks_and_in_order(connection: Connection) -> None:
    table = Table("packed", large="int8", name="text")
    await table.copy_in_tx(connection, [table.pack(number, str(number)) for number in range(1777)])

    rows = await connection.fetch("SELECT large, name FROM packed ORDER BY ctid")

    assert [tuple(row) for row in rows] == [(number, str(number)) for number in range(1777)]


def test_a_number_that_does_not_fit_its_column_is_refused() -> None:
    with pytest.raises(Exception, match=r"int too large|argument out of range|format requires"):
        Table("packed", small="int2").pack(2**15)


def _as_packed(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value
