"""The final reads of a run: topics, books, the oracle, the audit, and whether the books can be changed.

Invariant Each part that cannot be read is None and the reason is told; no part keeps another from being read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
from aiokafka.errors import KafkaError

from contracts.specs import LEDGER
from partita.chaos import topics as topic
from partita.chaos.evidence import export
from partita.chaos.scene import PARTITIONS, Scene
from partita.oracle.history import History, read
from partita.oracle.judge import findings
from partita.proof import proof
from partita.workers import Say
from processor.database import DATABASE_ILL, named_queries
from processor.errors import PartitaError

REFUSED: Final = "42501"
TAMPERING: Final = (
    *("change_entry", "delete_entry", "truncate_entry"),
    *("change_event", "delete_event", "truncate_event"),
    *("change_transaction", "delete_transaction", "truncate_transaction"),
)
CANNOT: Final = (KafkaError, PartitaError, ValueError, KeyError, TypeError, *DATABASE_ILL)

_SQL = named_queries("partita.chaos", "tampering.sql")

Found = TypeVar("Found")
OnRead = Callable[[int, int], None]


@dataclass(kw_only=True)
class Reads:
    """What was read, each part None as long as it was not; see ``Case``."""

    records: list[topic.Record] | None = None
    results: list[topic.Record] | None = None
    dead: list[topic.Record] | None = None
    books: History | None = None
    findings: list[str] | None = None
    audit: list[str] | None = None
    allowed: list[str] | None = None


async def read_all(at: Scene, folder: Path, *, say: Say, on_read: OnRead) -> Reads:
    """Read everything, and leave it in *folder*."""
    found, names, context = Reads(), at.system.app.topics, LEDGER
    reads: dict[str, Callable[[], Awaitable[Any]]] = {
        "records": lambda: _topic(at, names.commands(context)),
        "results": lambda: _topic(at, names.results(context)),
        "dead": lambda: _topic(at, names.dead_letters(context)),
        "books": lambda: _books(at, folder, found),
        "findings": lambda: _findings(found, ZoneInfo(at.system.app.settings.timezone)),
        "audit": lambda: _audit(at),
        "allowed": lambda: _allowed(at),
    }
    for number, (name, reading) in enumerate(reads.items(), 1):
        try:
            setattr(found, name, await reading())
        except CANNOT as error:
            say(f"{name} cannot be read: {type(error).__name__} {error}")
        on_read(number, len(reads))
    for name in ("results", "dead"):
        topic.write(folder / f"{name}.jsonl", getattr(found, name) or [])
    return found


async def _topic(at: Scene, name: str) -> list[topic.Record]:
    return await topic.read_topic(at.kafka.bootstrap, name, PARTITIONS)


async def _books(at: Scene, folder: Path, found: Reads) -> History:
    if found.records is None:
        raise ValueError("the commands were not read")
    connection = await at.system.app.connect("evidence")
    try:
        await export(connection, folder, ((each.partition, each.offset, each.value) for each in found.records))
    finally:
        await connection.close()
    return await asyncio.to_thread(read, folder)


async def _findings(found: Reads, zone: ZoneInfo) -> list[str]:
    if found.books is None:
        raise ValueError("the books were not read")
    return await asyncio.to_thread(findings, found.books, zone)


async def _audit(at: Scene) -> list[str]:
    connection = await at.system.app.connect("audit")
    try:
        return list((await proof(at.system.app, connection)).failed)
    finally:
        await connection.close()


async def _allowed(at: Scene) -> list[str]:
    """Return the statements against the append-only rule that PostgreSQL did not refuse; none of them lasts."""
    allowed: list[str] = []
    async with at.session() as session:
        for name in TAMPERING:
            transaction = session.transaction()
            await transaction.start()
            try:
                await session.execute(_SQL[name])
            except asyncpg.PostgresError as error:
                if error.sqlstate == REFUSED:
                    continue
                raise
            else:
                allowed.append(name)
            finally:
                await transaction.rollback()
    return allowed
