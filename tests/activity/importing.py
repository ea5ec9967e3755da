"""Imports on one database: files in a folder, commands at the engine's desk, and the worker that reads them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from consumers.imports import ImportSettings, import_activity
from contracts.activity import ActivityCancel, ActivityImport, Policy
from contracts.catalog import Catalog
from processor.activity.context import activity_of
from processor.database import Connection, connect
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.engine.context import Context
from processor.objects import Locations, Objects
from producers.command_ids import new_command_id
from tests.activity.by_hand import Row
from tests.engine.desk import Desk, Told

WITHIN_S = 60.0
ROWS = """
SELECT encode(uuid_send(event_id), 'hex') AS event_id, merchant_id, happened_at, product, event_type, amount_minor,
       status, channel, region, merchant_tier FROM activity_line ORDER BY row_no"""
ENDED = "SELECT payload FROM event WHERE aggregatetype = 'activity' AND aggregateid = $1 AND kind = 6"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Imports:
    """A database whose imports are read from *folder*; files are named below its ``imports``."""

    connection: Connection
    desk: Desk
    settings: ImportSettings
    folder: Path
    numbers: list[int] = field(default_factory=lambda: [0])

    @property
    def context(self) -> Context[Any]:
        return self.desk.context

    def put(self, files: Mapping[str, bytes]) -> list[str]:
        """Put files where they are read, and return their names."""
        for name, data in files.items():
            path = self.folder / "imports" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return list(files)

    async def ask(self, files: Sequence[str], policy: Policy = "lenient", *, import_id: str = "") -> str:
        """Have an import taken on, and return its id."""
        self.numbers[0] += 1
        import_id = import_id or f"I-{self.numbers[0]}"
        command = ActivityImport(command_id=new_command_id(), import_id=import_id, files=list(files), policy=policy)
        told = await self.desk.one(command)
        assert told.type == "activity.import_accepted", told.body
        return import_id

    async def cancel(self, import_id: str) -> Told:
        return await self.desk.one(ActivityCancel(command_id=new_command_id(), import_id=import_id))

    @asynccontextmanager
    async def working(self, **changed: Any) -> AsyncIterator[None]:
        """Have a worker, with some settings changed, for the length of a block."""
        stop = asyncio.Event()
        worker = asyncio.create_task(import_activity(replace(self.settings, **changed), stop))
        try:
            yield
        finally:
            stop.set()
            await worker

    async def ended(self, import_id: str) -> Json:
        """Wait for what is told of the end of an import."""
        async with asyncio.timeout(WITHIN_S):
            while (payload := await self.connection.fetchval(ENDED, import_id)) is None:  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.01)
        said: Json = json.loads(payload)
        return said

    async def read(self, files: Mapping[str, bytes], policy: Policy = "lenient", **changed: Any) -> Json:
        """Import *files*, and return what is told of the end."""
        import_id = await self.ask(self.put(files), policy)
        async with self.working(**changed):
            return await self.ended(import_id)

    async def rows(self) -> list[Row]:
        return [tuple(row) for row in await self.connection.fetch(ROWS)]

    async def require_right_books(self) -> None:
        report = await audit(self.connection, [*ENGINE_CHECKS, *self.context.checks])
        assert report.holds, [result for result in report.results if not result.holds]


def counts(said: Json) -> tuple[int, int, int, int]:
    return said["lines"], said["imported"], said["rejected"], said["duplicate"]


@asynccontextmanager
async def imports_at(url: str, folder: Path) -> AsyncIterator[Imports]:
    locations = Locations(Objects.at(str(folder)))
    connection = await connect(url, role="test")
    desk = await Desk.open(connection, url, context=activity_of(locations.allows))
    settings = ImportSettings(database_url=url, catalog=Catalog(), locations=locations, holder="test")
    try:
        yield Imports(connection=connection, desk=desk, settings=settings, folder=folder)
    finally:
        await desk.database.close()
        await connection.close()
