"""A TCP proxy in front of any server, whose faults are switched on and off while it runs.

Promise   Without a fault every byte passes, both ways, and an end of one side ends the other. What strikes says so.
Bound     Delayed bytes hold up those behind them: a delay also narrows the line. What is encrypted cannot be watched.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol, Self

READ_BYTES = 64 * 1024
LINGER_0 = struct.pack("ii", 1, 0)  # closing discards what is unsent and sends RST


class Way(Enum):
    """A direction."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


BOTH = (Way.TO_SERVER, Way.TO_CLIENT)


class Strike(Enum):
    """What is done to a request that is watched for."""

    SWALLOW_REPLY = "it passes, its answer does not, and the connection ends"
    CUT_BEFORE = "the connection ends before it passes"


class Watch(Protocol):
    """Reads what one client says."""

    def sees(self, chunk: bytes) -> bool:
        """Say whether *chunk* completes the request that is watched for."""


class Proxy:
    """Listens on *listen*, a port of its own if that is 0, and passes bytes on to *host* and *port*.

    *watch* makes a reader of what one client says, for `strike`; *seed* makes the jitter the same each time.
    """

    def __init__(
        self, host: str, port: int, *, listen: int = 0, watch: Callable[[], Watch] | None = None, seed: int = 0
    ) -> None:
        self.delay_s = 0.0
        self.jitter_s = 0.0
        self.refusing = False
        self.struck = asyncio.Event()
        self._target = (host, port)
        self._listen = listen
        self._watch = watch
        self._random = random.Random(seed)  # noqa: S311 - jitter
        self._open = {way: asyncio.Event() for way in Way}
        self._left: dict[Way, int] = {}
        self._strike: Strike | None = None
        self._links: dict[_Link, asyncio.Task[None]] = {}
        self.heal()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self._listen)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        running = list(self._links.values())
        self.reset()
        await asyncio.gather(*running)

    def url(self, url: str) -> str:
        """Return *url* with the proxy in the place of its server."""
        host, port = self._target
        assert f"@{host}:{port}/" in url, "the proxy stands before that server"
        return url.replace(f"@{host}:{port}/", f"@127.0.0.1:{self.port}/")

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._links)

    def black_hole(self, ways: Sequence[Way] = BOTH) -> None:
        """Take everything and pass nothing on *ways*. It is not lost: once healed it arrives, as TCP would have it."""
        for way in ways:
            self._open[way].clear()

    def cut_after(self, count: int, way: Way) -> None:
        """Pass *count* more bytes on *way*, over all connections, then reset the one that brings more."""
        self.struck.clear()
        self._left[way] = count

    def strike(self, strike: Strike) -> None:
        """Do *strike* to the next request that is watched for, once."""
        self.struck.clear()
        self._strike = strike

    def reset(self) -> None:
        """End every connection by RST, on both sides."""
        for link in list(self._links):
            link.reset()

    def heal(self) -> None:
        """Switch every fault off."""
        self.delay_s = self.jitter_s = 0.0
        self.refusing = False
        self._strike = None
        self._left.clear()
        for gate in self._open.values():
            gate.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            _abort(writer)
            return
        try:
            upstream = await asyncio.open_connection(*self._target)
        except OSError:
            _abort(writer)
            return
        link = _Link((reader, writer), upstream)
        task = asyncio.current_task()
        assert task is not None, "streams are accepted in a task"
        self._links[link] = task
        try:
            await link.run(self)
        finally:
            del self._links[link]

    async def pass_on(self, link: "_Link", way: Way, chunk: bytes) -> bytes:
        """Return what of *chunk* may pass, when it may; end *link* where a fault says so."""
        if self.delay_s or self.jitter_s:
            due = asyncio.Event()
            delay_s = self.delay_s + self._random.uniform(0, self.jitter_s)
            asyncio.get_running_loop().call_later(delay_s, due.set)  # the fault itself, not a way to wait
            await due.wait()
        await self._open[way].wait()
        if link.muted and way is Way.TO_CLIENT:
            return self._end(link, b"")
        if way is Way.TO_SERVER and link.watch is not None and link.watch.sees(chunk) and self._strike is not None:
            strike, self._strike = self._strike, None
            if strike is Strike.CUT_BEFORE:
                return self._end(link, b"")
            link.muted = True
        return self._counted(link, way, chunk)

    def _counted(self, link: "_Link", way: Way, chunk: bytes) -> bytes:
        left = self._left.get(way)
        if left is None:
            return chunk
        if len(chunk) > left:
            del self._left[way]
            return self._end(link, chunk[:left], way)
        self._left[way] = left - len(chunk)
        return chunk

    def _end(self, link: "_Link", last: bytes, way: Way = Way.TO_SERVER) -> bytes:
        """Reset *link*, after *last* has gone *way*."""
        link.ending = (way, last)
        self.struck.set()
        return b""

    def watching(self) -> Watch | None:
        """Return a reader for a new client."""
        return self._watch() if self._watch is not None else None


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One client's connection and the one made for it to the server."""

    def __init__(self, client: Stream, server: Stream) -> None:
        self.muted = False  # the answer that comes next is swallowed
        self.ending: tuple[Way, bytes] | None = None
        self.watch: Watch | None = None
        self._streams = {Way.TO_SERVER: (client[0], server[1]), Way.TO_CLIENT: (server[0], client[1])}
        self._pumps: list[asyncio.Task[None]] = []

    async def run(self, proxy: Proxy) -> None:
        self.watch = proxy.watching()
        self._pumps = [asyncio.create_task(self._pump(proxy, way)) for way in Way]
        await asyncio.gather(*self._pumps, return_exceptions=True)
        self.reset()

    def reset(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        for _, writer in self._streams.values():
            _abort(writer)

    async def _pump(self, proxy: Proxy, way: Way) -> None:
        reader, writer = self._streams[way]
        try:
            while chunk := await reader.read(READ_BYTES):
                passing = await proxy.pass_on(self, way, chunk)
                if self.ending is not None:
                    await self._last_words()
                    return
                writer.write(passing)
                await writer.drain()
            writer.write_eof()
        except OSError:
            self.reset()

    async def _last_words(self) -> None:
        assert self.ending is not None, "somebody ended it"
        way, last = self.ending
        _, writer = self._streams[way]
        writer.write(last)
        await writer.drain()
        self.reset()


def _abort(writer: asyncio.StreamWriter) -> None:
    connected: socket.socket | None = writer.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    writer.transport.abort()


class CommitWatch:
    """Sees a COMMIT in what a client says to PostgreSQL, by the simple or the extended protocol."""

    _UNTYPED_CODES = (80877103, 80877104)  # SSLRequest, GSSENCRequest: a start-up packet follows

    def __init__(self) -> None:
        self._bytes = b""
        self._started = False
        self._statements: set[bytes] = set()
        self._portals: set[bytes] = set()

    def sees(self, chunk: bytes) -> bool:
        """Say whether *chunk* completes a COMMIT."""
        self._bytes += chunk
        seen = False
        while (message := self._next()) is not None:
            seen |= self._is_commit(*message)
        return seen

    def _next(self) -> tuple[bytes, bytes] | None:
        head = 1 if self._started else 0
        if len(self._bytes) < head + 4:
            return None
        end = head + int.from_bytes(self._bytes[head : head + 4])
        if len(self._bytes) < end:
            return None
        kind, body, self._bytes = self._bytes[:head], self._bytes[head + 4 : end], self._bytes[end:]
        if not self._started:
            self._started = int.from_bytes(body[:4]) not in self._UNTYPED_CODES
        return kind, body

    def _is_commit(self, kind: bytes, body: bytes) -> bool:
        fields = body.split(b"\0", 2)
        if kind == b"Q":
            return _commits(fields[0])
        if kind == b"P":
            _mark(self._statements, fields[0], known=_commits(fields[1]))
        if kind == b"B":
            _mark(self._portals, fields[0], known=fields[1] in self._statements)
        return kind == b"E" and fields[0] in self._portals


def _commits(query: bytes) -> bool:
    return query.strip().rstrip(b";").strip().upper() in (b"COMMIT", b"END")


def _mark(names: set[bytes], name: bytes, *, known: bool) -> None:
    (names.add if known else names.discard)(name)
