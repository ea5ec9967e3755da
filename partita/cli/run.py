"""``partita run``: roles in this process."""

import asyncio
import json
import os
import signal
import sys
import threading
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from partita.app import App
from partita.cli.garbage import importing, settle_garbage
from partita.roles import ROLES, import_roles, run_roles
from partita.settings import load_settings
from processor.errors import NotPrepared
from processor.telemetry import set_up_logging

STOP_S: Final = 30.0


async def run(
    *roles: Literal["consumer", "relay", "scheduler", "exports", "imports"],
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    attached: Annotated[bool, Parameter(show=False, negative=())] = False,
) -> None:
    """Runs the named roles in this process, against the addresses in the environment.

    Ends on Ctrl-C or SIGTERM, after the batch in hand. A consumer applies
    commands, a relay publishes results, a scheduler publishes the commands
    that time asks for, exports and imports work on what was asked for. Start
    as many consumers as there are partitions, and as many exports and imports
    as are to be worked on side by side; one relay and one scheduler work,
    further ones stand by.

    For example:
        partita run consumer relay scheduler

        PARTITA_INSTANCE=worker-1 partita run consumer --context ledger

    Parameters
    ----------
    roles:
        consumer, relay, scheduler, exports, imports, or several side by side
    context:
        only this context; may be given several times
    attached:
        a parent sends the addresses as JSON on standard input, and its end ends us
    """
    if not roles:
        raise NotPrepared(f"No role is named; choose from {', '.join(ROLES)}.")
    with importing():
        import_roles(roles)
    stop = asyncio.Event()
    if attached:
        obey_parent(stop)
    settings = load_settings()
    set_up_logging(level=settings.log_level, json=settings.log_json)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settle_garbage()
    await run_roles(App(settings=settings).limited_to(context or []), roles, stop)


def obey_parent(stop: asyncio.Event) -> None:
    """Wait for the parent's settings and take them over; afterwards its end, however it comes, sets *stop*."""
    line = sys.stdin.readline()
    if not line:
        raise SystemExit(0)
    os.environ.update(json.loads(line))
    watching = (asyncio.get_running_loop(), stop)
    threading.Thread(target=_leave_with_parent, args=watching, daemon=True).start()


def _leave_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Not by sys.stdin, whose lock an exiting interpreter would trip over.
    while os.read(sys.stdin.fileno(), 1):
        pass
    loop.call_soon_threadsafe(stop.set)
    # A process that hangs must not outlive its parent either.
    if not threading.Event().wait(STOP_S):
        os._exit(1)
