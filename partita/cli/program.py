"""Finds the door that was asked for, and turns what goes wrong into one line and an exit code.

Promise   0 all is well; 1 the answer is no (an audit that fails, a command that was not answered); 2 wrong usage, or it
          cannot start. Data go to stdout, everything else to stderr. Ctrl-C and SIGTERM let a door clean up.
Cost      0.1 s: only the door that is asked for is imported.
"""

import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import Any, Final

from cyclopts import App, CycloptsError

from partita.cli.garbage import importing
from partita.local.errors import LocalStackError
from processor.errors import PartitaError

STARTED: Final = time.perf_counter()
NO: Final = 1
CANNOT: Final = 2
INTERRUPTED: Final = 130

# Each door is the function, or the group of doors, of its name in the module of its name; a word of Python's has an
# underscore behind it there. This is the first line of its help.
DOORS: Final = {
    "demo": "Shows everything at once: a fresh system, a real sample through it, a summary and an audit.",
    "up": "Runs a whole system on this machine until Ctrl-C.",
    "run": "Runs the named roles in this process, against the addresses in the environment.",
    "migrate": "Brings the database to this version's schema.",
    "topics": "Makes the topics of all contexts in a Kafka cluster.",
    "adopt": "Takes restored books over as they are.",
    "publish": "Publishes commands from JSON Lines, in order.",
    "results": "Prints results as JSON Lines, as they come.",
    "accounts": "Lists accounts with their balances.",
    "account": "Shows an account, what is held of it, and what was posted or refused.",
    "statement": "Shows an account's month with its opening and closing balance.",
    "report": "Reports on transactions, page by page, as of one moment, and on a user's tax year.",
    "expenses": "Shows what a user has spent, by category and over time, and how budgets stand.",
    "changes": "Lists what has changed of a user's expenses, budgets and recurring entries, in order.",
    "revenue": "Shows what an account has paid for which periods, or what that comes to.",
    "import": "Imports files.",
    "export": "Exports what the books hold of one kind, and waits for the end.",
    "metrics": "Shows one of five metrics of merchant activity.",
    "audit": "Proves the books from their raw rows.",
    "rebuild": "Sums up again what users have spent, or what merchants do.",
    "status": "Shows what waits: records, events, dead letters.",
    "jobs": "Shows what time asks for, and runs a job by hand.",
    "dead-letters": "Lists, shows and replays records that were no commands.",
    "contracts": "Writes schemas, the AsyncAPI document and the pages, or checks them.",
    "bench": "Measures: the whole way on a fresh local stack, or one part of it alone.",
    "chaos": "Strikes a fresh system with faults while it works, and judges what is left.",
}
_UNTIL_STOPPED: Final = ("up", "run", "results")

_HELP: Final = """Commands from Kafka, exactly once into double-entry books in PostgreSQL, results back to Kafka.

Addresses and settings are environment variables: PARTITA_KAFKA_BOOTSTRAP, PARTITA_DATABASE_URL and others.
"""
_EXAMPLES: Final = """For example:

    partita demo                        # see it work; nothing to set up

    partita up --env-file partita.env   # a system to play with

    set -a; . ./partita.env             # beside it, in another terminal
    partita status
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the door that the *arguments* name and return the exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    door = tokens[0] if tokens else ""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell is born deaf to it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it says is in the error we raise
    try:
        with importing():
            opened = program(door)
        return _ended(opened(tokens))
    except KeyboardInterrupt:
        return 0 if door in _UNTIL_STOPPED else INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO
    except (CycloptsError, PartitaError, LocalStackError, ExceptionGroup) as error:
        if (text := _told(error)) is None:
            raise
        sys.stderr.write(f"error: {text}\n")
        return CANNOT


def module_of(door: str) -> str:
    """Return the name that a door's module and function have."""
    return door.replace("-", "_") + "_" * iskeyword(door)


def program(door: str) -> App:
    """Return the command line with all doors; only *door* is loaded."""
    app = App(
        name="partita",
        help=_HELP,
        help_epilogue=_EXAMPLES,
        help_format="plaintext",
        version_flags=["--version"],
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    for name, summary in DOORS.items():
        python_name = module_of(name)
        module = f"partita.cli.{python_name}"
        if name != door:
            app.command(f"{module}:{python_name}", name=name, help=summary)
        elif isinstance(opened := _function(module, python_name), App):
            app.command(opened, name=name)
        else:
            app.command(opened, name=name, help_epilogue="")
    return app


def _function(module: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _ended(result: object) -> int:
    return result if isinstance(result, int) else 0


def _told(error: BaseException) -> str | None:
    """Return what to say about an error that names its cause and cure; None for a bug, which shows its traceback."""
    if isinstance(error, BaseExceptionGroup):
        return next((text for one in error.exceptions if (text := _told(one))), None)
    if isinstance(error, CycloptsError):
        return f"{' '.join(str(error).split())} See --help."
    return str(error) if isinstance(error, (PartitaError, LocalStackError)) else None
