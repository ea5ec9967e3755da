"""A run as files: what was published, what was told, what was booked. Read as it stands, with no class of the product.

``commands.jsonl``  ``partition, offset, value``: every record of the command topic, its value as text
``answers.jsonl``   ``partition, seq, kind, source_offset, occurred_at, command_id, type, payload``: every event; kinds
                    1 answer, 2 repeat, 3 reuse, 4 extra, 5 dead
``entries.csv``     ``account_id, entry_no, partition, seq, amount_minor, balance_after_minor``
``accounts.csv``    ``account_id, partition, currency, ledger_minor, available_minor, status``; partition and status are
                    empty where they say nothing: a customer's account has no partition, a house row no status
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Place = tuple[int, int]  # (partition, offset) of a record, (partition, seq) of an event

HOUSE = "house:"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event."""

    partition: int
    seq: int
    kind: int
    source_offset: int
    occurred_at: str
    command_id: str | None
    type: str
    payload: Json | None

    @property
    def place(self) -> Place:
        """Return where it stands among the events."""
        return (self.partition, self.seq)

    @property
    def record(self) -> Place:
        """Return the record that it answers."""
        return (self.partition, self.source_offset)

    def __str__(self) -> str:
        return f"event {self.seq} of partition {self.partition} ({self.type}, command {self.command_id})"


@dataclass(frozen=True, kw_only=True)
class Booked:
    """One entry; a house row is told from the others of its account by its partition."""

    account_id: str
    entry_no: int
    partition: int
    seq: int
    amount_minor: int
    balance_after_minor: int

    @property
    def row(self) -> tuple[str, int]:
        """Return whose balance it changes: an account's, or a house account's of one partition."""
        return (self.account_id, self.partition if self.account_id.startswith(HOUSE) else -1)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One account as the run left it."""

    account_id: str
    partition: int
    currency: str
    ledger_minor: int
    available_minor: int
    status: str


@dataclass(frozen=True, kw_only=True)
class History:
    """The whole run; ``events`` stand in the books' own order."""

    records: dict[Place, str | None]
    events: list[Told]
    entries: list[Booked]
    accounts: list[Standing]


def read(folder: Path) -> History:
    """Read a run from *folder*."""
    return History(
        records={(row["partition"], row["offset"]): row["value"] for row in _lines(folder / "commands.jsonl")},
        events=sorted(
            (Told(**row) for row in _lines(folder / "answers.jsonl")),
            key=lambda told: (told.occurred_at, told.partition, told.seq),
        ),
        entries=[
            Booked(account_id=row.pop("account_id"), **{name: int(text) for name, text in row.items()})
            for row in _rows(folder / "entries.csv")
        ],
        accounts=[
            Standing(
                account_id=row["account_id"],
                partition=int(row["partition"] or -1),
                currency=row["currency"],
                ledger_minor=int(row["ledger_minor"]),
                available_minor=int(row["available_minor"]),
                status=row["status"],
            )
            for row in _rows(folder / "accounts.csv")
        ],
    )


def _lines(path: Path) -> Iterator[Json]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
