"""What was said stays said: the database refuses to change any row that bears a stamp."""

import pytest

from tests.append_only import append_only_tables
from tests.engine.desk import Desk, fill, moving, names

STAMPED = """
SELECT attrelid::regclass::text AS name FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
 WHERE relkind IN ('r', 'p') AND relnamespace IN ('public'::regnamespace, 'cold'::regnamespace)
   AND attname IN ('lane_no', 'seq')
 GROUP BY attrelid HAVING count(*) = 2 ORDER BY name"""


async def test_every_table_whose_rows_are_stamped_is_append_only(desk: Desk) -> None:
    stamped = [row["name"] for row in await desk.connection.fetch(STAMPED)]
    # As they are now, with the stamp of their beginning; versions, events, and for a user the feed, say what they were.
    for current in ("hold", "advance", "expense_user", "job", "revenue_account"):
        stamped.remove(current)
    # What these belong to has the stamp.
    by_chunk = ["activity", "activity_file", "activity_kind", "activity_merchant", "activity_reject"]

    assert await append_only_tables(desk.connection) == sorted(stamped + by_chunk)
    assert set(stamped) >= {"event", "dead_letter", "transaction", "batch_leg", "entry", "reversal", "parked"}
    assert set(stamped) >= {"account_terms", "hold_version", "product_version", "side_leg"}
    assert set(stamped) >= {"overdraft_fee", "fee_refund", "refund"}
    assert set(stamped) >= {"cold.event", "cold.transaction", "cold.batch_leg", "cold.side_leg", "cold.entry"}
    assert set(stamped) >= {"expense_version", "budget_version", "recurring_rule", "recurring_entry", "rate_version"}


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
