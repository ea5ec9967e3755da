"""Blockers: sessions whose client stopped inside a batch's transaction, and the end of them.

Promise   Whoever runs into ``lock_timeout`` ends each session of this program, role and database that has locked or
          written rows and whose client has owed it the next word for longer than ``Timeouts.blocker_s``. Its batch is
          rolled back; when its process wakes, the batch is run again and the fence judges it.
Cost      One statement, and only after a lock timeout.
Invariant A session that works is never ended, however long: only silence of the client counts.

A frozen client holds its lanes and rows, and no timeout of the server ends a COPY that waits for its client. Whose rows
they were is not asked. After the timeout we wait no longer, so ``pg_blocking_pids`` has nothing to say; while we wait,
it would take a second session and a clock beside every batch. And a client that is silent inside a batch for so long
will not go on by itself, whomever it blocks. Sessions of people and of other programs are theirs to end.
"""

from processor.database import Database, named_queries
from processor.telemetry import count, logger

_SQL = named_queries("processor.engine", "engine.sql")
_log = logger(__name__)


async def end_blockers(database: Database) -> None:
    """End the sessions that are held open by frozen clients; name and count each."""
    connection = await database.connection()
    for pid, age_s, ended in await connection.fetch(_SQL["end_blockers"], database.timeouts.blocker_s):
        _log.warning("a frozen client's session was ended", pid=pid, age_s=age_s, ended=ended)
        count("blockers_terminated", int(ended))
