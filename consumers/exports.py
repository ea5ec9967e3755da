"""The way exports are worked on: written as of a cut, ended in the database, and nothing else left behind.

Promise   What can be taken for a whole export is one: parts, then the manifest, then the end in the database, which
          alone says where it lies. An attempt that loses its job removes what it has stored; a sweep, what those have
          left that died. The same cut gives the same parts, byte for byte, whoever writes them.
Bound     A few parts in memory, whatever the size of the export. It tells of itself about once a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from consumers.export_files import ExportFiles, clear_attempts, prefix_of
from consumers.export_writing import Writing, sessions
from consumers.jobs import Bench, Desk, work_on_jobs
from contracts.catalog import Catalog
from contracts.exports import ExportCompleted, ExportFailed, ExportProgressed
from contracts.specs import EXPORTS
from processor.database import DATABASE_ILL, Connection, Database, Timeouts
from processor.engine.cuts import require_cut
from processor.engine.exporting import ExportKind
from processor.engine.failures import describe
from processor.errors import Declined
from processor.exports.cuts import cut_of
from processor.exports.values import ExportTask
from processor.faults import reach
from processor.jobs import Job, JobState, left_behind
from processor.objects import Objects, Patience
from processor.telemetry import logger

TOLD_S: Final = 1.0
SWEPT_S: Final = 600.0
LONG_AGO_S: Final = 7 * 86_400.0
STORING_S: Final = 300.0  # a COPY stands still while the part before is stored; so long it may

_log = logger(__name__)
_task = msgspec.json.Decoder(ExportTask)


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How exports are written. *holder* names this process, and no other; parts end at or behind *part_bytes*."""

    database_url: str
    catalog: Catalog
    objects_url: str
    holder: str
    part_bytes: int = 16 * 2**20
    lease_s: float = 15.0
    attempts_max: int = 8
    timeouts: Timeouts = field(default_factory=Timeouts)
    patience: Patience = field(default_factory=Patience)

    def database(self, role: str) -> Database:
        """Return a session of its own for *role*."""
        return Database(self.database_url, role=role, timeouts=self.timeouts)

    def reader(self, role: str) -> Database:
        """Return a session for *role* in which a statement may stand still."""
        patient = {"statement_s": STORING_S, "idle_in_transaction_s": STORING_S, "peer_s": STORING_S}
        return Database(self.database_url, role=role, timeouts=replace(self.timeouts, **patient))


async def export(settings: ExportSettings, kinds: Mapping[str, ExportKind], stop: asyncio.Event) -> None:
    """Write exports of *kinds*, by name, one after the other until *stop*.

    Raises:
        ValueError: The address of the object storage is none.
        ObjectsIll: The environment does not hold what the storage needs.
    """
    objects = Objects.at(settings.objects_url, patience=settings.patience)
    bench = Bench(
        context=EXPORTS,
        catalog=settings.catalog,
        database=settings.database,
        holder=settings.holder,
        lease_s=settings.lease_s,
        attempts_max=settings.attempts_max,
    )
    _log.info("exporting", kinds=sorted(kinds), objects=str(objects.location))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work_on_jobs(bench, ExportWork(settings, kinds, objects), stop))
        tasks.create_task(_sweep_often(settings, objects, stop))


class ExportWork:
    """The work on exports, as ``consumers.jobs`` has it done."""

    def __init__(self, settings: ExportSettings, kinds: Mapping[str, ExportKind], objects: Objects) -> None:
        self._settings = settings
        self._kinds = kinds
        self._objects = objects

    async def do(self, desk: Desk) -> None:
        """Write an export, end it, and remove what attempts before this one have left."""
        job, task = desk.job, _task.decode(desk.job.task)
        kind = self._kinds.get(job.kind)
        if kind is None:
            raise Declined("kind_unknown", f"This version does not export {job.kind}; ask for another kind.")
        await clear_attempts(self._objects, job.job_id, [job.attempt])  # of books that were restored since
        async with ExportFiles(self._objects, job.job_id, job.attempt, gzipped=task.format == "csv.gz") as files:
            async with sessions(kind, self._settings.reader) as (rows, sums):
                await require_cut(rows, cut_of(task.cut))
                writing = Writing(kind, task, files, rows, sums)
                await writing.run(bytes_max=self._settings.part_bytes, tell=_telling(desk, files))
            manifest = await files.finish(writing.facts(job.job_id))
            await desk.end(JobState.COMPLETED, _completed(job, task, files, writing, manifest), files.come)
        reach("export_ended")
        await clear_attempts(self._objects, job.job_id, range(1, job.attempt))

    def failure(self, job: Job, code: str, reason: str) -> ExportFailed:
        """Return what is told of an export that has failed."""
        return ExportFailed(export_id=job.job_id, kind=job.kind, code=code, reason=reason)

    async def clear(self, desk: Desk) -> None:
        """Remove what this attempt and those before it have stored."""
        await clear_attempts(self._objects, desk.job.job_id, range(1, desk.job.attempt + 1))


def _completed(job: Job, task: ExportTask, files: ExportFiles, writing: Writing, manifest: str) -> ExportCompleted:
    return ExportCompleted(
        export_id=job.job_id,
        kind=job.kind,
        format=task.format,
        location=files.location,
        manifest=manifest,
        rows=writing.rows,
        sums=writing.sums,
        parts=len(files.parts),
        cut=task.cut,
    )


def _telling(desk: Desk, files: ExportFiles) -> Callable[[], Awaitable[None]]:
    """Return what tells how far an export has come, where it has and nothing was told just now."""
    told_at, told = time.monotonic(), files.come

    async def tell() -> None:
        nonlocal told_at, told
        if time.monotonic() - told_at >= TOLD_S and files.come != told:
            told_at, told = time.monotonic(), files.come
            about = ExportProgressed(export_id=desk.job.job_id, rows=told.rows, bytes=told.bytes, parts=told.parts)
            await desk.tell(told, about)

    return tell


async def _sweep_often(settings: ExportSettings, objects: Objects, stop: asyncio.Event) -> None:
    """Sweep at first what ended in the last week, then now and then what ended since."""
    within_s = LONG_AGO_S
    async with settings.database("exports sweep") as database:
        while not stop.is_set():
            try:
                await sweep(await database.connection(), objects, within_s=within_s)
                within_s = 2 * SWEPT_S
            except (*DATABASE_ILL, Declined) as error:
                _log.warning("exports cannot be swept", error=describe(error))
                database.drop()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SWEPT_S)


async def sweep(connection: Connection, objects: Objects, *, within_s: float) -> None:
    """Remove what attempts have left of exports that ended within so many seconds, and not by them.

    Raises:
        ObjectsIll: Some of it may be left.
    """
    for job in await left_behind(connection, EXPORTS, within_s=within_s):
        if job.state is JobState.COMPLETED:
            await clear_attempts(objects, job.job_id, range(1, job.attempt))
        else:
            await objects.clear(prefix_of(job.job_id))
