"""Imports: files of merchant activity are read, and what their lines say becomes rows.

Promise   Each line is imported, rejected or a duplicate, once, whoever dies meanwhile: a chunk of lines, how far the
          import has come, and the event that tells it are one transaction. Who takes an import over reads on there.
          What was imported stays, however the import ends.
Cost      While a chunk is stored, the next is read, judged and sorted by a thread, and those before are rolled up.
Bound     Two chunks in memory, whatever the size of the files.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

import asyncpg
import msgspec
from msgspec import Struct

from consumers.import_files import FileLimits, Step, steps_of
from consumers.jobs import Bench, Desk, work_on_jobs
from contracts.activity import ActivityImportCompleted, ActivityImportFailed, ActivityImportProgressed
from contracts.catalog import Catalog
from contracts.envelope import Event
from contracts.specs import ACTIVITY
from processor.activity.lines import Place
from processor.activity.merging import (
    Merged,
    Seen,
    Standing,
    facts_noted,
    merge_in_tx,
    note_chunk_in_tx,
    note_facts,
    reject_in_tx,
    standing_of,
)
from processor.activity.metrics_upkeep import ROWS_BEHIND_MAX, roll_up_in_tx, summarise
from processor.activity.values import ImportCome, ImportTask
from processor.database import Connection, Database, Timeouts
from processor.engine.blockers import end_blockers
from processor.errors import Declined
from processor.faults import reach
from processor.jobs import Job, JobState
from processor.objects import Facts, Locations, ObjectChanged, ObjectMissing, Source

CHUNK_LINES: Final = 64_000
_REASON_CHARS_MAX: Final = 500
_NAME_CHARS_MAX: Final = 250
_LOCK_TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How imports are worked on: by a *holder* that nobody else is; *locations* are what may be read."""

    database_url: str
    catalog: Catalog
    locations: Locations
    holder: str
    lease_s: float = 15.0
    attempts_max: int = 8
    limits: FileLimits = FileLimits()  # noqa: RUF009 - a frozen value
    chunk_lines: int = CHUNK_LINES
    timeouts: Timeouts = field(default_factory=Timeouts)

    def database(self, role: str) -> Database:
        """Return a session of its own for *role*."""
        return Database(self.database_url, role=role, timeouts=self.timeouts)


async def import_activity(settings: ImportSettings, stop: asyncio.Event) -> None:
    """Work on imports, one after the other, until *stop*."""
    bench = Bench(
        context=ACTIVITY,
        catalog=settings.catalog,
        database=settings.database,
        holder=settings.holder,
        lease_s=settings.lease_s,
        attempts_max=settings.attempts_max,
    )
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading") as thread:
        await work_on_jobs(bench, Importing(settings, thread), stop)


class _Read(Struct, frozen=True, kw_only=True):
    """A chunk that was read: of which file, and how far the import stands behind it."""

    name: str
    standing: Standing
    step: Step


class Beside:
    """What is done beside its owner, one thing at a time; nothing of it is left when the block ends."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def go_on(self, doing: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something where nothing is being done."""
        if self._task is None or self._task.done():
            await self.over()
            self.begin(doing())

    def begin(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something; what was done before is over."""
        assert self._task is None, "one thing at a time"
        self._task = asyncio.create_task(doing)

    async def over(self) -> None:
        """Wait until nothing is being done, and raise what that has raised."""
        task, self._task = self._task, None
        if task is not None:
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.over()
        elif self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


class Importing:
    """The work of an import; a *thread* reads."""

    def __init__(self, settings: ImportSettings, thread: Executor) -> None:
        self._settings, self._thread = settings, thread
        self._come = (0, ImportCome())  # the number of a job, and how far it has come by what was committed
        self._seen = Seen()

    async def do(self, desk: Desk) -> None:
        """Read the files on from where they were left, and end the import when the last is read."""
        self._come, self._seen = (desk.job.job_no, _come_of(desk.job)), Seen()
        async with (
            self._settings.database("imports") as storing,
            self._settings.database("imports reading") as reading,
            self._settings.database("imports rolling up") as rolling,
        ):
            await self._import(desk, storing, reading, rolling)
            await _roll_up(rolling, rows=1)
        come = self._come[1]
        await desk.end(JobState.COMPLETED, ActivityImportCompleted(**_counts(desk.job, come)), come)

    async def _import(self, desk: Desk, storing: Database, reading: Database, rolling: Database) -> None:
        """Store chunk after chunk; while one is stored, the next is read, and those before are rolled up."""
        async with aclosing(self._chunks(desk.job, reading)) as chunks, Beside() as stored, Beside() as rolled:
            try:
                async for read in chunks:
                    await stored.over()
                    stored.begin(self._store(desk, storing, read))
                    await rolled.go_on(lambda: _roll_up(rolling, rows=ROWS_BEHIND_MAX))
                await rolled.go_on(lambda: _roll_up(rolling, rows=1))
            finally:  # what was read is stored, also where the next cannot be
                await stored.over()

    def failure(self, job: Job, code: str, reason: str) -> Event:
        """Return what is told of an import that has failed; what it had imported until then stays."""
        job_no, come = self._come
        counts = _counts(job, come if job_no == job.job_no else _come_of(job))
        return ActivityImportFailed(code=code, reason=reason[:_REASON_CHARS_MAX], **counts)

    async def clear(self, desk: Desk) -> None:
        """Remove nothing: what was not committed is nowhere."""

    async def _chunks(self, job: Job, database: Database) -> AsyncGenerator[_Read, None]:
        """Read the files of an import on from where they were left."""
        task = msgspec.json.decode(job.task, type=ImportTask)
        connection = await database.connection()
        standing = await standing_of(connection, job)
        for file_no, name in enumerate(task.files, start=1):
            if file_no < standing.file_no:
                continue
            begin = standing.place if file_no == standing.file_no else Place()
            with _named(name):
                source = self._settings.locations.open(name)
                facts = await _facts(connection, job, file_no, source)
                steps = steps_of(
                    source,
                    facts,
                    policy=task.policy,
                    limits=self._settings.limits,
                    begin=begin,
                    chunk_lines=self._settings.chunk_lines,
                    thread=self._thread,
                )
                async with aclosing(steps):
                    async for step in steps:
                        standing = Standing(standing.chunk_no + 1, file_no, step.chunk.place)
                        yield _Read(name=name, standing=standing, step=step)

    async def _store(self, desk: Desk, database: Database, read: _Read) -> None:
        """Make a chunk part of the rows; whoever holds them frozen is ended."""
        tries = 1
        while (come := await self._stored(desk, database, read, is_last_try=tries == _LOCK_TRIES)) is None:
            await end_blockers(database)
            tries += 1
        self._come = (desk.job.job_no, come)
        await desk.wake()

    async def _stored(self, desk: Desk, database: Database, read: _Read, *, is_last_try: bool) -> ImportCome | None:
        """Return how far the import has come with a chunk; None where somebody has held the rows for too long."""
        try:
            async with database.transaction() as tx:
                come = await self._store_in_tx(tx, desk, read)
        except asyncpg.LockNotAvailableError:
            if is_last_try:
                raise
            return None
        self._seen.settle()
        reach("chunk_committed")
        return come

    async def _store_in_tx(self, tx: Connection, desk: Desk, read: _Read) -> ImportCome:
        chunk, job, is_last = read.step.chunk, desk.job, read.step.is_last
        await reject_in_tx(tx, job, read.standing, chunk.rejects)
        merged = await merge_in_tx(tx, chunk, self._seen)
        come = _further(self._come[1], merged, is_last=is_last)
        event = ActivityImportProgressed(file=read.name, files_done=come.files_done, **_counts(job, come))
        await desk.tell_in_tx(tx, come, event)
        await note_chunk_in_tx(tx, job, read.standing, merged, is_last=is_last)
        reach("chunk_merged")
        return come


async def _roll_up(database: Database, *, rows: int) -> None:
    """Bring what was committed into the rollups, where so many rows are not in them."""
    async with database.transaction() as tx:
        rolled = await roll_up_in_tx(tx, rows=rows)
    if rolled:
        await summarise(database)


def _come_of(job: Job) -> ImportCome:
    return msgspec.json.decode(job.progress, type=ImportCome)


def _further(come: ImportCome, merged: Merged, *, is_last: bool) -> ImportCome:
    return ImportCome(
        lines=come.lines + merged.imported + merged.rejected + merged.duplicate,
        imported=come.imported + merged.imported,
        rejected=come.rejected + merged.rejected,
        duplicate=come.duplicate + merged.duplicate,
        files_done=come.files_done + is_last,
    )


def _counts(job: Job, come: ImportCome) -> dict[str, Any]:
    """Return what every event about an import tells."""
    return {
        "import_id": job.job_id,
        "lines": come.lines,
        "imported": come.imported,
        "rejected": come.rejected,
        "duplicate": come.duplicate,
    }


async def _facts(connection: Connection, job: Job, file_no: int, source: Source) -> Facts:
    """Return what is known of a file that is to be read, which is still the one that reading began with."""
    facts = await source.facts()
    noted = await facts_noted(connection, job, file_no, key=facts.key)
    if noted is None:
        await note_facts(connection, job, file_no, source.text, facts)
    elif (noted.size, noted.etag) != (facts.size, facts.etag):
        raise ObjectChanged(source.text)
    return facts


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Name the file of which it is said that it is not what it should be."""
    short = name if len(name) <= _NAME_CHARS_MAX else f"...{name[-_NAME_CHARS_MAX:]}"
    try:
        yield
    except ObjectMissing:
        raise Declined("file_not_found", f"{short} is not there; put it there, and import it under a new id.") from None
    except ObjectChanged:
        raise Declined("file_changed", f"{short} has changed since reading began; import it under a new id.") from None
    except Declined as declined:
        raise Declined(declined.code, f"{short}: {declined}") from None
