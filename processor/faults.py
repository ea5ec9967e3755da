"""Named points at which a test may have this very process die or freeze, to prove that nothing is lost there.

Invariant Without ``PARTITA_FAULT`` in the environment a point does nothing. With ``PARTITA_FAULT=saved:3`` the process
          writes one line to stderr and kills itself by SIGKILL when it reaches the point ``saved`` for the third time;
          with ``saved:3:stop`` it stops itself by SIGSTOP, until somebody sends SIGCONT.
"""

import os
import signal
import sys
from typing import Final

POINTS: Final = (
    *("fetched", "copying", "saved", "committed"),
    *("relay_read", "relay_sent", "parked", "replay_sent", "scheduled"),
    *("part_stored", "manifest_stored", "export_ended"),
    *("chunk_merged", "chunk_committed"),
)

_point, _times, _deed, *_ = [*os.environ.get("PARTITA_FAULT", "").split(":"), "", ""]
_left = int(_times or 1)
_signal = signal.SIGSTOP if _deed == "stop" else signal.SIGKILL


def reach(point: str) -> None:
    """Pass *point*, or die or stop there if this process was told to."""
    global _left  # noqa: PLW0603 - a process dies once; there is nothing to pass around
    if point != _point:
        return
    _left -= 1
    if _left == 0:
        sys.stderr.write(f"PARTITA_FAULT reached {point}\n")
        sys.stderr.flush()
        os.kill(os.getpid(), _signal)
