"""Writes a run as the files that the oracle reads: the books by PostgreSQL, the commands as the caller read them."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from processor.database import Connection, named_queries

_SQL = named_queries("partita.chaos", "evidence.sql")


async def export(
    connection: Connection, folder: Path, records: Iterable[tuple[int, int, bytes | None]], *, context: str = "ledger"
) -> None:
    """Write a run into *folder*; *records* are the command topic's (partition, offset, value)."""
    _lines(folder / "commands.jsonl", map(_record, records))
    _lines(folder / "answers.jsonl", map(_event, await connection.fetch(_SQL["events"], context)))
    _rows(folder / "entries.csv", await connection.fetch(_SQL["entries"]))
    _rows(folder / "accounts.csv", await connection.fetch(_SQL["accounts"]))


def _record(record: tuple[int, int, bytes | None]) -> dict[str, Any]:
    partition, offset, value = record
    return {
        "partition": partition,
        "offset": offset,
        "value": None if value is None else value.decode("utf-8", "replace"),
    }


def _event(row: Any) -> dict[str, Any]:
    told = dict(row)
    told["payload"] = None if row["payload"] is None else json.loads(row["payload"])
    told["command_id"] = None if row["command_id"] is None else _uuid(row["command_id"].hex())
    return told


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def _rows(path: Path, rows: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        for number, row in enumerate(rows):
            if number == 0:
                writer.writerow(row.keys())
            writer.writerow(row.values())
