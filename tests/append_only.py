"""Which tables are append-only, as the database itself says."""

from processor.database import Connection

# A trigger's type is a sum: 1 for each row, 2 before, 8 delete, 16 update, 32 truncate; A: enabled always.
GUARDED = """
SELECT relname FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid
 WHERE tgfoid = 'append_only'::regproc AND tgenabled = 'A' AND tgqual IS NULL
   AND (tgname, tgtype) IN (('append_only', 27), ('never_truncated', 34))
 GROUP BY relname HAVING count(*) = 2 ORDER BY relname"""


async def append_only_tables(connection: Connection) -> list[str]:
    """Return the tables whose rows cannot be changed, deleted or truncated, in any mode."""
    return [row["relname"] for row in await connection.fetch(GUARDED)]
