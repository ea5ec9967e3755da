"""What to do when a batch fails: one table, by SQLSTATE and constraint, never by a message's text.

A COMMIT whose answer was lost needs no row of its own: the batch is run again over a new session, and ``enter`` finds
its records below the fence, or does not. ``persist`` counts which it was.
"""

from collections.abc import Collection
from enum import Enum
from typing import Final

import asyncpg

from contracts.invalid import InvalidCode, NotUnderstood
from processor.database import DATABASE_ILL
from processor.engine.batch import Ask, Garbled
from processor.errors import Fatal, Overtaken


class Remedy(Enum):
    """What is done with a batch that failed."""

    WAIT = "wait a little longer each time, then run it again"
    UNBLOCK = "end the sessions of frozen clients, wait a little longer each time, then run it again"
    RECONNECT = "wait, open a new session, run it again"
    HALVE = "find the one command by halving, and dead-letter it"
    STOP = "stop this context and say so"


# The longest prefix that fits decides.
REMEDIES: Final = {
    "08": Remedy.RECONNECT,  # connection lost
    "0A000": Remedy.RECONNECT,  # a cached plan gone stale
    "22": Remedy.HALVE,  # a value that does not fit
    "23": Remedy.HALVE,  # a constraint of ours
    "25006": Remedy.RECONNECT,  # read-only: the server we are on is no longer the primary
    "25P03": Remedy.RECONNECT,  # idle in transaction for too long
    "25P04": Remedy.RECONNECT,  # transaction timeout
    "40001": Remedy.WAIT,  # serialization failure
    "40003": Remedy.RECONNECT,  # statement completion unknown
    "40P01": Remedy.WAIT,  # deadlock
    "53": Remedy.RECONNECT,  # out of disk, memory, connections
    "55P03": Remedy.UNBLOCK,  # lock timeout
    "57014": Remedy.RECONNECT,  # statement timeout
    "57P": Remedy.RECONNECT,  # server shutting down, starting up, or terminating us
    "58": Remedy.RECONNECT,  # the server's own I/O
}
UNIQUE_VIOLATION: Final = "23505"
UNDECIDABLE: Final = "The command was understood, and the program failed on it; it may be replayed once that is mended."
RACES: Final = frozenset({"event_one_answer_per_command"})  # every context has these; its own are added


def remedy_for(error: Exception, *, races: Collection[str] = ()) -> Remedy:
    """Return what to do about *error*. *races* names constraints whose violation means that another batch was first."""
    if isinstance(error, Fatal):
        return Remedy.STOP
    if isinstance(error, Overtaken):
        return Remedy.WAIT
    if isinstance(error, asyncpg.PostgresError):
        return _for_sqlstate(error, races)
    if isinstance(error, asyncpg.DataError):  # refused by the driver before it was sent
        return Remedy.HALVE
    if isinstance(error, DATABASE_ILL):
        return Remedy.RECONNECT
    return Remedy.HALVE  # a bug of ours, on some command


def _for_sqlstate(error: asyncpg.PostgresError, races: Collection[str]) -> Remedy:
    sqlstate = error.sqlstate or ""
    if sqlstate == UNIQUE_VIOLATION and getattr(error, "constraint_name", None) in RACES.union(races):
        return Remedy.WAIT  # the other batch's answer will be seen
    fitting = [remedy for prefix, remedy in REMEDIES.items() if sqlstate.startswith(prefix)]
    return fitting[-1] if fitting else Remedy.STOP


def undecidable(ask: Ask, error: Exception) -> Garbled:
    """Return the record of *ask* as one that cannot be decided or stored, because of *error*."""
    why = NotUnderstood(
        code=InvalidCode.INTERNAL_ERROR,
        reason=f"{UNDECIDABLE} ({describe(error)})",
        command_id=ask.command.command_id.lower(),
        type=ask.command_type,
    )
    return Garbled(ask.record, why, ask.said)


def describe(error: Exception) -> str:
    """Name *error* by what decides: its class, SQLSTATE and constraint. Its text may quote a customer."""
    parts = [type(error).__name__, getattr(error, "sqlstate", None), getattr(error, "constraint_name", None)]
    return " ".join(part for part in parts if part)
