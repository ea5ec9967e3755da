"""The files of an import as chunks of lines: fetched, decompressed and judged piece by piece, whatever their size.

Promise   Reading goes on anywhere between two lines. A file that is not what it should be is declined by a code, and
          what was read of it until then has been handed on.
Cost      A thread reads and judges while its caller does something else; it is handed a chunk at a time.
Bound     Two pieces of the store, a chunk, and what one line may have.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from msgspec import Struct

from contracts.activity import Policy
from processor.activity.lines import Chunk, LineLimits, LineReader, Place
from processor.errors import Declined
from processor.objects import Facts, Source

PIECE_BYTES_MAX: Final = 256 * 2**10
_LINE_BYTES: Final = 64  # few lines are shorter
CHUNK_BYTES_MAX: Final = 8 * 2**20  # of lines that are held as they stand
_INPUT_BYTES: Final = 64 * 2**10
_RATIO_COUNTS_FROM: Final = 2**20  # a few lines may be alike
_GZIP: Final = 31  # what zlib calls a gzip member


class FileLimits(Struct, frozen=True, kw_only=True):
    """How much a file may hold: bytes when it is decompressed, and how many times its own size that may be."""

    file_bytes_max: int = 16 * 2**30
    ratio_max: int = 200
    lines: LineLimits = LineLimits()


class Inflater:
    """The bytes of a file as they come, decompressed where they are compressed, in pieces of a bounded size."""

    def __init__(self, *, is_compressed: bool, limits: FileLimits, piece_bytes: int) -> None:
        self._limits = limits
        self._piece_bytes = piece_bytes
        self._is_compressed = is_compressed
        self._member = zlib.decompressobj(_GZIP)
        self._is_between = is_compressed  # nothing of the next member was seen
        self._read = self._made = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* holds.

        Raises:
            Declined: It is no gzip, or more than there may be.
        """
        size = _INPUT_BYTES if self._is_compressed else self._piece_bytes
        for start in range(0, len(data), size):
            part = data[start : start + size]
            self._read += len(part)
            for piece in self._inflated(part) if self._is_compressed else (part,):
                self._made += len(piece)
                self._check()
                yield piece

    def finish(self) -> None:
        """Make sure that nothing is missing.

        Raises:
            Declined: The file ends inside a member.
        """
        if self._is_compressed and (not self._is_between or not self._read):
            raise _corrupt("it ends too early")

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        """Decompress *data*: members one behind the other, and zeros behind the last."""
        while data:
            if self._is_between:
                data = data.lstrip(b"\0") if self._made else data
                if not data:
                    return
                self._member, self._is_between = zlib.decompressobj(_GZIP), False
            try:
                piece = self._member.decompress(data, self._piece_bytes)
            except zlib.error as error:
                raise _corrupt(str(error)) from None
            if piece:
                yield piece
            self._is_between = self._member.eof
            data = self._member.unused_data if self._is_between else self._member.unconsumed_tail

    def _check(self) -> None:
        limits = self._limits
        if self._made > limits.file_bytes_max:
            raise _too_large(limits)
        if self._made > max(_RATIO_COUNTS_FROM, limits.ratio_max * self._read):
            raise Declined(
                "compression_ratio_exceeded",
                f"it holds more than {limits.ratio_max} times its own size; compress it anew, or hand it in as it is",
            )


def _corrupt(why: str) -> Declined:
    return Declined("file_corrupt", f"it cannot be decompressed ({why}); hand in a file that is whole")


def _too_large(limits: FileLimits) -> Declined:
    return Declined("file_too_large", f"it holds more than {limits.file_bytes_max} bytes; divide it into several files")


class Step(Struct, frozen=True, kw_only=True):
    """A chunk of a file, and whether the file ends with it."""

    chunk: Chunk
    is_last: bool


async def steps_of(
    source: Source,
    facts: Facts,
    *,
    policy: Policy,
    limits: FileLimits,
    begin: Place,
    chunk_lines: int,
    thread: Executor,
) -> AsyncGenerator[Step, None]:
    """Yield the chunks of the file *source* from *begin* on; they have *chunk_lines* lines or a little more.

    All is read and judged in one *thread*, since each thread keeps memory that it has once used.

    Raises:
        Declined: The file is not what it should be.
        ObjectsIll: It cannot be read at the moment.
    """
    if facts.size > limits.file_bytes_max:
        raise _too_large(limits)
    in_thread: Callable[..., Awaitable[Any]] = partial(asyncio.get_running_loop().run_in_executor, thread)
    is_compressed = source.text.lower().endswith(".gz")
    piece_bytes = min(PIECE_BYTES_MAX, chunk_lines * _LINE_BYTES)
    inflater = Inflater(is_compressed=is_compressed, limits=limits, piece_bytes=piece_bytes)
    lines = LineReader(policy=policy, limits=limits.lines, begin=begin)
    to_skip = begin.offset if is_compressed else 0
    async with aclosing(source.read(offset=0 if is_compressed else begin.offset, expected=facts)) as pieces:
        try:
            async for data in pieces:
                coming = inflater.pieces(data)
                if to_skip:
                    to_skip, coming = await in_thread(_skipped, coming, to_skip)
                while (chunk := await in_thread(_next_chunk, lines, coming, chunk_lines)) is not None:
                    yield Step(chunk=chunk, is_last=False)
            inflater.finish()
        except Declined:
            if lines.lines:
                yield Step(chunk=await in_thread(lines.take), is_last=False)
            raise
        yield Step(chunk=await in_thread(_last_chunk, lines), is_last=True)


def _skipped(pieces: Iterator[bytes], count: int) -> tuple[int, Iterator[bytes]]:
    """Pass over *count* bytes, and return how many of them are still to come, and the pieces behind them."""
    for piece in pieces:
        if len(piece) > count:
            return 0, _behind(piece[count:], pieces)
        count -= len(piece)
    return count, iter(())


def _behind(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _next_chunk(lines: LineReader, pieces: Iterator[bytes], chunk_lines: int) -> Chunk | None:
    """Read on until there is a chunk and something behind it, so that the last is not empty; None for none so far."""
    for piece in pieces:
        chunk = lines.take() if lines.lines >= chunk_lines or lines.bytes >= CHUNK_BYTES_MAX else None
        lines.feed(piece)
        if chunk is not None:
            return chunk
    return None


def _last_chunk(lines: LineReader) -> Chunk:
    lines.feed(b"", is_last=True)
    return lines.take()
