"""Persist: run a batch until it is applied, whatever the infrastructure does meanwhile.

Promise   Passing trouble is waited out, for ever; nothing is dead-lettered because a server is ill. A command that
          cannot be stored is found by halving, and costs its batch nothing but time.
          Whether a COMMIT without an answer has happened is decided by the rerun: the fence is above the batch, or not.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import asyncpg

from processor.database import DATABASE_ILL, CommitUnknown, Database
from processor.engine.batch import Batch, Garbled, as_garbled, halves, size
from processor.engine.blockers import end_blockers
from processor.engine.context import Context, W
from processor.engine.custody import Trial
from processor.engine.failures import Remedy, describe, remedy_for, undecidable
from processor.engine.lanes import Skipped
from processor.engine.process import process
from processor.errors import Fatal
from processor.telemetry import count, frames, logger

_log = logger(__name__)
_FIRST_WAIT_S: Final = 0.02
_LONGEST_WAIT_S: Final = 5.0


class Abandoned(Exception):
    """The batch was let go before it was applied; whoever owns its partitions next will read it again."""


async def persist(
    database: Database, context: Context[W], batch: Batch, *, let_go: asyncio.Event, trial: Trial | None = None
) -> None:
    """Apply *batch*, however often that has to be tried.

    Where its one record is on *trial*, which has begun, that rests between two tries.

    Raises:
        Abandoned: *let_go* was set between two tries.
        Skipped: The batch begins above its lane.
        Fatal: Going on would do damage.
    """
    tries, unknown = 0, False
    while True:
        try:
            if trial is not None and tries:
                await trial.begin(await database.connection())
            applied = await process(database, context, batch)
        except (Skipped, Fatal):
            raise
        except Exception as error:  # noqa: BLE001 - the table judges every error, and stops at what it does not know
            remedy = remedy_for(error, races=context.races)
            await _treat(database, context, batch, error, remedy, let_go=let_go, trial=trial)
            if remedy is Remedy.HALVE:
                return
            unknown |= isinstance(error, CommitUnknown)
        else:
            if unknown and not applied:
                _found_applied(context, batch)
            return
        count("reruns")
        if trial is not None:
            with suppress(*DATABASE_ILL):
                await trial.withdraw(await database.connection())
        await _wait(tries, let_go)
        tries += 1


async def _treat(
    database: Database,
    context: Context[W],
    batch: Batch,
    error: Exception,
    remedy: Remedy,
    *,
    let_go: asyncio.Event,
    trial: Trial | None,
) -> None:
    what = {"records": size(batch), "error": describe(error), "remedy": remedy.name}
    if remedy is Remedy.HALVE and not isinstance(error, asyncpg.PostgresError):
        what["at"] = frames(error)  # a bug of ours
    _log.warning("a batch failed", context=context.name, **what)
    if remedy is Remedy.STOP:
        database.drop()
        raise Fatal(f"{context.name} stops: {describe(error)}; look at the cause before starting it again") from error
    if remedy is Remedy.RECONNECT:
        database.drop()
    if remedy is Remedy.UNBLOCK:
        with suppress(*DATABASE_ILL):  # the next try says what is the matter
            await end_blockers(database)
    if remedy is Remedy.HALVE:
        for smaller in _smaller(batch, error):
            await persist(database, context, smaller, let_go=let_go, trial=trial)


def _found_applied(context: Context[W], batch: Batch) -> None:
    """Say that *batch*, whose COMMIT had gone unanswered, was below the fence when it was run again."""
    count("unknown_commit_resolved")
    _log.info("a commit that was not answered had happened", context=context.name, records=size(batch))


def _smaller(batch: Batch, error: Exception) -> Sequence[Batch]:
    if size(batch) > 1:
        return halves(batch)
    (item,) = batch[0].items
    if isinstance(item, Garbled):
        raise Fatal(f"a record cannot even be dead-lettered: {describe(error)}; mend the database first") from error
    return (as_garbled(batch, undecidable(item, error)),)


async def _wait(tries: int, let_go: asyncio.Event) -> None:
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(tries, 10))
    with suppress(TimeoutError):
        await asyncio.wait_for(let_go.wait(), random.uniform(longest / 2, longest))  # noqa: S311 - jitter
    if let_go.is_set():
        raise Abandoned
