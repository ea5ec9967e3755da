"""Which tables are append-only, as the database itself says."""

from processor.database import Connection

# A trigger's type is a sum: 1 for each row, 2 before, 8 delete, 16 update, 32 truncate; A: enabled always. Rows of some
# tables may move: what is deleted there has to lie in cold storage. Rows of some may lose an erased user's texts.
GUARDED = """
SELECT tgrelid::regclass::text AS name FROM pg_trigger
 WHERE tgenabled = 'A' AND tgqual IS NULL
   AND (tgname, tgfoid, tgtype) IN (
       ('append_only', 'append_only'::regproc, 27), ('never_truncated', 'append_only'::regproc, 34),
       ('append_only', 'append_only'::regproc, 19), ('moved_only', 'moved_only'::regproc, 8),
       ('append_only', 'erased_alone'::regproc, 27), ('append_only', 'event_erased_alone'::regproc, 19),
       ('append_only', 'dead_letter_erased_alone'::regproc, 27))
 GROUP BY tgrelid HAVING sum(tgtype) IN (27 + 34, 19 + 34 + 8) ORDER BY name"""


async def append_only_tables(connection: Connection) -> list[str]:
    """Return the tables whose rows cannot be changed, lost or truncated, in any mode; cold ones by schema."""
    return [row["name"] for row in await connection.fetch(GUARDED)]
