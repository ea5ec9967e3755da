"""A server that cannot outlive us: the asking side of `guard.py`.

Promise   Between creation and `end` exactly one server runs, and its end is seen without polling.
Invariant A signal goes only to a server whose end has not been announced, so never to a stranger with a reused pid.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partita.local.errors import LocalStackError

GUARD = Path(__file__).with_name("guard.py")
KILLED_WITHIN_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run, and how to end it when we are gone; without a command line, a directory to remove then."""

    name: str
    argv: list[str]
    cwd: Path
    log: Path
    end_signal: signal.Signals = signal.SIGTERM
    end_within_s: float = 30.0
    account: dict[str, Any] = field(default_factory=dict)
    pass_fds: list[int] = field(default_factory=list)

    def to_line(self) -> bytes:
        """One line of JSON, as the guard reads it."""
        words = vars(self) | {"owner": os.getpid(), "lock": self.cwd / "lock"}
        return json.dumps(words, default=str).encode() + b"\n"


class GuardedProcess:
    """A running server and the guard that owns it."""

    def __init__(self, order: Order) -> None:
        with order.log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                [sys.executable, "-I", "-S", str(GUARD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # `select` must see every line that has not been read
                start_new_session=True,  # a Ctrl-C in the terminal is ours alone
                pass_fds=order.pass_fds,
            )
        self.pid = -1
        self._has_exited = False
        self._write(order.to_line())
        self._begin(order)

    def has_exited(self, *, within_s: float = 0.0) -> bool:
        """Wait up to `within_s` seconds for the server's end."""
        if not self._has_exited:
            assert self._guard.stdout is not None
            news = select.poll()  # not select.select, which fails beyond the 1024th open file
            news.register(self._guard.stdout)
            if news.poll(within_s * 1000):
                self._has_exited = True
                if "exited" not in self._read():  # someone killed the guard: the server must not live on alone
                    self._kill()
        return self._has_exited

    def end(self, with_signal: signal.Signals, *, within_s: float = KILLED_WITHIN_S) -> None:
        """Send the signal, wait for the end, kill past the limit, and let the guard go."""
        if not self.has_exited():
            with contextlib.suppress(ProcessLookupError):  # it ended just now; the news is on its way
                os.kill(self.pid, with_signal)
        if not self.has_exited(within_s=within_s):
            self._kill()
            self.has_exited(within_s=KILLED_WITHIN_S)
        self.let_go()

    def let_go(self) -> None:
        """Send the guard home; it ends nothing and removes nothing."""
        self._write(b"leave\n")
        with self._guard:  # closes the pipes and reaps it
            pass

    def _begin(self, order: Order) -> None:
        answer = self._read()
        if "pid" not in answer:
            self.let_go()
            raise LocalStackError(f"{order.name} cannot be started: {answer.get('error', 'its guard was killed')}")
        self.pid = answer["pid"]

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _write(self, line: bytes) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the guard was killed: reading from it will tell
            self._guard.stdin.write(line)

    def _read(self) -> dict[str, Any]:
        assert self._guard.stdout is not None
        answer: dict[str, Any] = json.loads(self._guard.stdout.readline() or "{}")
        return answer
