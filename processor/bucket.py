"""Objects in a bucket of S3, Google Cloud Storage or Azure, through obstore.

Promise   A request that fails is tried again, a store that stays ill is an error then, and one that does not answer
          too: see `Patience`. An upload in parts that fails is aborted; one that is said to have ended is asked for,
          and removed where it is not whole.
Cost      A request for each call; for an upload in parts one for each ``PART_BYTES``, and three.
Invariant Credentials, region and endpoint come from the environment, by the names that the store's own tools use.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import from_url

from processor.stores import (
    PIECE_BYTES,
    Facts,
    ObjectChanged,
    ObjectMissing,
    ObjectsIll,
    Patience,
    Writer,
    summary,
    to_its_end,
)

if TYPE_CHECKING:  # obstore has these for checkers only
    from obstore import GetOptions, ObjectMeta
    from obstore.store import BackoffConfig, ClientConfig, ObjectStore, RetryConfig

PART_BYTES: Final = 8 * 2**20  # an object of 10,000 parts has 80 GiB
UPLOADS: Final = 3
TRIES: Final = 3

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_PAGE: Final = 1000
_BACKSTOP: Final = timedelta(hours=1)
_BACKOFF: "Final[BackoffConfig]" = {
    "init_backoff": timedelta(milliseconds=100),
    "max_backoff": timedelta(seconds=5),
    "base": 2,
}


class Bucket:
    """The store at a URL, which may lead to a prefix in the bucket."""

    def __init__(self, url: str, patience: Patience) -> None:
        self._url = url
        self._patience = patience
        try:
            self._store = _opened(url, patience, timeout=_BACKSTOP)
            self._reading = _opened(url, patience, timeout=_BACKSTOP, read_timeout=timedelta(seconds=patience.answer_s))
            self._uploads = _opened(url, patience, timeout=patience.limit(PART_BYTES))
        except (BaseError, ValueError) as error:
            raise ObjectsIll(f"{url} cannot be used: {summary(error)}") from error

    async def put(self, key: str, data: bytes) -> None:
        """Write an object by one request."""
        async with self._judged(key, size=len(data), needs_object=False):
            await obstore.put_async(self._store, key, data, use_multipart=False)

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncIterator[Writer]:
        """Write an object in parts, aborted on any failure."""
        upload = _Upload(self, self._uploads, key)
        try:
            yield upload
        except BaseException as error:
            await upload.abort(error)
            raise
        await to_its_end(self._finish(upload))  # interrupted between its parts and its end it would never be aborted

    async def _finish(self, upload: "_Upload") -> None:
        """End an upload, and remove what is not whole: a store may say that it has ended, and have lost some of it."""
        await upload.finish()
        try:
            found = (await self.facts(upload.key)).size
        except ObjectMissing:
            found = -1
        if found != upload.size:
            await self.delete([upload.key])
            raise ObjectsIll(f"{self._name(upload.key)} was not stored as a whole.")

    async def read(self, facts: Facts, offset: int) -> AsyncGenerator[bytes, None]:
        """Return an object by one request, and by another for the rest when its answer breaks off."""
        position, failures, since = offset, 0, monotonic()
        while position < facts.size:
            try:
                answer = self._answer(facts, position, is_whole=position == 0 or failures > 0)
                async with aclosing(answer) as pieces:
                    async for piece in pieces:
                        position, failures, since = position + len(piece), 0, monotonic()
                        yield piece
            except ObjectsIll:
                failures += 1
                if failures == TRIES or monotonic() - since > self._patience.retry_s:
                    raise

    async def _answer(self, facts: Facts, position: int, *, is_whole: bool) -> AsyncGenerator[bytes, None]:
        """Return an object from *position* on; some stores cannot be asked for less than the whole."""
        options: GetOptions = {"if_match": f'"{facts.etag}"' if facts.etag else None}
        if not is_whole:
            options["range"] = {"offset": position}
        async with self._judged(facts.key):
            found = await obstore.get_async(self._reading, facts.key, options=options)
        if not _same(_facts(found.meta), facts):  # nor do all know conditions
            raise ObjectChanged(self._name(facts.key))
        begin, pieces = found.range[0], found.stream(PIECE_BYTES)
        while True:
            with self.judged(facts.key):
                piece = await to_its_end(anext(pieces, b""))
            end = begin + len(piece)
            if end > facts.size or (end < facts.size and not piece):
                raise ObjectsIll(f"{self._name(facts.key)} was answered with more or less than it has.")
            if not piece:
                return
            if end > position:
                yield bytes(piece)[max(0, position - begin) :]
            begin = end

    async def facts(self, key: str) -> Facts:
        """Return what is known of an object."""
        async with self._judged(key):
            return _facts(await obstore.head_async(self._store, key))

    async def list(self, prefix: str) -> AsyncIterator[Facts]:
        """Return the objects below *prefix*, in the order of the store."""
        pages = obstore.list(self._reading, prefix or None, chunk_size=_PAGE)
        while True:
            with self.judged(prefix, needs_object=False):
                page = await to_its_end(anext(pages, None))
            if page is None:
                return
            for each in page:
                yield _facts(each)

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects."""
        for start in range(0, len(keys), _PAGE):
            page = list(keys[start : start + _PAGE])
            try:
                await self._delete(page)
            except ObjectMissing:  # some stores stop at one that is not there
                for key in page:
                    with suppress(ObjectMissing):
                        await self._delete([key])

    async def _delete(self, keys: Sequence[str]) -> None:
        async with self._judged(keys[0]):
            await obstore.delete_async(self._store, keys)

    async def clear(self, prefix: str) -> None:
        """Remove the objects below *prefix*."""
        await self.delete([each.key async for each in self.list(prefix)])

    def _name(self, key: str) -> str:
        return f"{self._url}/{key}"

    @asynccontextmanager
    async def _judged(self, key: str, *, size: int = 0, needs_object: bool = True) -> AsyncIterator[None]:
        """Do what `judged` does, and bound how long a request takes that moves *size* bytes."""
        with self.judged(key, needs_object=needs_object):
            async with asyncio.timeout(self._patience.limit(size).total_seconds()):
                yield

    @contextmanager
    def judged(self, key: str, *, needs_object: bool = True) -> Iterator[None]:
        """Turn what obstore says into what a store raises; what is written cannot be missing."""
        try:
            yield
        except FileNotFoundError as error:
            if needs_object:
                raise ObjectMissing(self._name(key)) from None
            raise ObjectsIll(f"{self._url}: the bucket is missing; {summary(error)}") from error
        except PreconditionError:
            raise ObjectChanged(self._name(key)) from None
        except TimeoutError as error:
            raise ObjectsIll(f"{self._name(key)}: no answer in time.") from error
        except (BaseError, OSError, ValueError) as error:
            raise ObjectsIll(f"{self._name(key)}: {summary(error)}") from error


class _Upload:
    """An object that is being written in parts. Its requests have limits of their own: see `Bucket.writer`."""

    def __init__(self, bucket: Bucket, store: "ObjectStore", key: str) -> None:
        self.key = key
        self.size = 0
        self._bucket = bucket
        self._file = obstore.open_writer_async(store, key, buffer_size=PART_BYTES, max_concurrency=UPLOADS)

    async def write(self, data: bytes) -> None:
        """Append *data*; it waits where as many parts as allowed are on their way."""
        with self._bucket.judged(self.key, needs_object=False):
            await self._file.write(data)
        self.size += len(data)

    async def finish(self) -> None:
        """Let the object be there; where that fails, the upload is aborted."""
        with self._bucket.judged(self.key, needs_object=False):
            await self._file.close()

    async def abort(self, error: BaseException) -> None:
        """Let nothing of it stay; where the store cannot be told, its own rule has to."""
        with suppress(ObjectsIll), self._bucket.judged(self.key, needs_object=False):
            await self._file.__aexit__(type(error), error, error.__traceback__)


def _opened(
    url: str, patience: Patience, *, timeout: timedelta, read_timeout: timedelta | None = None
) -> "ObjectStore":
    retry: RetryConfig = {
        "max_retries": 100,  # the time decides
        "retry_timeout": timedelta(seconds=patience.retry_s),
        "backoff": _BACKOFF,
    }
    client: ClientConfig = {"connect_timeout": timedelta(seconds=5), "timeout": timeout}
    if read_timeout is not None:
        client["read_timeout"] = read_timeout
    if url.startswith("s3:"):
        endpoint = next(filter(None, map(os.environ.get, _ENDPOINTS)), "")
        client["allow_http"] = endpoint.startswith("http://")
    return from_url(url, client_options=client, retry_config=retry)


def _facts(meta: "ObjectMeta") -> Facts:
    etag = (meta["e_tag"] or "").strip('"')  # some lists leave the quotes out
    return Facts(key=meta["path"], size=meta["size"], etag=etag, modified=meta["last_modified"])


def _same(one: Facts, other: Facts) -> bool:
    """Whether the two are of one content; the instants of a list and of an answer differ in their precision."""
    return (one.size, one.etag) == (other.size, other.etag) and (bool(one.etag) or one.modified == other.modified)
