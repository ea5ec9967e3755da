"""Objects in a local folder: a file for each, readable by its owner only.

Promise   A file that has a key is whole and on the disk, with the folders that lead to it: it is written under another
          name, synchronised, and renamed. What outlives a writer that was killed is removed with its prefix.
          No link leads out of the folder.
Cost      A thread's turn for each call; a cancelled one ends its turn first.
"""

import asyncio
import errno
import os
import secrets
import shutil
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from processor.errors import Declined
from processor.locations import is_stage
from processor.stores import PIECE_BYTES, Facts, ObjectChanged, ObjectMissing, ObjectsIll, Writer, summary, to_its_end

_P = ParamSpec("_P")
_T = TypeVar("_T")

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe is not waited for
_NOWHERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Folder:
    """The store in a folder, which is made when something is written to it."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    async def put(self, key: str, data: bytes) -> None:
        """Write a file as a whole."""
        await _in_thread(self._put, key, data)

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncIterator[Writer]:
        """Write a file bit by bit."""
        draft = _Draft(self, key)
        try:
            await _in_thread(draft.open)
            yield draft
            await _in_thread(draft.publish)
        finally:
            await _in_thread(draft.discard)

    async def read(self, facts: Facts, offset: int) -> AsyncGenerator[bytes, None]:
        """Return a file, as long as it is the one that *facts* are of."""
        for start in range(offset, facts.size, PIECE_BYTES):
            yield await _in_thread(self._piece, facts, start, min(start + PIECE_BYTES, facts.size))

    async def facts(self, key: str) -> Facts:
        """Return what is known of a file."""
        return await _in_thread(self._facts, key)

    async def list(self, prefix: str) -> AsyncIterator[Facts]:
        """Return the files below a folder, by key, without those that are still being written."""
        for facts in await _in_thread(self._list, prefix):
            yield facts

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove files; their folders stay."""
        await _in_thread(self._delete, keys)

    async def clear(self, prefix: str) -> None:
        """Remove a folder with all that is in it."""
        await _in_thread(self._clear, prefix)

    def _put(self, key: str, data: bytes) -> None:
        draft = _Draft(self, key)
        try:
            draft.open()
            draft.append(data)
            draft.publish()
        finally:
            draft.discard()

    def _piece(self, facts: Facts, start: int, end: int) -> bytes:
        with self.judged(facts.key), self._opened(facts.key) as (file, _):
            data = _read(file, start, end)
            if _etag(os.fstat(file)) != facts.etag or len(data) != end - start:
                raise ObjectChanged(self._name(facts.key))
            return data

    def _facts(self, key: str) -> Facts:
        with self.judged(key), self._opened(key) as (_, facts):
            return facts

    def _list(self, prefix: str) -> Sequence[Facts]:
        with self.judged(prefix):
            start = self._root / prefix
            if not start.is_dir():
                return ()
            self._inside(start)
            keys = (
                (Path(folder) / name).relative_to(self._root).as_posix()
                for folder, _, names in os.walk(start, onerror=_passed_over)
                for name in names
                if not is_stage(name)
            )
            found = []
            for key in sorted(keys):
                with suppress(Declined), self.judged(key), self._opened(key) as (_, facts):
                    found.append(facts)
            return found

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(ObjectMissing), self.judged(key):
                target = self._root / key
                (self._inside(target.parent) / target.name).unlink(missing_ok=True)

    def _clear(self, prefix: str) -> None:
        with suppress(ObjectMissing), self.judged(prefix):
            target = self._root / prefix
            shutil.rmtree(self._inside(target.parent) / target.name)

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[int, Facts]]:
        file = os.open(self._inside(self._root / key), _OLD)
        try:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                raise ObjectMissing(self._name(key))
            modified = datetime.fromtimestamp(about.st_mtime, UTC)
            yield file, Facts(key=key, size=about.st_size, etag=_etag(about), modified=modified)
        finally:
            os.close(file)

    def place(self, key: str) -> Path:
        """Return where the file of *key* belongs, in a folder that is there."""
        target = self._root / key
        _make_folders(self._root)
        self._inside(next(each for each in target.parents if each.exists()))  # before anything is made behind a link
        _make_folders(target.parent)
        return self._inside(target.parent) / target.name

    def _inside(self, path: Path) -> Path:
        """Return where *path* really is.

        Raises:
            Declined: A link leads out of the folder.
        """
        found = path.resolve(strict=True)
        if not found.is_relative_to(self._root.resolve(strict=True)):
            raise Declined("location_not_allowed", f"{path} leads out of {self._root}.")
        return found

    @contextmanager
    def judged(self, key: str, *, is_written: bool = False) -> Iterator[None]:
        """Turn what the file system says into what a store raises; what is written cannot be missing."""
        try:
            yield
        except (OSError, RuntimeError) as error:  # links in a circle are a RuntimeError before Python 3.13
            leads_nowhere = isinstance(error, RuntimeError) or error.errno in _NOWHERE
            if leads_nowhere and not is_written:
                raise ObjectMissing(self._name(key)) from None
            raise ObjectsIll(f"{self._name(key)}: {summary(error)}") from error

    def _name(self, key: str) -> str:
        return str(self._root / key)


class _Draft:
    """A file that is being written beside its place, and has no key before it is published."""

    def __init__(self, folder: Folder, key: str) -> None:
        self._folder = folder
        self._key = key
        self._file: FileIO | None = None
        self._target = self._stage = Path()

    def open(self) -> None:
        """Make the file, and the folders that lead to it."""
        with self._folder.judged(self._key, is_written=True):
            self._target = self._folder.place(self._key)
            self._stage = self._target.with_name(f".{secrets.token_hex(16)}.partial")
            self._file = FileIO(os.open(self._stage, _NEW, 0o600), "wb")

    async def write(self, data: bytes) -> None:
        """Append *data*."""
        await _in_thread(self.append, data)

    def append(self, data: bytes) -> None:
        """Append *data*."""
        assert self._file is not None
        with self._folder.judged(self._key, is_written=True):
            rest = memoryview(data)
            while rest:  # a disk that fills up cuts a write short, and refuses the next
                rest = rest[self._file.write(rest) :]

    def publish(self) -> None:
        """Give the file its place, once it is on the disk; then put the place on the disk."""
        assert self._file is not None
        with self._folder.judged(self._key, is_written=True):
            os.fsync(self._file.fileno())
            self._stage.replace(self._target)
            _sync(self._target.parent)

    def discard(self) -> None:
        """Remove what has not been published."""
        if self._file is not None:
            with self._folder.judged(self._key, is_written=True):
                self._file.close()
                self._stage.unlink(missing_ok=True)


def _make_folders(path: Path) -> None:
    """Make *path* and what leads to it, for its owner only, and on the disk."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)
        _sync(each.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _read(file: int, start: int, end: int) -> bytes:
    """Return what the file has between the two; less only where it ends before."""
    pieces = []
    while start < end and (piece := os.pread(file, end - start, start)):
        pieces.append(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _etag(about: os.stat_result) -> str:
    return f"{about.st_ino:x}-{about.st_size:x}-{about.st_mtime_ns:x}"


def _passed_over(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # removed meanwhile
        raise error


async def _in_thread(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    return await to_its_end(asyncio.to_thread(call, *args, **kwargs))
