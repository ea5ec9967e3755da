"""Where one local stack lives on disk.

Promise   `open_place` yields a place no other stack uses, and leaves no file of this run behind, nor any data unless
          a data directory was asked for. If this process dies, a guard removes the files of the run.
Invariant The locks on both directories belong to this process and, as inherited descriptors, to every server and
          program that works there. So files of a run are removed, and kept data are given to the next stack, only when
          the last of them has ended.

    data/   kafka/ postgresql/ postgresql.password objects/ lock *.log   kept if asked for, otherwise inside run/
    run/    what is written for each start: properties, the socket, a copy of PostgreSQL's programs if it needs one
"""

import contextlib
import fcntl
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from partita.local.errors import LocalStackError
from partita.local.guarded import GuardedProcess, Order
from partita.local.machine import Account, make_directory, new_run_directory

PREDECESSOR_GONE_WITHIN_S = 45.0
LOOK_AGAIN_S = 0.1
LOCK = "lock"


@dataclass(frozen=True, kw_only=True)
class Place:
    """The two directories, who PostgreSQL runs as, and the descriptors of the locks, for programs to inherit.

    `given_up` is set when nobody waits any more for what is being started here.
    """

    data: Path
    run: Path
    temporary: bool
    account: Account
    held: list[int]
    given_up: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def open_place(data_dir: Path | None) -> Iterator[Place]:
    """Make the directories, hold their locks, and clean up."""
    account = Account.unprivileged()
    with contextlib.ExitStack() as cleanup:
        run = new_run_directory(account)
        held = [cleanup.enter_context(_locked(run))]
        cleanup.callback(_guard_of(run).let_go)
        cleanup.callback(shutil.rmtree, run, ignore_errors=True)
        data = run
        if data_dir is not None:
            data = data_dir.absolute()
            make_directory(data, cure="Name another data directory.")
            held.append(cleanup.enter_context(_locked(data)))
        yield Place(data=data, run=run, temporary=data_dir is None, account=account, held=held)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """Hold the directory's lock as soon as its former holders are gone."""
    deadline = time.monotonic() + PREDECESSOR_GONE_WITHIN_S
    with (directory / LOCK).open("a") as lock:
        while not _takes(lock.fileno()):
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"Another local stack uses {directory}. Stop it, or give this one a data directory of its own."
                )
            time.sleep(LOOK_AGAIN_S)  # the lock itself is what is asked, again and again
        yield lock.fileno()


def _takes(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _guard_of(run: Path) -> GuardedProcess:
    return GuardedProcess(Order(name="The guard of temporary files", argv=[], cwd=run, log=run / "guard.log"))
