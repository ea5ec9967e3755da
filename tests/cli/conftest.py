"""Real processes through the doors: `door` runs one to its end, `System` is a `partita up` that is listened to."""

import os
import queue
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from contracts.catalog import Topics
from partita.local.stack import LocalStack
from tests.conftest import LOCAL
from tests.processes import PIPE, Process
from tests.processes import run as run_to_end

Door = Callable[..., subprocess.CompletedProcess[str]]
PARTITA = (sys.executable, "-m", "partita")
PATIENCE_S = 100.0


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without its settings for partita, and with *settings*."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    return inherited | {"PARTITA_LOCAL": LOCAL, "COLUMNS": "120"} | settings


@pytest.fixture
def door(tmp_path: Path) -> Door:
    def run(
        *arguments: str, settings: Mapping[str, str] | None = None, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return run_to_end(
            arguments, cwd=tmp_path, env=environment(**(settings or {})), typed=typed, within_s=PATIENCE_S
        )

    return run


class System:
    """A `partita up` of our own, inside a `with` block; every line it says can be waited for."""

    def __init__(self, env_file: Path, *options: str, settings: Mapping[str, str] | None = None) -> None:
        self.env_file = env_file
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self.process = Process(
            ["up", "--env-file", str(env_file), *options], env=environment(**(settings or {})), stderr=PIPE
        )
        self._listener = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.end()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self._lines.put(line.rstrip())

    def hears(self, text: str) -> str:
        while text not in (line := self._lines.get(timeout=PATIENCE_S)):
            self.said.append(line)
        self.said.append(line)
        return line

    def pid_of(self, name: str) -> int:
        return next(int(found[1]) for line in self.said if (found := re.fullmatch(rf"{name}: process (\d+)", line)))

    @property
    def settings(self) -> dict[str, str]:
        """What the environment file says, as a shell would read it."""
        read = subprocess.run(
            ["sh", "-c", 'set -a; . "$0"; env', self.env_file], env={}, capture_output=True, text=True, check=True
        )
        lines = (line.partition("=") for line in read.stdout.splitlines())
        return {name: value for name, _, value in lines if name.startswith("PARTITA_")}

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._listener.join(PATIENCE_S)
        return code


def has_ended(pid: int) -> bool:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE_S)[0])
    finally:
        os.close(descriptor)


@pytest.fixture(scope="module")
def elsewhere(stack: LocalStack, database_url: str, topics: Topics) -> dict[str, str]:
    """Return the way to the shared servers, to a database and under a prefix of this module's own."""
    return {
        "PARTITA_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "PARTITA_DATABASE_URL": database_url,
        "PARTITA_TOPIC_PREFIX": topics.prefix,
    }


@pytest.fixture(scope="module")
def system(elsewhere: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Run the roles on the shared servers."""
    env_file = tmp_path_factory.mktemp("up") / "partita.env"
    with System(env_file, "--partitions", "2", "--without", "api", settings=elsewhere) as running:
        running.hears("ready")
        yield running
