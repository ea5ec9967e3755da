"""The guard: a small process that owns one server and outlives nobody.

Promise   The server runs only as long as the process that asked for it. However that process dies, SIGKILL included,
          its end of our standard input closes; then the server is ended and the directories named are removed.
Cost      One Python process without site packages (about 9 MB) per server, asleep in two reads.
Invariant The server is our child and no one else's, so there is no moment in which it runs unguarded.

Runs as a script of the standard library alone: `python -I -S guard.py`. The first line of standard input is the order
(JSON, see `guarded.py`); the answers are lines of JSON: `{"pid": 1}` or `{"error": "..."}`, later `{"exited": 0}`. After that
the line `leave` lets go without removing anything; the end of input ends everything.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any


def main() -> None:
    """Start the server, tell its pid, and wait for the word or the silence of the parent."""
    order = json.loads(sys.stdin.readline())
    try:
        server = start(order)
    except OSError as error:
        answer(error=f"{error.strerror}: {error.filename}")
        return
    answer(pid=server.pid)
    threading.Thread(target=lambda: answer(exited=server.wait()), daemon=True).start()
    if sys.stdin.readline() != "leave\n":
        end(server, order)
        for directory in order["remove"]:
            shutil.rmtree(directory, ignore_errors=True)  # the other service's guard may be removing it too


def start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Run the server in a session of its own: a Ctrl-C in the terminal is the parent's business."""
    with open(order["log"], "ab") as log:  # noqa: PTH123 - pathlib would double the start-up time of this script
        return subprocess.Popen(
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
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answer(**words: object) -> None:
    """Write one line to the parent; a parent that is gone needs no answer."""
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - keeps the interpreter from flushing into the pipe at exit


if __name__ == "__main__":
    main()
