"""Sweeping up behind erasures: what is said of a user who was erased before, and what pages still hold.

A device that was away sends what it has, and hears that there is no such user; a sender repeats itself; a record that
is no command comes under the user's key. Each is answered as ever, with its correlation id, and kept. Once a day what
was kept so loses what an erasure would have taken, and the tables lose the rows that erasures have replaced.

Cost      Each lane's events since the last time are read once, in slices of ``SLICE``; a slow VACUUM where one of them
          is an erased user's.
Invariant What is below a lane's place in ``erasure_swept`` holds no text of a user who is erased by now.
"""

from datetime import datetime
from typing import Final

from processor.database import Connection, affected, named_queries
from processor.engine.jobs import Chore, Every
from processor.expenses.erasing import redact_in_tx

SLICE: Final = 5000
TIDYING_S: Final = 24 * 3600.0  # how long a VACUUM may take

_SQL = named_queries("processor.expenses", "sweeping.sql")


async def sweep(connection: Connection, as_of: datetime) -> int:  # noqa: ARG001 - a chore's signature
    """Search what was added since the last time, and return how many events and dead letters lost something.

    *connection* is in no transaction.
    """
    swept = found = 0
    for lane_no, first, end in await connection.fetch(_SQL["lanes"]):
        for start in range(first, end, SLICE):
            places = (lane_no, start, min(start + SLICE, end))
            async with connection.transaction():
                told = await connection.fetch(_SQL["told_of_erased"], *places)
                letters = affected(await connection.execute(_SQL["empty_dead_letters"], *places))
                swept += await redact_in_tx(connection, told) + letters
                await connection.execute(_SQL["mark_swept"], lane_no, places[-1])
            found += len(told) + letters
    if found:
        await _tidy(connection)
    return swept


async def _tidy(connection: Connection) -> None:
    await connection.execute(_SQL["begin_tidying"])
    try:
        await connection.execute(_SQL["tidy"], timeout=TIDYING_S)
    finally:
        await connection.execute(_SQL["end_tidying"])


SWEEP: Final = Chore(name="erasure-sweep", every=Every.DAY, work=sweep)
