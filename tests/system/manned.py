"""Processes that die where they were told to, and are started again."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.system.installation import Installation

LOOK_S = 0.05


class Post:
    """A role that is always manned: each process but the last dies at its fault."""

    def __init__(self, at: Installation, role: str, faults: Sequence[str], **settings: str) -> None:
        self.faults_left = list(faults)
        self.log = ""
        self._at = at
        self._role = role
        self._settings = settings
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def _keep(self) -> None:
        while not self._over.is_set():
            fault = self.faults_left[0] if self.faults_left else ""
            with self._at.role(self._role, PARTITA_FAULT=fault, **self._settings) as process:
                while process._process.poll() is None and not self._over.is_set():
                    self._over.wait(LOOK_S)
            self.log += process.log
            if f"PARTITA_FAULT reached {fault.partition(':')[0]}" in process.log and fault:
                self.faults_left.pop(0)

    def end(self) -> None:
        self._over.set()
        self._keeper.join()


@contextmanager
def manned(at: Installation, role: str, faults: Sequence[str] = (), **settings: str) -> Iterator[Post]:
    """Man a role for the length of a block; its processes die by *faults*, in their order."""
    post = Post(at, role, faults, **settings)
    try:
        yield post
    finally:
        post.end()
