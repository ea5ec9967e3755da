"""The lines of a file or of standard input, as they come.

Promise   A line is handed out as soon as it is there, and whoever waits for the next one can be interrupted.
Bound     Two chunks in memory, and the longest line.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from processor.errors import NotPrepared

CHUNK_BYTES: Final = 1 << 16
STDIN: Final = "-"


class Lines:
    """Reads *file*, or standard input for ``-``; ``number`` is that of the last line handed out."""

    def __init__(self, file: str) -> None:
        self.number = 0
        try:
            self._descriptor = os.dup(sys.stdin.fileno()) if file == STDIN else os.open(file, os.O_RDONLY)
        except OSError as error:
            raise NotPrepared(f"{file} cannot be read ({error.strerror}); name a file of JSON Lines, or -.") from error

    async def each(self) -> AsyncIterator[bytes]:
        """Yield each line that is not blank."""
        rest = b""
        async for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.number += 1
                if line.strip():
                    yield line
        if rest.strip():
            self.number += 1
            yield rest

    async def _chunks(self) -> AsyncIterator[bytes]:
        chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
        wanted = threading.Semaphore(1)  # one is read ahead
        # A thread of our own: the loop would wait for one of its own to read on before it ends.
        reading = partial(self._read, wanted, asyncio.get_running_loop(), chunks.put_nowait)
        threading.Thread(target=reading, daemon=True).start()
        while chunk := await chunks.get():
            if isinstance(chunk, OSError):
                raise NotPrepared(f"the commands cannot be read ({chunk.strerror})") from chunk
            wanted.release()
            yield chunk

    def _read(
        self,
        wanted: threading.Semaphore,
        loop: asyncio.AbstractEventLoop,
        hand_over: Callable[[bytes | OSError], None],
    ) -> None:
        chunk: bytes | OSError = b" "
        with suppress(RuntimeError):  # the loop has ended: nobody wants the rest
            while chunk and not isinstance(chunk, OSError):
                wanted.acquire()
                chunk = self._next()
                loop.call_soon_threadsafe(hand_over, chunk)

    def _next(self) -> bytes | OSError:
        try:
            return os.read(self._descriptor, CHUNK_BYTES)
        except OSError as error:
            return error
