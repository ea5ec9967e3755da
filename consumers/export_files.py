"""The files of one attempt at an export: parts that are stored while the next one fills, and the manifest behind them.

Promise   The manifest is written last, once every part that it names is there; then it is asked for too. All lie below
          the attempt's own prefix, where nobody else writes. The bytes of parts depend on their rows alone.
Cost      Compressing and hashing happen in a thread, beside the COPY.
Bound     One part that is stored beside the one that is filled: about three times the size of a part in memory.
"""

import asyncio
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from consumers.export_parts import Filled
from processor.exports.values import ExportCome
from processor.faults import reach
from processor.objects import ObjectMissing, Objects, ObjectsIll, segment

MANIFEST: Final = "manifest.json"
_PREFIX: Final = "exports"
_LEVEL: Final = 6
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's way to say so; its header has no name and no time
_PIECE_BYTES: Final = 2**20


class Part(Struct, frozen=True, kw_only=True):
    """A part as the manifest names it: *bytes* as it is stored, *rows* without the heading."""

    name: str
    bytes: int
    rows: int
    sha256: str


class ExportFiles:
    """What one *attempt* at an export stores; leaving the block waits for what is on its way.

    With *gzipped* each part is a gzip member, so that the parts one behind the other are a gzip file too.
    """

    def __init__(self, objects: Objects, export_id: str, attempt: int, *, gzipped: bool = False) -> None:
        self.parts: list[Part] = []
        self.prefix = prefix_of(export_id, attempt)
        self._objects = objects
        self._gzipped = gzipped
        self._storing: asyncio.Task[None] | None = None
        self._begun = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._storing is not None:  # not cancelled: what is on its way would arrive after it was cleared away
            await asyncio.wait({self._storing})
            self._storing.exception()  # was raised before, or comes behind what was

    @property
    def come(self) -> ExportCome:
        """How far it has come."""
        rows, stored = (sum(getattr(part, name) for part in self.parts) for name in ("rows", "bytes"))
        return ExportCome(rows=rows, bytes=stored, parts=len(self.parts))

    @property
    def location(self) -> str:
        """Where all of it lies."""
        return self._objects.url_of(self.prefix)

    async def add(self, filled: Filled) -> None:
        """Store the next part, once the one before it is; this returns as soon as it has begun.

        Raises:
            ObjectsIll: The one before it could not be stored.
        """
        await self.settled()
        self._begun += 1
        self._storing = asyncio.create_task(self._store(self._begun, filled))

    async def settled(self) -> None:
        """Wait until every part is stored.

        Raises:
            ObjectsIll: One could not be.
        """
        if self._storing is not None:
            await asyncio.wait({self._storing})  # a cancellation ends the waiting, not the storing
            self._storing.result()

    async def _store(self, number: int, filled: Filled) -> None:
        data, digest = await asyncio.to_thread(_sealed, filled.pieces, gzipped=self._gzipped)
        name = f"part-{number:05}.csv{'.gz' if self._gzipped else ''}"
        await self._objects.put(f"{self.prefix}/{name}", data)
        self.parts.append(Part(name=name, bytes=len(data), rows=filled.rows, sha256=digest))
        reach("part_stored")

    async def add_document(self, name: str, file: Path, *, rows: int) -> None:
        """Store a document as the only part.

        Raises:
            ObjectsIll: It could not be stored.
        """
        digest, size = hashlib.sha256(), 0
        with file.open("rb") as opened:
            async with self._objects.writer(f"{self.prefix}/{name}") as stored:
                while piece := await asyncio.to_thread(opened.read, _PIECE_BYTES):
                    digest.update(piece)
                    size += len(piece)
                    await stored.write(piece)
        self.parts.append(Part(name=name, bytes=size, rows=rows, sha256=digest.hexdigest()))

    async def finish(self, facts: dict[str, Any]) -> str:
        """Write the manifest, *facts* and the parts, and return where it lies.

        Raises:
            ObjectsIll: It could not be written, or a part is not there as it was stored.
        """
        await self.settled()
        for part in self.parts:
            await self._require(part.name, part.bytes)
        manifest = {**facts, "parts": msgspec.to_builtins(self.parts)}
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        await self._objects.put(f"{self.prefix}/{MANIFEST}", text)
        await self._require(MANIFEST, len(text))
        reach("manifest_stored")
        return self._objects.url_of(f"{self.prefix}/{MANIFEST}")

    async def _require(self, name: str, size: int) -> None:
        """Make sure that the storage has what it has said it has."""
        key = f"{self.prefix}/{name}"
        try:
            found = (await self._objects.facts(key)).size
        except ObjectMissing:
            found = -1
        if found != size:
            raise ObjectsIll(f"{self._objects.url_of(key)} was stored, and is not there as a whole.")


def prefix_of(export_id: str, attempt: int | None = None) -> str:
    """Return the prefix of an export's files, or of those of one *attempt*."""
    own = f"{_PREFIX}/{segment(export_id)}"
    return own if attempt is None else f"{own}/{attempt}"


async def clear_attempts(objects: Objects, export_id: str, attempts: Sequence[int]) -> None:
    """Remove what some attempts at an export have stored.

    Raises:
        ObjectsIll: Some of it may be left.
    """
    for attempt in attempts:
        await objects.clear(prefix_of(export_id, attempt))


def _sealed(pieces: Sequence[bytes], *, gzipped: bool) -> tuple[bytes, str]:
    """Return what is stored of a part, and its hash."""
    data = b"".join(pieces)
    if gzipped:
        data = zlib.compress(data, _LEVEL, _GZIP)
    return data, hashlib.sha256(data).hexdigest()
