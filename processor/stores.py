"""What every kind of object storage can do, and how it fails.

PartitaError
├── Transient  ObjectsIll      the storage is ill, or full: it may get well
└── Declined   ObjectMissing   nothing has this key
               ObjectChanged   what is read is no longer what was found
"""

import asyncio
import os.path
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, TypeVar

from processor.errors import Declined, Transient
from processor.locations import Url, urls_of

_T = TypeVar("_T")

PIECE_BYTES: Final = 2**20


class ObjectsIll(Transient):
    """The object storage has not done what it was asked for; later it may."""


class ObjectMissing(Declined):
    """There is no such object."""

    def __init__(self, url: str) -> None:
        super().__init__("object_not_found", f"There is no {url}.")


class ObjectChanged(Declined):
    """The object is another than the one that was found."""

    def __init__(self, url: str) -> None:
        super().__init__("object_changed", f"{url} has changed while it was read.")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of an object without reading it. Another content has another *etag*; *size* is in bytes."""

    key: str
    size: int
    etag: str
    modified: datetime


def location_of(text: str) -> Url:
    """Return the location that a setting names: a folder, relative ones to where the process runs, or a URL.

    Raises:
        ValueError: It is none that objects can be kept in.
    """
    if "://" not in text:
        return Url(scheme="file", host="", path=Path(os.path.normpath(Path(text).absolute())).parts[1:])
    return urls_of([text])[0]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a store in a network is waited for.

    What it refuses is tried again for *retry_s* seconds; its answer is waited for *answer_s*, tries and all, and as
    much longer as what is moved takes at *bytes_per_s*.
    """

    answer_s: float = 30.0
    retry_s: float = 20.0
    bytes_per_s: float = 2.0**20

    def limit(self, size: int) -> timedelta:
        """Return how long a request may take that moves *size* bytes."""
        return timedelta(seconds=self.answer_s + size / self.bytes_per_s)


class Writer(Protocol):
    """An object that is being written."""

    async def write(self, data: bytes) -> None:
        """Append *data*."""


class Store(Protocol):
    """A place for objects, by key. Keys have been checked; every method may raise `ObjectsIll`."""

    async def put(self, key: str, data: bytes) -> None:
        """Write an object as a whole."""

    def writer(self, key: str) -> AbstractAsyncContextManager[Writer]:
        """Write an object bit by bit; it is there when the block has ended without an exception."""

    def read(self, facts: Facts, offset: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes from *offset* on of the object that *facts* are of, in pieces of about ``PIECE_BYTES``.

        Raises:
            ObjectMissing: It is gone.
            ObjectChanged: It is another by now.
        """

    async def facts(self, key: str) -> Facts:
        """Return what is known of an object.

        Raises:
            ObjectMissing: There is none.
        """

    def list(self, prefix: str) -> AsyncIterator[Facts]:
        """Return the objects below *prefix*, by key; an empty one stands for all."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there do not matter."""

    async def clear(self, prefix: str) -> None:
        """Remove everything below *prefix*, and what an interrupted writing has left there."""


async def to_its_end(call: Awaitable[_T]) -> _T:
    """Return what *call* returns; whoever is cancelled meanwhile waits for its end, so that nothing happens after."""
    turn = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(turn)
    except asyncio.CancelledError:
        await asyncio.wait({turn})
        if not turn.cancelled():
            turn.exception()  # the cancellation counts
        raise


def summary(error: BaseException, *, length_max: int = 300) -> str:
    """Return the text of *error* on one line, without the queries of URLs: they may hold signatures."""
    text = str(error).split("Debug source:")[0]  # obstore says all of it twice
    plain = " ".join(_without_query(text.split())) or type(error).__name__
    return plain if len(plain) <= length_max else f"{plain[:length_max]}..."


def _without_query(words: Iterable[str]) -> Iterable[str]:
    return (word.split("?", 1)[0] if "://" in word else word for word in words)
