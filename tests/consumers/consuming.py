"""A consumer of the ledger in this process, on topics and a database of its own, and what it has done."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka import AIOKafkaProducer

from consumers.loop import LoopSettings, consume
from contracts.accounts import AccountOpen
from contracts.catalog import Topics
from contracts.envelope import Command, encode_command
from contracts.specs import LEDGER as NAME
from processor.database import Connection, Database
from processor.engine.context import Context
from processor.ledger.context import LEDGER
from producers.command_ids import new_command_id

WITHIN_S = 30.0


@dataclass(kw_only=True)
class Ground:
    """Where consumers run: the servers, fresh topics, and a look into the books."""

    kafka: str
    database_url: str
    topics: Topics
    connection: Connection
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def settings(self) -> LoopSettings:
        return LoopSettings(bootstrap=self.kafka, database_url=self.database_url, topics=self.topics)

    @property
    def commands_topic(self) -> str:
        return self.topics.commands(NAME)

    @asynccontextmanager
    async def consumer(self, context: Context[Any] = LEDGER, **changes: Any) -> AsyncIterator["asyncio.Task[None]"]:
        """Run a consumer until the block ends; a failure of its own is raised there."""
        stop = asyncio.Event()
        task = asyncio.create_task(
            consume(
                replace(self.settings, **changes), [context], stop=stop, on_committed={context.name: self._on_committed}
            )
        )
        try:
            yield task
        finally:
            stop.set()
            await task

    async def _on_committed(self, _database: Database) -> None:
        self.committed.set()

    async def publish(
        self,
        commands: Sequence[Command | bytes | None],
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, Any]] = (),
        transactional: bool | None = None,
    ) -> None:
        """Publish by a plain producer; *transactional* True commits a transaction, False aborts it."""
        options = {} if transactional is None else {"transactional_id": secrets.token_hex(4)}
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, **options)
        await producer.start()
        try:
            if transactional is not None:
                await producer.begin_transaction()
            for command in commands:
                value = encode_command(command) if isinstance(command, Command) else command
                await producer.send(
                    self.commands_topic, value, key=secrets.token_bytes(4), partition=partition, headers=list(headers)
                )
            await producer.flush()
            if transactional is not None:
                await (producer.commit_transaction() if transactional else producer.abort_transaction())
        finally:
            await producer.stop()

    async def until_applied(self, records: int, *, task: "asyncio.Task[None] | None" = None) -> None:
        """Wait until the lanes have applied *records* in all."""
        async with asyncio.timeout(WITHIN_S):
            while await self.applied() < records:
                self.committed.clear()
                waiting = asyncio.ensure_future(self.committed.wait())
                await asyncio.wait([waiting, *([task] if task else [])], timeout=1, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if task is not None and task.done():
                    task.result()

    async def applied(self) -> int:
        count: int = await self.connection.fetchval("SELECT coalesce(sum(records), 0)::bigint FROM lane")
        return count

    async def kinds(self) -> dict[int, int]:
        """Return how many events of each kind there are."""
        rows = await self.connection.fetch("SELECT kind, count(*) FROM event GROUP BY kind")
        return {row[0]: row[1] for row in rows}


def openings(count: int) -> list[AccountOpen]:
    prefix = secrets.token_hex(4)
    return [
        AccountOpen(
            command_id=new_command_id(), account_id=f"{prefix}-{number}", account_type="CHECKING", currency="EUR"
        )
        for number in range(count)
    ]
