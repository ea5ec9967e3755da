"""An export followed to its end and fetched: what is under ``partita export``.

Promise   What is fetched has the sizes and hashes of the manifest, and is there as a whole or not at all.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from contracts.envelope import Event
from contracts.exports import (
    ExportCancelled,
    ExportCompleted,
    ExportFailed,
    ExportProgressed,
    ExportRejected,
    ExportRequest,
)
from contracts.invalid import CommandInvalid
from contracts.specs import EXPORTS
from partita.app import App
from partita.following import Asked, publish_and_follow
from processor.database import Connection
from processor.errors import Declined, NotPrepared
from processor.jobs import JobState
from processor.objects import Objects

_MANIFEST: Final = "manifest.json"

OnProgress = Callable[[ExportProgressed], None]


class Ended(Struct, frozen=True, kw_only=True):
    """What became of an export: the *event* that says so, unless its *state* was looked up or nothing was heard."""

    state: str  # COMPLETED, FAILED, CANCELLED, REFUSED, or UNKNOWN where nothing was heard of it
    event: Event | None = None
    code: str = ""
    reason: str = ""


class Part(Struct, frozen=True):
    """A part, as the manifest names it."""

    name: str
    bytes: int
    sha256: str


class _Manifest(Struct):
    parts: list[Part]


async def export_and_follow(
    app: App, connection: Connection, command: ExportRequest, *, on_progress: OnProgress, silence_s: float
) -> Ended:
    """Publish *command*, and return how its export has ended; give up after *silence_s* without a word of it."""

    def ends(event: Event) -> bool:
        if isinstance(event, ExportProgressed):
            on_progress(event)
        return isinstance(event, (ExportCompleted, ExportFailed, ExportCancelled, ExportRejected, CommandInvalid))

    asked = Asked(command=command, context=EXPORTS, job_id=command.export_id, cancelled=ExportCancelled)
    return _ended(await publish_and_follow(app, connection, asked, ends=ends, silence_s=silence_s))


def _ended(told: Event | JobState | None) -> Ended:
    match told:
        case ExportCompleted():
            return Ended(state=JobState.COMPLETED.name, event=told)
        case ExportFailed():
            return Ended(state=JobState.FAILED.name, event=told, code=told.code, reason=told.reason)
        case ExportCancelled():
            return Ended(state=JobState.CANCELLED.name, event=told)
        case ExportRejected() | CommandInvalid():
            return Ended(state="REFUSED", event=told, code=told.code, reason=told.reason)
        case JobState():
            return Ended(state=told.name)
    return Ended(state="UNKNOWN")


async def fetch(completed: ExportCompleted, out: Path, *, on_bytes: Callable[[int, int], None]) -> None:
    """Write the parts of an export one behind the other into the file *out*, or as they are where it is a folder.

    *on_bytes* is called with the bytes that were fetched and those that there are.

    Raises:
        NotPrepared: It cannot be written there.
        Declined: ``part_differs``, a part is not what the manifest says.
        ObjectsIll: The object storage does not give it.
    """
    objects = Objects.at(completed.location)
    text = b"".join([piece async for piece in objects.read(_MANIFEST)])
    parts = msgspec.json.decode(text, type=_Manifest).parts
    files = _files(out, parts)
    fetched, total = 0, sum(part.bytes for part in parts)
    try:
        for path, within in files.items():
            with _whole(path) as file:
                for part in within:
                    digest = hashlib.sha256()
                    async for piece in objects.read(part.name):
                        digest.update(piece)
                        file.write(piece)
                        fetched += len(piece)
                        on_bytes(fetched, total)
                    _require_same(part, digest.hexdigest())
        if out not in files:
            with _whole(out / _MANIFEST) as file:
                file.write(text)
    except OSError as error:
        raise NotPrepared(f"{out} cannot be written ({error.strerror}); name another --out.") from error


def _files(out: Path, parts: Sequence[Part]) -> Mapping[Path, Sequence[Part]]:
    """Return which parts each file is made of."""
    return {out / part.name: [part] for part in parts} if out.is_dir() else {out: parts}


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that is there once the block has ended well, for our eyes only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _require_same(part: Part, digest: str) -> None:
    if digest != part.sha256:
        raise Declined("part_differs", f"{part.name} is not what the manifest says; ask for the export again.")
