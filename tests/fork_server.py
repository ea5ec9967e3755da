"""Has the product imported once, and forks for each process of ``partita`` that a test starts.

Promise   What is forked is a process like any other: it has its own id, environment, directory, standard streams and
          signals, enters ``partita`` by its `main`, and dies alone.
Cost      Once what all doors import, about a second; then 30 ms for a process, where a new interpreter takes 500.
Invariant The server runs no thread and opens nothing but its socket: a fork has nothing to inherit.

A request is one datagram: JSON, and four descriptors (stdin, stdout, stderr, report). To the report go the process's id
and, when it has ended, its status as `waitpid` gives it.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Final

import partita.cli
from partita.cli import main
from partita.roles import ROLES, import_roles
from processor import faults
from tests.processes import MESSAGE_MAX, WORD

STREAMS: Final = 3
PLANTED: Final = "sitecustomize.py"  # on a path of a test's own: what a process does before anything else


def warm() -> None:
    """Import what the doors import when they are opened."""
    for each in pkgutil.iter_modules(partita.cli.__path__, "partita.cli."):
        importlib.import_module(each.name)
    import_roles(ROLES)
    assert threading.active_count() == 1, "a thread would be missing in what is forked"
    gc.freeze()


class Server:
    """Takes requests until nobody is left to send one."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._poll = select.poll()
        self._poll.register(requests, select.POLLIN)
        self._children: dict[int, tuple[int, int]] = {}  # by the descriptor that tells of its end: id, report

    def serve(self) -> list[str] | None:
        """Return the arguments of a process that was asked for, in that process; None when all is over."""
        while True:
            for ready, _ in self._poll.poll():
                if ready in self._children:
                    self._bury(ready)
                    continue
                message, descriptors, _, _ = socket.recv_fds(self._requests, MESSAGE_MAX, STREAMS + 1)
                if not message:
                    return None
                if self._forks(descriptors):
                    return self._become(json.loads(message), descriptors)

    def _forks(self, descriptors: list[int]) -> bool:
        report = descriptors[STREAMS]
        if not (child := os.fork()):
            return True
        for each in descriptors[:STREAMS]:
            os.close(each)
        os.write(report, WORD.pack(child))
        watch = os.pidfd_open(child)
        self._children[watch] = (child, report)
        self._poll.register(watch, select.POLLIN)
        return False

    def _bury(self, watch: int) -> None:
        child, report = self._children.pop(watch)
        self._poll.unregister(watch)
        os.close(watch)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(BrokenPipeError):  # whoever started it does not want to know
            os.write(report, WORD.pack(status))
        os.close(report)

    def _become(self, asked: dict[str, Any], descriptors: list[int]) -> list[str]:
        self._requests.close()
        for watch, (_, report) in self._children.items():
            os.close(watch)
            os.close(report)
        for stream, descriptor in enumerate(descriptors[:STREAMS]):
            os.dup2(descriptor, stream)
        for descriptor in descriptors:
            os.close(descriptor)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        importlib.reload(faults)  # it reads the environment when it is imported
        known = {"", *sys.path}
        for folder in [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each not in known]:
            sys.path.insert(0, folder)
            if (planted := Path(folder) / PLANTED).is_file():
                runpy.run_path(str(planted))
        arguments: list[str] = asked["arguments"]
        sys.argv = ["partita", *arguments]
        return arguments


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests and for what they started
    warm()
    asked = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    sys.exit(0 if asked is None else main(asked))
