"""Batches handed to the engine as a consumer hands them, without Kafka, each timed from outside.

Promise   The product's own reader, ``persist`` and store run, unchanged; a thin store and a thin database in front of
          them look at the clock.
Invariant The records of a batch lie grouped by partition, in offset order, as a poll brings them.
"""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Self

from contracts.catalog import Topics
from contracts.envelope import Command, TextHash, encode_command
from processor.database import Connection, Database
from processor.engine import lanes
from processor.engine.batch import Part, Reader, Record, TimestampType
from processor.engine.persist import persist
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.keys import Keys
from processor.ledger.store import LedgerStore

PARTITIONS: Final = 8
KEY: Final = b"a key of 32 bytes for the hashes"
TOPICS: Final = Topics()

Fetched = dict[int, list[Record]]


@dataclass(kw_only=True)
class Spans:
    """Seconds of every batch: understanding it, applying it, and of that the span in which others wait for its rows."""

    understood: list[float] = field(default_factory=list)
    applied: list[float] = field(default_factory=list)
    locked: list[float] = field(default_factory=list)

    def __add__(self, other: "Spans") -> "Spans":
        return Spans(
            understood=self.understood + other.understood,
            applied=self.applied + other.applied,
            locked=self.locked + other.locked,
        )


class LookingStore(LedgerStore):
    """The ledger's store; notes when it begins to lock rows."""

    locks_at = 0.0

    async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> Book:
        """Note the time, then load."""
        self.locks_at = time.perf_counter()
        return await super().load_in_tx(tx, keys, lane_nos)


class Desk:
    """Hands batches to the engine on the database at *url*, which is at this version's schema."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, role="bench")
        self._reader = Reader(context=LEDGER.name, catalog=LEDGER.catalog_at(TOPICS), hashed=TextHash(KEY))
        self._store = LookingStore()
        self._context = replace(LEDGER, store=self._store)
        self._next = dict.fromkeys(range(PARTITIONS), 0)  # the offset that each partition goes on from

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Take the lanes up."""
        async with self._database:
            await lanes.take_up(await self._database.connection(), LEDGER.name, self._next)
            yield self

    def fetched(self, commands: Iterable[Command], *, batch_size: int) -> Iterator[Fetched]:
        """Yield *commands* as records, so many at a time."""
        stream = iter(commands)
        while some := list(islice(stream, batch_size)):
            yield self._records(some)

    async def hand(self, fetched: Fetched) -> Spans:
        """Understand and apply a batch, and return how long it took."""
        began = time.perf_counter()
        batch = [self._part(partition, records) for partition, records in fetched.items()]
        understood = time.perf_counter()
        await persist(self._database, self._context, batch, let_go=asyncio.Event())
        committed = time.perf_counter()
        return Spans(
            understood=[understood - began],
            applied=[committed - understood],
            locked=[committed - self._store.locks_at],
        )

    def _records(self, commands: Sequence[Command]) -> Fetched:
        fetched: Fetched = {}
        for command in commands:
            key = LEDGER.catalog.key_of(command).encode()
            partition = zlib.crc32(key) % PARTITIONS
            offset = self._next[partition]
            self._next[partition] = offset + 1
            record = Record(offset, _now_ms(), key, encode_command(command), (), TimestampType.LOG_APPEND)
            fetched.setdefault(partition, []).append(record)
        return dict(sorted(fetched.items()))

    def _part(self, partition: int, records: Sequence[Record]) -> Part:
        topic = TOPICS.commands(LEDGER.name)
        return self._reader.part(partition, records[0].offset, records, topic=topic)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
