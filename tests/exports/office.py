"""An office of exports: commands go straight to the engine, and workers of this process write into a folder."""

import asyncio
import csv
import gzip
import hashlib
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from consumers.exports import ExportSettings, export
from contracts.catalog import Catalog
from contracts.envelope import Command
from contracts.exports import CutGiven, ExportCancel, ExportRequest
from contracts.specs import LEDGER
from processor.database import Connection
from processor.engine import lanes
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.exports.context import exports_of
from processor.jobs import JobState
from producers.command_ids import new_command_id
from tests.engine.desk import PARTITIONS, Desk, Told
from tests.exports.numbers import Gate, numbers

Json = dict[str, Any]
PATIENCE_S = 15.0


@dataclass(kw_only=True)
class Office:
    """A desk for the context, and the folder that its workers write into."""

    desk: Desk
    url: str
    folder: Path
    gate: Gate = field(default_factory=Gate)
    requests: dict[str, ExportRequest] = field(default_factory=dict)

    @classmethod
    async def open(cls, connection: Connection, url: str, folder: Path) -> Self:
        await lanes.take_up(connection, LEDGER, dict.fromkeys(range(PARTITIONS), 0))
        desk = await Desk.open(connection, url, context=exports_of([numbers()]))
        return cls(desk=desk, url=url, folder=folder)

    def request(
        self, export_id: str, rows: int, *, behind: str = "", cut: Json | None = None, **more: Any
    ) -> ExportRequest:
        """Return the command that asks for an export of so many rows."""
        filters = {"rows": str(rows)} | ({"behind": behind} if behind else {})
        given = None if cut is None else CutGiven(**cut)
        command = ExportRequest(
            command_id=new_command_id(), export_id=export_id, kind="numbers", filters=filters, cut=given, **more
        )
        self.requests[export_id] = command
        return command

    def cancelling(self, export_id: str) -> ExportCancel:
        return ExportCancel(command_id=new_command_id(), export_id=export_id)

    async def ask(self, export_id: str, rows: int, **more: Any) -> Told:
        return await self.tell(self.request(export_id, rows, **more))

    async def cancel(self, export_id: str) -> Told:
        return await self.tell(self.cancelling(export_id))

    async def tell(self, command: Command) -> Told:
        """Decide *command*, and return what answers it: what workers tell meanwhile comes behind."""
        return (await self.desk.tell(command))[0]

    @asynccontextmanager
    async def worker(self, **settings: Any) -> AsyncIterator[asyncio.Event]:
        """Let a worker work on whatever is asked for; hand out what stops it."""
        stop = asyncio.Event()
        made = {
            "lease_s": 0.9,
            "attempts_max": 1,
            "part_bytes": 20_000,
            "holder": "worker",
            "objects_url": str(self.folder),
            **settings,
        }
        about = ExportSettings(database_url=self.url, catalog=Catalog(), **made)
        working = asyncio.create_task(export(about, {"numbers": numbers(self.gate)}, stop))
        try:
            yield stop
        finally:
            stop.set()
            self.gate.open.set()
            await working

    async def ended(self, export_id: str, *, patience_s: float = PATIENCE_S) -> Json:
        """Wait until an export has ended, and return what was told of that."""
        async with asyncio.timeout(patience_s):
            while True:
                job = await self.job(export_id)
                if job["state"] >= JobState.COMPLETED:
                    outcome: Json = json.loads(job["outcome"])
                    return outcome
                await asyncio.sleep(0.01)

    async def gone(self, export_id: str, beginning: str = "") -> None:
        """Wait until no file of an export is left whose name begins so."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if not [name for name in self.stored(export_id) if name.startswith(beginning)]:
                    return
                await asyncio.sleep(0.01)

    async def job(self, export_id: str) -> Any:
        return await self.desk.connection.fetchrow("SELECT * FROM job WHERE job_id = $1", export_id)

    async def told_of(self, export_id: str) -> list[tuple[int, str]]:
        """Return kind and type of everything that was told of an export, in order."""
        told = [each for partition in range(PARTITIONS) for each in await self.desk.told(partition)]
        return [(each.kind, each.type) for each in told if each.key == export_id]

    async def require_right_books(self) -> None:
        report = await audit(self.desk.connection, [*ENGINE_CHECKS, *self.desk.context.checks])
        assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]

    def stored(self, export_id: str) -> list[str]:
        """Return the files of an export, by attempt and name, and such as nobody would list."""
        own = self.folder / "exports" / export_id
        return sorted(path.relative_to(own).as_posix() for path in own.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Whole:
    """An export as whoever is told of its end finds it."""

    manifest: Json
    parts: Sequence[bytes]

    @property
    def text(self) -> bytes:
        data = b"".join(self.parts)
        return gzip.decompress(data) if self.manifest["format"] == "csv.gz" else data

    @property
    def rows(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.text.decode(), newline="")))


def path_of(url: str) -> Path:
    split = urlsplit(url)
    assert (split.scheme, split.netloc) == ("file", "")
    return Path(unquote(split.path))


def found(event: Json) -> Whole:
    """Return what lies where *event* says, having compared it with its manifest."""
    manifest = json.loads(path_of(event["manifest"]).read_bytes())
    parts = [(path_of(event["location"]) / part["name"]).read_bytes() for part in manifest["parts"]]
    for part, data in zip(manifest["parts"], parts, strict=True):
        assert (part["bytes"], part["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert sum(part["rows"] for part in manifest["parts"]) == manifest["rows"] == event["rows"]
    assert {name: manifest[name] for name in ("kind", "format", "sums", "cut")} == {
        name: event[name] for name in ("kind", "format", "sums", "cut")
    }
    assert (manifest["export_id"], len(parts)) == (event["export_id"], event["parts"])
    return Whole(manifest, parts)
