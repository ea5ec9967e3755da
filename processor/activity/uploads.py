"""Files that somebody has come into the object store, where imports read them, under a command that follows from them.

Promise   A file lies below a key of its content and its name: the same file again is the same object, and is not
          written twice. The same files, by the same policy, make the same command, whoever uploads them, and when.
Cost      A file is read twice: once for its digest, once to be written; once if it is there.
Invariant What is written is what the key says: a file that changes between the two readings is not written.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from contracts.activity import ActivityImport, Policy
from contracts.ids import uuid_text
from processor.errors import Declined
from processor.locations import IMPORTS
from processor.objects import ObjectMissing, Objects, segment

PIECE_BYTES: Final = 1 << 20
_DIGITS: Final = 32  # of a digest, in a key or an id

Reading = Callable[[], AsyncIterator[bytes]]
"""Reads a file from its beginning, each time it is called."""
OnProgress = Callable[[int], None]
"""Called with the bytes that were read, or passed over."""


class Uploaded(Struct, frozen=True, kw_only=True):
    """A file in the object store: *title* as its owner calls it, *name* as commands do, *size* in bytes."""

    title: str
    name: str
    digest: str
    size: int


async def upload(
    objects: Objects, title: str, reading: Reading, *, on_progress: OnProgress = lambda _: None
) -> Uploaded:
    """Put what *reading* reads into the object store, unless it is there.

    *on_progress* is told of each byte twice: as it is read first, and as it has come into the store.

    Raises:
        Declined: ``file_changed``, it is being written.
        ObjectsIll: The store has not taken it.
    """
    digest, size = await _measured(reading, on_progress)
    name = f"{digest[:_DIGITS]}/{segment(title)}"
    if await _size(objects, f"{IMPORTS}/{name}") == size:
        on_progress(size)
    else:
        await _write(objects, f"{IMPORTS}/{name}", reading, digest, on_progress)
    return Uploaded(title=title, name=name, digest=digest, size=size)


def pieces_of(path: Path) -> Reading:
    """Return what reads a file of this machine."""

    async def read() -> AsyncIterator[bytes]:
        with await asyncio.to_thread(path.open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece

    return read


def import_of(files: Sequence[Uploaded], policy: Policy, *, again: str = "") -> ActivityImport:
    """Return the command that imports *files*; another *again* makes another import of the same ones."""
    said = [policy, again, [[file.title, file.digest] for file in files]]
    digest = sha256(msgspec.json.encode(said)).digest()
    raw = bytearray(digest[-16:])
    raw[6] = 0x80 | raw[6] & 0x0F  # a UUIDv8 (RFC 9562): all of it is ours
    raw[8] = 0x80 | raw[8] & 0x3F
    return ActivityImport(
        command_id=uuid_text(bytes(raw)),
        import_id=f"files-{digest.hex()[:_DIGITS]}",
        files=[file.name for file in files],
        policy=policy,
    )


async def _measured(reading: Reading, on_progress: OnProgress) -> tuple[str, int]:
    digest, size = sha256(), 0
    async for piece in reading():
        digest.update(piece)
        size += len(piece)
        on_progress(len(piece))
    return digest.hexdigest(), size


async def _size(objects: Objects, key: str) -> int | None:
    try:
        return (await objects.facts(key)).size
    except ObjectMissing:
        return None


async def _write(objects: Objects, key: str, reading: Reading, digest: str, on_progress: OnProgress) -> None:
    read = sha256()
    async with objects.writer(key) as file:
        async for piece in reading():
            read.update(piece)
            await file.write(piece)
            on_progress(len(piece))
        if read.hexdigest() != digest:
            raise Declined("file_changed", "The file has changed while it was read; upload it when it is whole.")
