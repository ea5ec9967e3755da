"""Processes of ``partita`` as a shell starts them, without the half second that an interpreter takes for its imports.

Where the way of starting is itself the point, a test starts ``python -m partita``; `up`, `bench`, `chaos` and `demo` do
so for each process of theirs.
"""

import atexit
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final, Self

from tests.house.tree import ROOT

NOTHING: Final = subprocess.DEVNULL
PIPE: Final = subprocess.PIPE

ENDS_WITHIN_S: Final = 10
MESSAGE_MAX: Final = 1 << 16
WORD: Final = struct.Struct("i")

Stream = IO[Any] | int


class Forked:
    """A process of ``partita``. What it writes to a stream that is PIPE is read, as text, from that attribute.

    One thread at a time may ask how it ended.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: Stream = NOTHING,
        stdout: Stream = NOTHING,
        stderr: Stream = NOTHING,
    ) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        with ExitStack() as ours:
            wanted = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            streams = [self._opened(name, each, ours) for name, each in wanted.items()]
            self._report, report = os.pipe()
            ours.callback(os.close, report)
            asked = {"arguments": self.args, "env": dict(env), "cwd": str(cwd or Path.cwd())}
            _SERVER.ask(asked, [*streams, report])
        self.pid = self._word()

    def _opened(self, name: str, stream: Stream, ours: ExitStack) -> int:
        """Return the descriptor to hand over; what was opened for it is closed with *ours*."""
        if stream == NOTHING:
            descriptor = os.open(os.devnull, os.O_RDWR)
        elif stream == PIPE:
            reading, descriptor = os.pipe()
            setattr(self, name, open(reading, encoding="utf-8"))  # noqa: PTH123, SIM115 - closed by who reads it
        else:
            return stream if isinstance(stream, int) else stream.fileno()
        ours.callback(os.close, descriptor)
        return descriptor

    def _word(self) -> int:
        read = os.read(self._report, WORD.size)
        if not read:
            raise EOFError("the server that forks has ended")
        word: int = WORD.unpack(read)[0]
        return word

    def poll(self) -> int | None:
        """Return how it ended, as `subprocess` does; None as long as it has not."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended; raise after so many seconds."""
        if (code := self._ended(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], timeout)[0]:
            self.returncode = os.waitstatus_to_exitcode(self._word())
            os.close(self._report)
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end, and return what it said to stdout and to stderr where they are PIPE."""
        with ThreadPoolExecutor(2) as readers:
            said = [readers.submit(_all_of, each) for each in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            finally:
                self.kill()  # whoever reads is waiting for its end
        out, err = (each.result() for each in said)
        return out, err

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


class Started(subprocess.Popen[str]):
    """The same where a process cannot be watched by a descriptor: a new interpreter."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: Stream = NOTHING,
        stdout: Stream = NOTHING,
        stderr: Stream = NOTHING,
    ) -> None:
        command = [sys.executable, "-m", "partita", *arguments]
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        super().__init__(command, env=dict(env), cwd=cwd or Path.cwd(), encoding="utf-8", **streams)  # type: ignore[call-overload]


Process = Forked if hasattr(os, "pidfd_open") else Started


def _all_of(stream: IO[str] | None) -> str:
    if stream is None:
        return ""
    with stream:
        return stream.read()


def run(
    arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, typed: str = "", within_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; past *within_s* it is killed."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as given:
        given.write(typed.encode())
        given.seek(0)
        process = Process(arguments, env=env, cwd=cwd, stdin=given, stdout=said, stderr=told)
        try:
            code = process.wait(within_s)
        finally:
            process.kill()
        for each in (said, told):
            each.seek(0)
        return subprocess.CompletedProcess(process.args, code, said.read().decode(), told.read().decode())


class _Server:
    """The server that forks: started by the first who asks, ended by the end of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: socket.socket | None = None

    def ask(self, asked: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        with self._lock:
            if self._requests is None:
                self._requests = self._start()
            message = json.dumps(asked).encode()
            assert len(message) <= MESSAGE_MAX, "a request is one datagram"
            socket.send_fds(self._requests, [message], descriptors)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()]
            )
        atexit.register(self._end)
        return ours

    def _end(self) -> None:
        """Let it end: it does where nobody can ask any more."""
        with self._lock:
            if self._requests is not None and self._process is not None:
                self._requests.close()
                self._process.wait(ENDS_WITHIN_S)
                self._requests = None


_SERVER: Final = _Server()
