"""The watch: files of activity that appear in a folder, or below a prefix, are imported by a command.

Promise   A file is asked for once it has stood still for one look, and again only when its content is another. Its
          command follows from its name and its content, so that the same file in two places, or after a restart, asks
          for one import.
Cost      A listing each ``LOOK_S`` seconds, ``LOOK_FAR_S`` where the place is not on this machine; a file that is new
          or has changed is read twice.
Invariant Nothing here decides what is imported: the command does. A file that is not whole yet costs a second import,
          whose rows are duplicates, and never a row.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from os import scandir
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from contracts.activity import ActivityImport, Policy
from contracts.specs import ACTIVITY
from processor.activity.uploads import Reading, import_of, upload
from processor.database import DATABASE_ILL, Database
from processor.engine.failures import describe
from processor.errors import Declined, PartitaError
from processor.jobs import standing
from processor.objects import Facts, Objects
from processor.telemetry import logger

LOOK_S: Final = 1.0
LOOK_FAR_S: Final = 15.0
NAMES: Final = ("activities_*.csv", "activities_*.csv.gz")
_PASSING: Final = (*DATABASE_ILL, KafkaError)  # the store, the database, Kafka: they may get well
_log = logger(__name__)

Publish = Callable[[ActivityImport], Awaitable[object]]
"""Publishes a command, and returns when the brokers have it."""


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """Where to look (a folder, or the URL of a prefix), the object store files go to, and how to ask for an import.

    *database* makes a session for a role.
    """

    place: str
    objects: Objects
    database: Callable[[str], Database]
    publish: Publish
    policy: Policy = "lenient"
    look_s: float | None = None


async def watch(settings: WatchSettings, stop: asyncio.Event) -> None:
    """Look again and again until *stop*; a place that does not exist has no files."""
    place = Objects.at(settings.place)
    look_s = settings.look_s or (LOOK_S if place.location.scheme == "file" else LOOK_FAR_S)
    async with settings.database("watch") as database:
        watching, before = Watching(settings, place, database), ""
        while not stop.is_set():
            why = await _looked(watching)
            if why and why != before:
                _log.warning("files cannot be watched for", place=settings.place, error=why)
            before = why
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), look_s)


async def _looked(watching: "Watching") -> str:
    """Look once, and return what was in the way."""
    try:
        await watching.look()
    except _PASSING as error:
        return str(error) if isinstance(error, PartitaError) else describe(error)
    return ""


@dataclass(kw_only=True)
class _Seen:
    """A file as it was at the last look, and whether everything was done about it."""

    etag: str
    is_settled: bool = False


@dataclass
class Watching:
    """What a watch has seen so far: every file that matches, by name."""

    settings: WatchSettings
    place: Objects
    database: Database
    seen: dict[str, _Seen] = field(default_factory=dict)

    async def look(self) -> None:
        """Look once; ask for an import of each file that is as it was at the last look."""
        found = await files_in(self.place)
        names = {facts.key for facts in found}
        self.seen = {name: each for name, each in self.seen.items() if name in names}
        for facts in found:
            before = self.seen.get(facts.key)
            if before is None or before.etag != facts.etag:
                self.seen[facts.key] = _Seen(etag=facts.etag)
            elif not before.is_settled:
                await self._ask(facts)
                before.is_settled = True

    async def _ask(self, facts: Facts) -> None:
        """Ask for an import of a file that stands still, unless it was asked for."""
        try:
            file = await upload(self.settings.objects, facts.key, _reading(self.place, facts))
        except Declined as error:  # it is gone, changes, or is a link that leads away; its next form is another file
            _log.warning("a file is passed over", file=facts.key, code=error.code, why=str(error))
            return
        command = import_of([file], self.settings.policy)
        connection = await self.database.connection()
        if not await standing(connection, ACTIVITY, [command.import_id]):
            await self.settings.publish(command)
            _log.info("a file is to be imported", file=facts.key, import_id=command.import_id)


async def files_in(place: Objects) -> Sequence[Facts]:
    """Return the files of activity that lie in a place itself, by name, as far as they can be looked at."""
    if place.location.scheme != "file":
        return [facts async for facts in place.list() if _is_wanted(facts.key)]
    names = await asyncio.to_thread(_names_in, Path("/", *place.location.path))
    return [facts async for facts in _looked_at(place, names)]


async def _looked_at(place: Objects, names: Sequence[str]) -> AsyncIterator[Facts]:
    for name in names:
        with suppress(Declined):  # removed meanwhile, no file, or a link that leads away
            yield await place.facts(name)


def _names_in(folder: Path) -> Sequence[str]:
    try:
        with scandir(folder) as entries:
            return sorted(entry.name for entry in entries if _is_wanted(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _is_wanted(name: str) -> bool:
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in NAMES)


def _reading(place: Objects, facts: Facts) -> Reading:
    return lambda: place.read(facts.key, expected=facts)
