"""What the database itself knows of a bench: sizes of batches and bytes on disk. Nothing is slowed by asking later."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processor.database import Connection, named_queries

_SQL = named_queries("partita.bench", "bench.sql")


@dataclass(frozen=True, kw_only=True)
class BatchSizes:
    """How many records the batches had."""

    batches: int
    median: int
    largest: int

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return {"batches": self.batches, "median": self.median, "largest": self.largest}

    def figure(self) -> str:
        """Return what people are told."""
        return f"{self.batches:,}  {self.median:,}  {self.largest:,}"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Bytes of tables and indexes, and bytes that were written to the log of changes."""

    kept: int
    logged: int

    def per_command(self, before: "Disk", commands: int) -> tuple[float, float]:
        """Return the bytes that each of *commands* has added since *before*: kept, and logged."""
        return (self.kept - before.kept) / commands, (self.logged - before.logged) / commands


async def instant(connection: Connection) -> datetime:
    """Return the database's clock."""
    now: datetime = await connection.fetchval(_SQL["instant"])
    return now


async def let_a_day_pass(connection: Connection) -> datetime:
    """Move the database's clock on by a day, and return it."""
    now: datetime = await connection.fetchval(_SQL["let_a_day_pass"])
    return now


async def batch_sizes(connection: Connection, *, since: datetime) -> BatchSizes:
    """Return the sizes of all batches since then."""
    row = await connection.fetchrow(_SQL["batch_sizes"], since)
    assert row is not None, "an aggregate is one row"
    return BatchSizes(batches=row["batches"], median=row["median"] or 0, largest=row["largest"] or 0)


async def disk(connection: Connection) -> Disk:
    """Return what the database takes now."""
    row = await connection.fetchrow(_SQL["disk"])
    assert row is not None, "one row without a FROM"
    return Disk(kept=row["kept"], logged=int(row["logged"]))


async def transactions(connection: Connection) -> int:
    """Return how many commands have moved money so far."""
    number: int = await connection.fetchval(_SQL["transactions"])
    return number


async def age_everything(connection: Connection) -> None:
    """Have everything count as sent, and let months pass."""
    await connection.execute(_SQL["send_everything"])
    await connection.execute(_SQL["let_months_pass"])
