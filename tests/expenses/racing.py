"""A desk of the expenses at which a batch can be held before its commit, for others to meet it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from processor.database import Connection, Database
from processor.engine.batch import Part
from processor.engine.persist import persist
from processor.expenses.context import EXPENSES
from processor.expenses.store import ExpensesStore
from processor.expenses.tracker import Tracker
from tests.engine.desk import Desk


class HeldStore(ExpensesStore):
    """A store that has everything decided and written, and waits before it lets the engine commit."""

    def __init__(self) -> None:
        self.written = asyncio.Event()
        self.go_on = asyncio.Event()

    async def save_in_tx(self, tx: Connection, world: Tracker) -> None:
        await super().save_in_tx(tx, world)
        self.written.set()
        await self.go_on.wait()


class RacingDesk(Desk):
    """The desk, with a store of its own for what is held."""

    @asynccontextmanager
    async def held(self, url: str, part: Part) -> AsyncIterator[asyncio.Event]:
        store = HeldStore()
        async with Database(url, role="held") as other:
            context = replace(EXPENSES, store=store)
            running = asyncio.create_task(persist(other, context, [part], let_go=asyncio.Event()))
            await store.written.wait()
            try:
                yield store.go_on
            finally:
                store.go_on.set()
                await running
