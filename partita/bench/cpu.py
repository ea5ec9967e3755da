"""CPU time by process, as the kernel counts it.

Invariant Time of a child that has ended counts for the parent that waited for it, so nothing is lost between readings.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from partita.local.process_table import children_of
from partita.whole import Whole

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _USER_OF_CHILDREN, _SYSTEM_OF_CHILDREN = range(11, 15)  # in /proc/<pid>/stat after the name

EXCHANGE: Final = "producer and reader"


def cpu_seconds(system: Whole) -> dict[str, float]:
    """Return the CPU seconds so far of every process of *system*, and of this one; services in Docker are left out."""
    found = {EXCHANGE: time.process_time()}
    if not Path("/proc/self/stat").exists():
        return found
    for name, process in system.crew.processes.items():
        found[name] = _family_s(process.pid)
    for server in (system.stack.postgres, system.stack.kafka):
        if server is not None:
            found[server.name] = _family_s(server.pid)
    return found


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds between two readings."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


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
