"""A desk at which commands are handed straight to the engine, partition by partition, and their answers looked up."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from contracts.accounts import AccountOpen
from contracts.catalog import Topics
from contracts.envelope import Command, TextHash, encode_command
from contracts.headers import Headers
from contracts.transfers import TransferDeposit, TransferMake
from processor.database import Connection, Database
from processor.engine import lanes
from processor.engine.batch import Batch, Part, Reader, Record, TimestampType
from processor.engine.context import Context, Store
from processor.engine.persist import persist
from processor.ledger.context import LEDGER
from producers.command_ids import new_command_id
from tests.append_only import append_only_tables

PARTITIONS = 4
RECEIVED_MS = 1_700_000_000_000
TOPICS = Topics(prefix="desk.")
ENGINES_OWN = ("event", "dead_letter", "dead_letter_replay", "parked")


@dataclass(frozen=True, kw_only=True)
class Told:
    """An event as it was written."""

    lane_no: int
    seq: int
    kind: int
    type: str
    key: str
    source_offset: int
    body: dict[str, Any]
    id: bytes
    occurred_at: Any
    headers: dict[str, str]


@dataclass(kw_only=True)
class Desk:
    """The engine on one database. Records get offsets in the order in which they are handed in."""

    connection: Connection
    database: Database
    context: Context[Any] = LEDGER
    offsets: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))

    @classmethod
    async def open(cls, connection: Connection, url: str, *, context: Context[Any] = LEDGER) -> "Desk":
        desk = cls(connection=connection, database=Database(url, role="desk"), context=context)
        desk.offsets = await lanes.take_up(connection, context.name, desk.offsets)
        return desk

    def part(
        self,
        *commands: Command | bytes | None,
        partition: int = 0,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> Part:
        """Return *commands* as the next records of *partition*, each under its right key unless *key* is given."""
        start = self.offsets[partition]
        records = []
        for offset, command in enumerate(commands, start=start):
            value = encode_command(command) if isinstance(command, Command) else command
            own = self.context.catalog.key_of(command.canonical()).encode() if isinstance(command, Command) else None
            records.append(Record(offset, RECEIVED_MS, key or own, value, headers, TimestampType.LOG_APPEND))
        self.offsets[partition] = start + len(records)
        reader = Reader(context=self.context.name, catalog=self.context.catalog_at(TOPICS), hashed=TextHash(b"key"))
        return reader.part(partition, start, records, topic=TOPICS.commands(self.context.name))

    async def run(self, batch: Batch, *, database: Database | None = None) -> None:
        await persist(database or self.database, self.context, batch, let_go=asyncio.Event())

    @asynccontextmanager
    async def held(self, url: str, part: Part) -> AsyncIterator[asyncio.Event]:
        """Run *part* in a session of its own up to its commit, and no further before the event or the block's end."""
        store = HeldStore(self.context.store)
        async with Database(url, role="held") as other:
            context = replace(self.context, store=store)
            running = asyncio.create_task(persist(other, context, [part], let_go=asyncio.Event()))
            await store.written.wait()
            try:
                yield store.go_on
            finally:
                store.go_on.set()
                await running

    async def tell(
        self,
        *commands: Command | bytes | None,
        partition: int = 0,
        key: bytes | None = None,
        headers: Headers = (),
    ) -> list[Told]:
        """Run *commands* as one batch, all with the same *headers*, and return the events they caused."""
        before = await self.last_seq(partition)
        await self.run([self.part(*commands, partition=partition, key=key, headers=headers)])
        return await self.told(partition, above=before)

    async def kept(self, told: Told) -> Any:
        """Return the row of the dead letter that *told* tells of."""
        row = await self.connection.fetchrow(
            "SELECT * FROM dead_letter WHERE lane_no = $1 AND seq = $2", told.lane_no, told.seq
        )
        assert row is not None
        return row

    async def one(self, command: Command | bytes, *, partition: int = 0) -> Told:
        (told,) = await self.tell(command, partition=partition)
        return told

    async def last_seq(self, partition: int) -> int:
        seq: int = await self.connection.fetchval(
            "SELECT next_seq - 1 FROM lane WHERE context = $1 AND partition = $2", self.context.name, partition
        )
        return seq

    async def told(self, partition: int, *, above: int = 0) -> list[Told]:
        rows = await self.connection.fetch(
            "SELECT e.* FROM event e JOIN lane USING (lane_no)"
            " WHERE context = $1 AND partition = $2 AND seq > $3 ORDER BY seq",
            *(self.context.name, partition, above),
        )
        return [
            Told(
                lane_no=row["lane_no"],
                seq=row["seq"],
                kind=row["kind"],
                type=row["type"],
                key=row["aggregateid"],
                source_offset=row["source_offset"],
                body=msgspec.json.decode(row["payload"]) if row["payload"] else {},
                id=row["id"],
                occurred_at=row["occurred_at"],
                headers=msgspec.json.decode(row["headers"]) if row["headers"] else {},
            )
            for row in rows
        ]

    async def books(self) -> list[tuple[Any, ...]]:
        """Return every account row, and every row that is kept for ever and is not the engine's, to the byte."""
        rows = await self.connection.fetch("SELECT xmin::text, account::text FROM account ORDER BY account_no")
        for table in await append_only_tables(self.connection):
            if table not in ENGINES_OWN:
                rows += await self.connection.fetch(f"SELECT '{table}', kept::text FROM {table} AS kept ORDER BY 2")
        return [tuple(row) for row in rows]

    async def balance(self, account_id: str) -> int:
        balance: int = await self.connection.fetchval(
            "SELECT sum(ledger_minor)::bigint FROM account WHERE account_id = $1", account_id
        )
        return balance


class HeldStore:
    """A store that has everything decided and written, and waits before it lets the engine commit."""

    def __init__(self, store: Store[Any] = LEDGER.store) -> None:
        self._store = store
        self.written = asyncio.Event()
        self.go_on = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def save_in_tx(self, tx: Connection, world: Any) -> None:
        await self._store.save_in_tx(tx, world)
        self.written.set()
        await self.go_on.wait()


def opening(account_id: str, *, currency: str = "EUR", overdraft: str = "0") -> AccountOpen:
    return AccountOpen(
        command_id=new_command_id(),
        account_id=account_id,
        account_type="CHECKING",
        currency=currency,
        overdraft_limit=overdraft,
    )


def paying_in(account_id: str, amount: str, **more: Any) -> TransferDeposit:
    return TransferDeposit(command_id=new_command_id(), account_id=account_id, amount=amount, **more)


def moving(source: str, destination: str, amount: str, **more: Any) -> TransferMake:
    return TransferMake(
        command_id=new_command_id(),
        source_account_id=source,
        destination_account_id=destination,
        amount=amount,
        **more,
    )


def names(count: int) -> list[str]:
    """Return account ids that no test has used before: the tests of a module share a database."""
    prefix = secrets.token_hex(4)
    return [f"{prefix}-{number}" for number in range(count)]


async def fill(desk: Desk, accounts: Sequence[str], amount: str = "100") -> None:
    """Open *accounts* and pay *amount* into each."""
    await desk.tell(*(opening(each) for each in accounts), *(paying_in(each, amount) for each in accounts))
