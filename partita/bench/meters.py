"""CPU time and memory by process, as the kernel counts them.

Invariant Time of a child that has ended counts for the parent that waited for it, so nothing is lost between readings.
          Programs that the processes of one server share count once, and its shared buffers not at all: they fill up
          to their setting, and would hide what grows.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from partita.local.process_table import children_of
from partita.local.server import ServerProcess
from partita.whole import Whole

EXCHANGE: Final = "producer and reader"

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _USER_OF_CHILDREN, _SYSTEM_OF_CHILDREN = range(11, 15)  # in /proc/<pid>/stat after the name
_KIB: Final = 1024

Pids = Mapping[str, int]


def pids_of(system: Whole) -> dict[str, int]:
    """Return every process of *system* and this one, by name; services in Docker are left out."""
    crew = {name: process.pid for name, process in system.crew.processes.items()}
    return {EXCHANGE: os.getpid(), **crew, **pids_of_servers(system.stack.postgres, system.stack.kafka)}


def pids_of_servers(*servers: ServerProcess | None) -> dict[str, int]:
    """Return those *servers* that are processes of ours, by name."""
    return {server.name: server.pid for server in servers if server is not None}


def cpu_seconds(pids: Pids) -> dict[str, float]:
    """Return the CPU seconds so far of each process with its children; where nothing is known, of this one alone."""
    if not Path("/proc/self/stat").exists():
        return {name: time.process_time() for name, pid in pids.items() if pid == os.getpid()}
    return {name: time.process_time() if pid == os.getpid() else _family_s(pid) for name, pid in pids.items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds between two readings."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def memory_mb(pids: Pids) -> dict[str, float]:
    """Return the resident megabytes of each process with its children, or nothing where nothing is known."""
    if not Path("/proc/self/status").exists():
        return {}
    return {name: _family_mb(_family(pid)) for name, pid in pids.items()}


def _family(pid: int) -> list[int]:
    return [pid] if pid == os.getpid() else [pid, *children_of(pid)]  # our own children are measured themselves


def _family_s(pid: int) -> float:
    """Return the seconds of a process, of its children that live, and of those that have ended."""
    return _seconds(pid, with_ended=True) + sum(_seconds(child, with_ended=False) for child in children_of(pid))


def _seconds(pid: int, *, with_ended: bool) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it ended just now and counts for its parent from now on
        return 0.0
    counted = (_USER, _SYSTEM, _USER_OF_CHILDREN, _SYSTEM_OF_CHILDREN) if with_ended else (_USER, _SYSTEM)
    return sum(int(fields[field]) for field in counted) / _TICKS_PER_S


def _family_mb(pids: Iterable[int]) -> float:
    """Return what each has of its own, and the largest share that one of them has of programs."""
    rows = [_status(pid) for pid in pids]
    own = sum(row.get("RssAnon", 0) for row in rows)
    shared = max(row.get("RssFile", 0) for row in rows)
    return (own + shared) * _KIB / 1e6


def _status(pid: int) -> dict[str, int]:
    """Return the kilobyte rows of a process's status; none if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    rows = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {name.rstrip(":"): int(number) for name, number, _ in rows}
