"""The kernel's table of processes, for the one question signals cannot answer: who are the children of that process?"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
ZOMBIE = "Z"


def children_of(parent: int) -> list[int]:
    """List the processes a process has started and not lost."""
    return [pid for pid, of, _ in _processes() if of == parent]


def living(pids: list[int]) -> list[int]:
    """Tell which of these still run; one that ended and waits to be reaped does not."""
    running = {pid for pid, _, state in _processes() if state != ZOMBIE}
    return [pid for pid in pids if pid in running]


def _processes() -> Iterator[tuple[int, int, str]]:
    """Read pid, parent and state of every process."""
    if not (PROC / "self" / "stat").exists():  # not Linux
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True)  # noqa: S607 - the system's own
        for line in listed.stdout.splitlines():
            pid, parent, state = line.split()
            yield int(pid), int(parent), state[0]
        return
    for entry in PROC.glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
            state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()  # a name may contain anything
            yield int(entry.name), int(parent), state
