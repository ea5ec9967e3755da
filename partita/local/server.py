"""One server process and its life: start, answer, stop, die, start again on the same port and data.

Promise   `start` returns when the server answers a real request; otherwise it leaves nothing running, and quotes the
          end of the log.
Invariant Ports chosen by us may be chosen anew once, if someone takes them between our question and the server's bind;
          after that they stay for the life of this object.
"""

import signal
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path

from partita.local.errors import LocalStackError, PortTakenError
from partita.local.guarded import GuardedProcess, Order
from partita.local.ports import free_ports, is_free
from partita.local.program import quoted

LOOK_AGAIN_S = 0.02


class ServerProcess(ABC):
    """What Kafka and PostgreSQL have in common."""

    name: str
    port_count: int
    answers_within_s: float
    orderly: signal.Signals  # finishes what it must and leaves clean data
    at_once: signal.Signals  # fit for data nobody will read again
    orderly_within_s = 30.0

    def __init__(self, *, given_up: threading.Event, log: Path) -> None:
        self.log = log
        self._given_up = given_up
        self.ports: list[int] = []
        self._process: GuardedProcess | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise LocalStackError(f"{self.name} is not running. Call start() first.")
        return self._process.pid

    def start(self) -> None:
        """Start the server, on the ports it had before if it had any, and wait until it answers."""
        assert self._process is None, f"{self.name} is already running"
        if self.ports:
            self._start()
            return
        self.ports = free_ports(self.port_count)
        try:
            self._start()
        except PortTakenError:
            self.ports = free_ports(self.port_count)
            self._start()

    def stop(self) -> None:
        """Stop the server in good order."""
        self._end(self.orderly)

    def kill(self) -> None:
        """Kill the server with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def drop(self) -> None:
        """Stop the server at once; its data will not be used again."""
        self._end(self.at_once)

    def require_running(self) -> None:
        """Make sure that the server's process has not ended by itself.

        Raises:
            LocalStackError: It has; the message quotes its last words.
        """
        if self._process is not None and self._process.has_exited():
            raise LocalStackError(f"{self.name} has ended by itself. {self._last_words()}")

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers a real request."""

    @abstractmethod
    def order(self) -> Order:
        """What the guard shall run."""

    def _start(self) -> None:
        self._insist_on_free_ports()
        self._process = GuardedProcess(self.order())
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.drop()
            raise

    def _wait_until_it_answers(self, process: GuardedProcess) -> None:
        deadline = time.monotonic() + self.answers_within_s
        while not self.answers():
            if self._given_up.is_set():
                raise LocalStackError(f"{self.name} is not waited for any more: its stack is being stopped.")
            if process.has_exited(within_s=LOOK_AGAIN_S):
                self._insist_on_free_ports()
                raise LocalStackError(f"{self.name} ended while starting. The end of its log:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"{self.name} runs but has not answered within {self.answers_within_s:.0f} s. "
                    f"The machine may be too busy; try again. The end of its log:\n{self._last_words()}"
                )

    def _last_words(self) -> str:
        return quoted(self.log.read_text(errors="replace"))

    def _insist_on_free_ports(self) -> None:
        for port in self.ports:
            if not is_free(port):
                raise PortTakenError(
                    f"{self.name} cannot listen on port {port} of 127.0.0.1: another program uses it. "
                    f"End that program and start again."
                )

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end(with_signal, within_s=self.orderly_within_s)
