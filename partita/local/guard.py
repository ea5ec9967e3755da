"""The guard: a small process that ends a server, or removes a directory, when its owner has died.

Promise   A server runs only as long as its owner, the process that asked for it. However the owner dies, SIGKILL
          included, its end of our standard input closes, or, if a fork of the owner still holds that open, we get
          another parent. Then the server is ended. The guard of a directory has no server: it waits until everyone
          who works in the directory has let go of the lock in it, and removes it.
Cost      One Python process without site packages (about 9 MB) each; it looks at its parent once a second.
Invariant The server is our child and no one else's, so there is no moment in which it runs unguarded.

Runs as a script of the standard library alone: `python -I -S guard.py`. The first line of standard input is the order
(JSON, see `guarded.py`); the answers are lines of JSON: `{"pid": 1}` or `{"error": "..."}`, later `{"exited": 0}`.
After that the line `leave` lets go and changes nothing; the end of input ends everything.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import threading
from typing import Any

LOOK_AT_PARENT_EVERY_S = 1.0


def main() -> None:
    """Read the order and follow it."""
    order = json.loads(sys.stdin.readline())
    if order["argv"]:
        guard_server(order)
    else:
        guard_directory(order)


def guard_server(order: dict[str, Any]) -> None:
    """Start the server, tell its pid, and end it if the owner is gone."""
    try:
        server = start(order)
    except OSError as error:
        answer(error=f"{error.strerror}: {error.filename}")
        return
    answer(pid=server.pid)
    threading.Thread(target=lambda: answer(exited=server.wait()), daemon=True).start()
    if not is_let_go(order["owner"]):
        end(server, order)


def guard_directory(order: dict[str, Any]) -> None:
    """Remove the directory once the owner is gone, and the servers and programs that held its lock."""
    with open(order["lock"], "a") as lock:  # noqa: PTH123 - pathlib would double the start-up time of this script
        answer(pid=os.getpid())
        if not is_let_go(order["owner"]):
            fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.rmtree(order["cwd"], ignore_errors=True)


def is_let_go(owner: int) -> bool:
    """Wait for the word of the owner, or for the owner's end."""
    while os.getppid() == owner:
        ready, _, _ = select.select([sys.stdin], [], [], LOOK_AT_PARENT_EVERY_S)
        if ready:
            return sys.stdin.readline() == "leave\n"
    return False


def start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Run the server in a session of its own: a Ctrl-C in the terminal is the owner's business."""
    with open(order["log"], "ab") as log:  # noqa: PTH123 - pathlib would double the start-up time of this script
        return subprocess.Popen(  # noqa: S603 - the order comes from our owner
            order["argv"],
            cwd=order["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=order["pass_fds"],
            **order["account"],
        )


def end(server: subprocess.Popen[bytes], order: dict[str, Any]) -> None:
    """Ask with the server's own signal, wait for as long as it may take, then do not ask."""
    server.send_signal(order["end_signal"])
    try:
        server.wait(order["end_within_s"])
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def answer(**words: object) -> None:
    """Write one line to the owner; an owner that is gone needs no answer."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
