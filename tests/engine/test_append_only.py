"""What was said stays said: the database refuses to change any row that bears a stamp."""

import pytest

from tests.append_only import append_only_tables
from tests.engine.desk import Desk, fill, moving, names

STAMPED = """
SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
 WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND attname IN ('lane_no', 'seq')
 GROUP BY relname HAVING count(*) = 2 ORDER BY relname"""


async def test_every_table_whose_rows_are_stamped_is_append_only(desk: Desk) -> None:
    stamped = [row["relname"] for row in await desk.connection.fetch(STAMPED)]
    stamped.remove("hold")  # as it is now, with the stamp of its placing; hold_version says what it was

    assert await append_only_tables(desk.connection) == stamped
    assert set(stamped) >= {"event", "dead_letter", "transaction", "batch_leg", "entry", "reversal", "parked"}
    assert set(stamped) >= {"account_terms", "hold_version", "product_version", "side_leg"}
    assert set(stamped) >= {"overdraft_fee", "fee_refund", "refund"}


async def test_the_database_itself_refuses_to_change_what_was_said(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    await desk.one(moving(a, b, "1"))

    await desk.connection.execute("SET session_replication_role = replica")  # ordinary triggers are silent now
    for table in await append_only_tables(desk.connection):
        with pytest.raises(Exception, match="append-only"):
            await desk.connection.execute(f"TRUNCATE {table}")
    for statement in ("UPDATE entry SET amount_minor = 1", "DELETE FROM event", "UPDATE transaction SET kind = 1"):
        with pytest.raises(Exception, match="append-only"):
            await desk.connection.execute(statement)
    with pytest.raises(Exception, match="sum to zero"):
        await desk.connection.execute(
            "INSERT INTO entry SELECT account_no, entry_no + 1000, lane_no, seq, entry_type, 1, 1, posted_at, hash"
            " FROM entry LIMIT 1"
        )
