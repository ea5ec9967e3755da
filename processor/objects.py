"""Object storage: exports are written to it and imports are read from it, in a local folder or in a bucket.

Promise   An object is there as a whole or not at all, and stays after a crash of the machine once it has been written.
          What is read is one object: one that changes meanwhile is an error, never a mixture.
          A store that is ill is an error after a bounded time; none that is passing is told as the end of an object.
Cost      Memory for two pieces of ``PIECE_BYTES`` while an object is read, whatever its size.
Invariant Whoever names a key asks `segment` for each part that is not his own; no other text comes into a key.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from processor.bucket import Bucket
from processor.folder import Folder
from processor.locations import AllowList, Url, is_key, segment
from processor.stores import Facts, ObjectChanged, ObjectMissing, ObjectsIll, Patience, Store, Writer, location_of

__all__ = [
    "AllowList",
    "Facts",
    "Locations",
    "ObjectChanged",
    "ObjectMissing",
    "Objects",
    "ObjectsIll",
    "Patience",
    "Source",
    "Writer",
    "location_of",
    "segment",
]

PATIENCE: Final = Patience()


class Objects:
    """The objects at one location."""

    def __init__(self, location: Url, store: Store) -> None:
        self.location = location
        self._store = store

    @classmethod
    def at(cls, url: str | Url, *, patience: Patience = PATIENCE) -> Self:
        """Return the objects below a folder, ``file:///folder``, ``s3://bucket/prefix``, ``gs://...`` or ``az://...``.

        Nothing is asked for and nothing made before the first call.

        Raises:
            ValueError: It is none of these.
            ObjectsIll: The environment does not hold what the store needs.
        """
        location = location_of(url) if isinstance(url, str) else url
        if location.scheme == "file":
            return cls(location, Folder(Path("/", *location.path)))
        return cls(location, Bucket(str(location), patience))

    async def put(self, key: str, data: bytes) -> None:
        """Write an object, in memory as a whole, by one step; one that is there is replaced.

        Raises:
            ObjectsIll: It is not known whether it was written. If it was, it is whole.
        """
        await self._store.put(_checked(key), data)

    def writer(self, key: str) -> AbstractAsyncContextManager[Writer]:
        """Write an object of any size: ``async with objects.writer(key) as file: await file.write(data)``.

        It is there when the block has ended. If an exception ends it, or something of the upload fails, nothing is.

        Raises:
            ObjectsIll: It was not written.
        """
        return self._store.writer(_checked(key))

    async def read(self, key: str, *, offset: int = 0, expected: Facts | None = None) -> AsyncGenerator[bytes, None]:
        """Return the bytes of an object from *offset* on, piece by piece, the next being fetched meanwhile.

        With *expected* it has to be the object that these facts are of.

        Raises:
            ObjectMissing: There is none.
            ObjectChanged: It is another than *expected*, or has become another while it was read.
            ObjectsIll: It could not be read.
        """
        facts = await self.facts(key) if expected is None else replace(expected, key=_checked(key))
        pieces = self._store.read(facts, offset)
        coming = asyncio.ensure_future(anext(pieces, None))
        try:
            while (piece := await coming) is not None:
                coming = asyncio.ensure_future(anext(pieces, None))
                yield piece
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await pieces.aclose()

    async def facts(self, key: str) -> Facts:
        """Return size, etag and instant of change of an object.

        Raises:
            ObjectMissing: There is none.
            ObjectsIll: It could not be found out.
        """
        return await self._store.facts(_checked(key))

    def list(self, prefix: str = "") -> AsyncIterator[Facts]:
        """Return the objects below *prefix*, whole segments of a key, by key.

        Raises:
            ObjectsIll: They could not be found out.
        """
        return self._store.list(_checked(prefix) if prefix else "")

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there do not matter.

        Raises:
            ObjectsIll: Some may be left.
        """
        await self._store.delete([_checked(key) for key in keys])

    async def clear(self, prefix: str) -> None:
        """Remove all below *prefix*, and in a folder what a writer that was killed has left there.

        Raises:
            ObjectsIll: Some may be left.
        """
        await self._store.clear(_checked(prefix))

    def url_of(self, key: str) -> str:
        """Return where an object lies, or a prefix, as a URL."""
        return str(self.location.below(*_checked(key).split("/")))


class Source:
    """An object that may be read: what *text* names."""

    def __init__(self, text: str, objects: Objects, key: str) -> None:
        self.text = text
        self._objects = objects
        self._key = key

    async def facts(self) -> Facts:
        """Return what is known of it, as `Objects.facts` does."""
        return await self._objects.facts(self._key)

    def read(self, *, offset: int = 0, expected: Facts | None = None) -> AsyncGenerator[bytes, None]:
        """Return its bytes, as `Objects.read` does."""
        return self._objects.read(self._key, offset=offset, expected=expected)


class Locations:
    """What imports may read: below ``imports/`` of the object store, and below the locations of *further*."""

    def __init__(self, objects: Objects, further: Sequence[str] = ()) -> None:
        self.allow_list = AllowList(home=objects.location, further=[location_of(each) for each in further])
        self._stores = {objects.location: objects}

    def allows(self, text: str) -> bool:
        """Whether what *text* names lies in one of them; pure. A link out of a folder is refused when it is read."""
        return self.allow_list.allows(text)

    def open(self, text: str) -> Source:
        """Return what *text* names, to be read; nothing is asked for yet.

        Raises:
            Declined: It is not allowed.
        """
        place = self.allow_list.place(text)
        if place.root not in self._stores:
            self._stores[place.root] = Objects.at(place.root)
        return Source(text, self._stores[place.root], place.key)


def _checked(key: str) -> str:
    if not is_key(key):
        raise ValueError(f"{key!r} is no key; each part that comes from outside goes through segment()")
    return key
