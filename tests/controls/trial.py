"""A trial of the engine: a database of its own, a log that can be read again, workers that meet where they are told to.

Kafka is not needed: a batch is handed in again, or too early, as a consumer might.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contracts.envelope import Command
from processor.database import Connection, Database
from processor.engine.batch import Part
from processor.engine.lanes import Skipped
from processor.engine.persist import Abandoned, persist
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from processor.telemetry import COUNTERS
from tests.controls.verdict import findings
from tests.engine.desk import Desk

RERUNS_MAX = 3
BLOCKED = """SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"""


class BegunStore(LedgerStore):
    """A store whose transaction has begun and holds its lane, and waits before it looks at an account."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def find_in_tx(self, tx: Connection, commands: Any) -> Any:
        self.begun.set()
        await self.go_on.wait()
        return await super().find_in_tx(tx, commands)


@dataclass(kw_only=True)
class Trial:
    """One run of the engine, from empty books to the verdict."""

    url: str
    folder: Path
    desk: Desk
    lines: Sequence[Mapping[str, Any]]
    log: dict[tuple[int, int], bytes | None] = field(default_factory=dict)

    def publish(self, *commands: Command | bytes, partition: int = 0) -> Part:
        """Add *commands* to the log, and return them as they are read there."""
        part = self.desk.part(*commands, partition=partition)
        self.log |= {(partition, item.record.offset): item.record.value for item in part.items}
        return part

    async def tell(self, *commands: Command | bytes, partition: int = 0) -> None:
        """Publish *commands*, and have them applied."""
        await self.run(self.publish(*commands, partition=partition))

    async def run(self, part: Part) -> None:
        """Have a worker apply *part*; one that does nothing but run it again is stopped."""
        let_go, before = asyncio.Event(), COUNTERS["reruns"]
        running = asyncio.create_task(persist(self.desk.database, LEDGER, [part], let_go=let_go))
        while not running.done() and COUNTERS["reruns"] - before < RERUNS_MAX:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.005)
        let_go.set()
        with suppress(Abandoned):
            await running

    async def read_on(self, part: Part, *, after: Part) -> None:
        """Have a worker that has missed *after* apply *part*, and go back where it is sent back."""
        try:
            await self.run(part)
        except Skipped as skipped:
            sent_back_to = skipped.offsets
        else:
            return
        assert sent_back_to == {after.partition: after.start}
        await self.run(after)
        await self.run(part)

    async def meet_before_commit(self, first: Part, second: Part) -> None:
        """Have *first* go as far as before its commit, and on when *second* is done or waits for it."""
        async with self.desk.held(self.url, first):
            racing = asyncio.create_task(self.run(second))
            while not racing.done() and not await self.desk.connection.fetchval(BLOCKED):  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.005)
        await racing

    async def until_blocked(self, sessions: int) -> None:
        """Wait until so many sessions wait for another's lock."""
        while await self.desk.connection.fetchval(BLOCKED) < sessions:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.005)

    async def overtake(self, first: Part, second: Part) -> None:
        """Have *first* begin its transaction, and go on when *second* has been applied."""
        async with self.begun(first):
            await self.run(second)

    @asynccontextmanager
    async def begun(self, part: Part) -> AsyncIterator[None]:
        store = BegunStore()
        async with Database(self.url, role="begun") as database:
            context = replace(LEDGER, store=store)
            running = asyncio.create_task(persist(database, context, [part], let_go=asyncio.Event()))
            await store.begun.wait()
            try:
                yield
            finally:
                store.go_on.set()
                await running

    @property
    def failures(self) -> list[str]:
        """What batches have failed by, as the log names it."""
        return [line["error"] for line in self.lines if line["event"] == "a batch failed"]

    async def findings(self) -> list[str]:
        """Return what audit and oracle find."""
        records = [(partition, offset, value) for (partition, offset), value in self.log.items()]
        return await findings(self.desk.connection, self.folder, records)
