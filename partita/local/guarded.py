"""A server that cannot outlive us: the asking side of `guard.py`.

Promise   Between `start` and `release` exactly one server runs, and its end is seen without polling.
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
LOG_LINES_QUOTED = 15


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run, how to end it when we are gone, and what to remove afterwards."""

    name: str
    argv: list[str]
    cwd: Path
    log: Path
    end_signal: signal.Signals
    end_within_s: float
    remove: list[Path] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    pass_fds: list[int] = field(default_factory=list)

    def to_json(self) -> str:
        """One line, as the guard reads it."""
        return json.dumps(vars(self) | {"end_signal": int(self.end_signal)}, default=str)


class GuardedProcess:
    """A running server and the guard that owns it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._guard = _start_guard(order)
        self._exit_code: int | None = None
        answer = self._read()
        if "error" in answer:
            self._guard.wait()
            raise LocalStackError(f"{order.name} cannot be started: {answer['error']}")
        self.pid: int = answer["pid"]

    def has_exited(self, *, within_s: float = 0.0) -> bool:
        """Wait up to `within_s` seconds for the server's end."""
        if self._exit_code is None:
            ready, _, _ = select.select([self._guard.stdout], [], [], within_s)
            if ready:
                self._exit_code = self._read().get("exited", -1)
        return self._exit_code is not None

    def end(self, with_signal: signal.Signals, *, within_s: float = KILLED_WITHIN_S) -> None:
        """Send the signal, wait for the end, kill past the limit, and let the guard go."""
        self._send(with_signal)
        if not self.has_exited(within_s=within_s):
            self._send(signal.SIGKILL)
            self.has_exited(within_s=KILLED_WITHIN_S)
        self._release()

    def _send(self, with_signal: signal.Signals) -> None:
        if not self.has_exited():
            with contextlib.suppress(ProcessLookupError):  # it ended just now; its end is on the way to us
                os.kill(self.pid, with_signal)

    def _release(self) -> None:
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # the guard was killed: nothing left to release
                self._guard.stdin.write("leave\n")
                self._guard.stdin.close()
        self._guard.wait()
        if self._guard.stdout is not None:
            self._guard.stdout.close()

    def _read(self) -> dict[str, Any]:
        assert self._guard.stdout is not None
        line = self._guard.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer


def last_lines(log: Path) -> str:
    """Quote the end of a server's log for an error text."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-LOG_LINES_QUOTED:]) or "  (its log is empty)"


def _start_guard(order: Order) -> subprocess.Popen[str]:
    guard = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
        [sys.executable, "-I", "-S", str(GUARD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        start_new_session=True,
        pass_fds=order.pass_fds,
    )
    assert guard.stdin is not None
    guard.stdin.write(order.to_json() + "\n")
    return guard
