"""What an import has to make of files, told by the standard library alone: csv, uuid, decimal, datetime."""

import csv
import gzip
import io
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

HEADING: Final = [
    *("event_id", "merchant_id", "event_timestamp", "product", "event_type"),
    *("amount", "status", "channel", "region", "merchant_tier"),
]
DAYS: Final = Path(__file__).parents[3] / "shared" / "data" / "moniepoint"
ABSENT: Final = "the days of merchants' activity lie beside the repository, and are not there"

Row = tuple[Any, ...]  # event_id as hex, merchant, time or None, product, type, kobo, status, channel, region, tier


@dataclass(kw_only=True)
class ByHand:
    """What becomes of lines: rows in their order, and how many are none."""

    rows: dict[str, Row] = field(default_factory=dict)
    rejected: int = 0
    duplicate: int = 0

    def read(self, text: str, policy: str) -> None:
        """Read a file that is well-formed CSV."""
        heading, *records = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        assert heading == HEADING
        for record in records:
            row = _row(record, policy)
            if row is None:
                self.rejected += 1
            elif row[0] in self.rows:
                self.duplicate += 1
            else:
                self.rows[row[0]] = row

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Lines, imported, rejected, duplicate."""
        imported = len(self.rows)
        return imported + self.rejected + self.duplicate, imported, self.rejected, self.duplicate


def read(texts: Iterable[str], policy: str) -> ByHand:
    told = ByHand()
    for text in texts:
        told.read(text, policy)
    return told


def _row(record: Sequence[str], policy: str) -> Row | None:
    if len(record) != len(HEADING) or not record[1].strip():
        return None
    try:
        event_id = uuid.UUID(record[0].strip()).hex
    except ValueError:
        return None
    time, kobo = _time(record[2]), _kobo(record[5])
    if policy == "strict" and (time is None or kobo is None):
        return None
    return (event_id, record[1], time, *record[3:5], kobo or 0, *record[6:])


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _kobo(text: str) -> int | None:
    try:
        kobo = Decimal(text) * 100
    except InvalidOperation:
        return None
    if set("eE_") & set(text) or not kobo.is_finite() or kobo != int(kobo) or abs(kobo) >= 10**15:
        return None
    return int(kobo)


def days() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each day of merchants' activity, and its file as it is."""
    for name in expected()["files"]:
        yield name, (DAYS / name).read_bytes()


def texts() -> list[str]:
    return [gzip.decompress(file).decode() for _, file in days()]


def expected() -> Any:
    return json.loads((DAYS / "expected.json").read_text("utf-8"))
