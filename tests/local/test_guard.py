"""The guard by itself, with small programs in the place of servers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from partita.local.errors import LocalStackError
from partita.local.guarded import GuardedProcess, Order
from partita.local.process_table import living

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 1; done"

ROOT = Path(__file__).parents[2]


def order(tmp_path: Path, *argv: str, pass_fds: Sequence[int] = ()) -> Order:
    return Order(
        name="A program",
        argv=list(argv),
        cwd=tmp_path,
        log=tmp_path / "log",
        pass_fds=list(pass_fds),
    )


def test_the_end_of_a_server_is_seen(tmp_path: Path) -> None:
    process = GuardedProcess(order(tmp_path, "sh", "-c", "echo last words; exit 3"))
    assert process.has_exited(within_s=5.0)
    process.end(signal.SIGTERM)
    assert (tmp_path / "log").read_text() == "last words\n"


def test_a_running_server_has_not_exited_and_ends_when_told(tmp_path: Path) -> None:
    process = GuardedProcess(order(tmp_path, "sleep", "60"))
    assert not process.has_exited()
    process.end(signal.SIGTERM, within_s=5.0)
    assert process.has_exited()


def test_a_server_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = GuardedProcess(order(tmp_path, "sh", "-c", STUBBORN))
    process.end(signal.SIGTERM, within_s=0.2)
    assert process.has_exited()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="A program cannot be started: No such file or directory: none"):
        GuardedProcess(order(tmp_path, "none"))


def test_a_server_whose_guard_was_killed_is_not_left_alone(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    process = GuardedProcess(order(tmp_path, "sleep", "60", pass_fds=[writer]))
    os.close(writer)
    process._guard.kill()
    assert process.has_exited(within_s=5.0)
    process.end(signal.SIGTERM)
    assert os.read(reader, 1) == b"", "the pipe is at its end when its last holder, the server, is gone"
    os.close(reader)


FORKING_OWNER = """
import os, signal, sys, time
from pathlib import Path
from partita.local.guarded import GuardedProcess, Order
here = Path(sys.argv[1])
process = GuardedProcess(Order(name="A program", argv=["sleep", "60"], cwd=here, log=here / "log"))
fork = os.fork()
if fork == 0:
    os.close(1)
    time.sleep(60)
print(fork, process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_fork_of_the_owner_does_not_keep_the_server_alive(
    tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    command = [sys.executable, "-c", FORKING_OWNER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        fork, server = (int(pid) for pid in owner.stdout.readline().split())
        owner.wait()
    try:
        wait_until(lambda: not living([server]))
    finally:
        os.kill(fork, signal.SIGKILL)


def test_files_of_a_killed_owner_stay_until_the_last_program_that_works_with_them_has_ended(
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    command = [sys.executable, "-c", OWNER_OF_FILES]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        run, program = owner.stdout.readline().split()
        owner.kill()
        owner.wait()
    assert living([int(program)])
    assert Path(run).is_dir()
    os.kill(int(program), signal.SIGKILL)
    wait_until(lambda: not Path(run).exists())


OWNER_OF_FILES = """
import subprocess, sys
from partita.local.place import open_place
from tests.conftest import needs_processes

pytestmark = needs_processes
with open_place(None) as place:
    program = subprocess.Popen(["sleep", "60"], pass_fds=place.held, stdout=subprocess.DEVNULL, start_new_session=True)
    print(place.run, program.pid, flush=True)
    sys.stdin.read()
"""
