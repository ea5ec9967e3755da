"""Which command says what is due: the first that has no answer yet, once its time has come.

A refusal is an answer, and stays: who is refused and still due needs a command of another id. The id is made of how
often it was tried, and the answers that are there say how often that was; nothing else has to be remembered.

Promise   What is due is said again and again until it is applied: later and later, after a minute, two, four, and so on
          for ``DOUBLED`` attempts, then once on each day; or, where its job says so, once on each day from the next on.
Cost      One look-up by index for each attempt that anything on the page has behind it; mostly one, at most a dozen.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from contracts.envelope import Command
from contracts.ids import uuid_bytes
from processor.database import Connection, named_queries
from processor.engine.jobs import Again, Due, Job
from processor.telemetry import logger
from producers.command_ids import scheduled_command_id

FIRST_WAIT: Final = timedelta(minutes=1)
DOUBLED: Final = 11  # the last of these waits is 17 hours
_EPOCH: Final = date(1970, 1, 1)

_SQL: Final = named_queries("producers.scheduling", "scheduler.sql")
_log = logger(__name__)


def may_follow(again: Again, attempt: int, ended: datetime) -> datetime:
    """Return from when on the next attempt may follow *attempt*, from 0, that has *ended*; a day's has no wait."""
    if attempt >= DOUBLED:
        return ended
    if again is Again.DAILY:
        return datetime.combine(ended.date() + timedelta(days=1), time(), ended.tzinfo)
    return ended + FIRST_WAIT * (1 << attempt)


def _attempts(again: Again, as_of: datetime) -> Sequence[int]:
    """Return the attempts that there may have been, the day's own the last."""
    doubled = DOUBLED if again is Again.LATER_AND_LATER else 1
    return (*range(doubled), DOUBLED + (as_of.date() - _EPOCH).days)


async def commands_for(
    connection: Connection, job: Job, found: Sequence[Due], *, as_of: datetime, at_once: bool = False
) -> list[Command]:
    """Return the commands that are to be published for what was *found* due, in its order.

    What waits for its next attempt is left out, unless *at_once*.
    """
    said: dict[int, Command] = {}
    open_ones = dict(enumerate(found))
    again = 0
    for attempt in _attempts(job.again, as_of):
        ids = {number: _id(job, due, attempt) for number, due in open_ones.items()}
        ended = await _ended(connection, list(ids.values()))
        for number, command_id in ids.items():
            if command_id not in ended:
                said[number] = open_ones.pop(number).says(command_id=command_id)
                again += attempt > 0
            elif job.once or (as_of < may_follow(job.again, attempt, ended[command_id]) and not at_once):
                del open_ones[number]
        if not open_ones:
            break
    if again:
        _log.warning("said_again", job=job.name, commands=again)
    return [said[number] for number in sorted(said)]


def _id(job: Job, due: Due, attempt: int) -> str:
    return scheduled_command_id(period=due.period, job=job.name, subject=due.subject, attempt=attempt)


async def _ended(connection: Connection, command_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when those of *command_ids* that were answered, or became dead letters, ended so."""
    raw = {uuid_bytes(each): each for each in command_ids}
    rows = await connection.fetch(_SQL["ended"], list(raw))
    return {raw[row["command_id"]]: row["at"] for row in rows}
