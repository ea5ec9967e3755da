"""The tables of cold storage: as the hot ones, and nothing goes from one but to the other."""

from typing import Final

import pytest

from processor.database import Connection, named_queries
from processor.ledger import cold
from tests.engine.ageing import NOW, TABLES, aged, some_of_everything
from tests.engine.desk import Desk

# Twins but for the last of their texts
OTHERS: Final = """
INSERT INTO cold.transaction
SELECT lane_no, seq, kind, source_no, destination_no, amount_minor, currency, initiated_at, posted_at, refusal,
       description, 'another' FROM transaction WHERE kind = 1"""
SHAPES: Final = """
SELECT ARRAY(SELECT format('%s %s %s', attnum, attname, atttypid) FROM pg_attribute
              WHERE attrelid = wanted AND attnum > 0 ORDER BY attnum),
       ARRAY(SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint
              WHERE conrelid = wanted AND contype <> 't' ORDER BY text),
       ARRAY(SELECT substring(pg_get_indexdef(indexrelid) FROM 'USING .*') || indisunique AS text FROM pg_index
              WHERE indrelid = wanted ORDER BY text)
  FROM (SELECT $1::text::regclass AS wanted) AS asked"""


@pytest.mark.parametrize("name", TABLES)
async def test_a_cold_table_and_the_view_of_both_are_as_the_hot_one(connection: Connection, name: str) -> None:
    hot, cold_one, view = [
        await connection.fetchrow(SHAPES, f"{place}{name}") for place in ("public.", "cold.", "public.every_")
    ]
    assert hot is not None
    assert view is not None
    assert hot == cold_one
    assert hot[0] == view[0]


async def test_a_row_goes_from_a_hot_table_only_where_the_very_same_one_is_cold(desk: Desk) -> None:
    await some_of_everything(desk)
    await desk.connection.execute("SET session_replication_role = replica")  # ordinary triggers are silent now
    for name in TABLES[:3]:
        with pytest.raises(Exception, match="append-only"):
            await desk.connection.execute(f"DELETE FROM {name}")
    for twins, gone in (
        ("INSERT INTO cold.transaction SELECT * FROM transaction WHERE kind = 1", "kind IN (1, 5)"),  # a batch has none
        ("INSERT INTO cold.transaction SELECT * FROM transaction WHERE kind = 5", "kind IN (1, 5)"),
        (OTHERS, "kind = 1"),
    ):
        attempt = desk.connection.transaction()
        await attempt.start()
        await desk.connection.execute(twins)
        with pytest.raises(Exception, match="append-only"):
            await desk.connection.execute(f"DELETE FROM transaction WHERE {gone}")
        await attempt.rollback()
    await desk.connection.execute("SET session_replication_role = origin")
    await aged(desk)
    await cold.move(desk.connection, NOW)
    for name in TABLES:
        with pytest.raises(Exception, match="append-only"):
            await desk.connection.execute(f"DELETE FROM cold.{name}")


SCANS: Final = """
SELECT sum(seq_scan)::int, sum(idx_scan) FILTER (WHERE schemaname = 'cold')::int
  FROM pg_stat_xact_user_tables WHERE relname = $1"""


async def test_a_slice_reads_its_pages_alone_and_cold_rows_by_their_key(desk: Desk) -> None:
    await some_of_everything(desk)
    lanes = [row[0] for row in await desk.connection.fetch("SELECT lane_no FROM lane")]
    arguments = (lanes, [10**6] * len(lanes), (0, 0), (8, 0))
    attempt = desk.connection.transaction()
    await attempt.start()
    await desk.connection.execute(named_queries("processor.engine", "cold.sql")["settle_slice"])
    for table in cold.TABLES:
        plan = "\n".join(row[0] for row in await desk.connection.fetch(f"EXPLAIN {table.move}", *arguments))
        assert plan.count("Tid Range Scan on") == plan.count("Scan on") - 2, "the others are of lanes, and what is gone"
        whole, by_key = (await desk.connection.fetch(SCANS, table.table))[0]
        await desk.connection.execute(table.move, *arguments)
        whole_now, by_key_now = (await desk.connection.fetch(SCANS, table.table))[0]
        assert (whole_now - whole, by_key_now > by_key) == (0, True)
    await attempt.rollback()
