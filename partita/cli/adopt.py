"""``partita adopt``: restored books are taken over as they are."""

import sys
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from partita.adopt import Loss, losses
from partita.adopt import adopt as take_over
from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.database import Connection

NO: Final = 1


async def adopt(
    *,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
    yes: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Takes restored books over as they are.

    For a database that went back: restored from a backup, or failed over to a
    server that lacked commits. Says what Kafka knows beyond the books, asks,
    and then raises the epoch of every lane. Subscribers hear books.restored,
    with the last number of each lane that still holds. Consumers, started
    again, read on from the lanes: what the log still holds is applied anew.

    For example:
        partita adopt --context ledger

    Parameters
    ----------
    context:
        only this context; may be given several times
    yes:
        does not ask
    """
    app = App(settings=load_settings()).limited_to(context or [])
    async with session(app, "adopt") as connection:
        answers = [await _adopted(app, connection, each.name, yes=yes) for each in app.contexts]
    return 0 if all(answers) else NO


async def _adopted(app: App, connection: Connection, context: str, *, yes: bool) -> bool:
    above, found = await losses(app, connection, context)
    _show(context, found)
    if not (yes or _agreed(f"Begin a new epoch of {context}? [y/N] ")):
        print(f"{context}: nothing was changed")
        return False
    for told in await take_over(app, connection, context, above=above):
        print(f"{context} lane {told.lane}: epoch {told.epoch}; of earlier epochs {told.last_sequence} is the last")
    return True


def _show(context: str, found: Sequence[Loss]) -> None:
    for each in found:
        where = f"{context} lane {each.partition}"
        print(f"{where}: {each.committed - each.next_offset} records from offset {each.next_offset} on to apply again")
        print(f"{where}: {each.told - each.next_seq + 1} events from {each.next_seq} on were told and become void")


def _agreed(question: str) -> bool:
    """Ask on a terminal; where nobody can answer, the answer is no."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
