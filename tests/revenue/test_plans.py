"""How PostgreSQL finds what a batch of revenue, its reads and its export ask for: by index, and no more than is shown.

A session keeps the plans that it makes, and it makes them while tables are empty or small.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection, named_queries
from tests.engine.test_plans import nodes, session

__all__ = ["session"]

BATCH: Final = {
    **named_queries("processor.revenue.families", "accounts.sql"),
    **named_queries("processor.revenue.families", "records.sql"),
}
QUERIES: Final = {
    **{f"batch {name}": query for name, query in BATCH.items()},
    **named_queries("processor.revenue", "reads.sql"),
    **named_queries("processor.revenue", "exports.sql"),
}
ID: Final = "revenue_account_exists"
NUMBER: Final = "revenue_account_pkey"
PERIODS: Final = "revenue_record_by_period"
PLACE: Final = "Tid Scan"  # of a row that was found by index just before
VERSIONS: Final = (
    *("revenue_account_version_pkey", "revenue_record_version_by_period"),
    "revenue_record_version_changed",  # whether a row was changed behind a cut
)
# Each query, and the indexes that it looks up in.
LOOK_UPS: Final[Mapping[str, Sequence[str]]] = {
    "batch lock_accounts": [ID],
    "batch update_accounts": [NUMBER, PLACE],
    "batch records": ["revenue_record_exists"],
    "batch update_records": ["revenue_record_exists", PLACE],
    "account": [ID],
    "accounts": [ID],
    "records": [ID, NUMBER, PERIODS],
    "months": [ID, NUMBER, PERIODS],
    "account_below": [ID, NUMBER, VERSIONS[0]],
    "next_slice": [VERSIONS[1]],
    "revenue_rows": [NUMBER, *VERSIONS],
    "revenue_sums": [NUMBER, *VERSIONS],
}
WITHOUT_ROWS: Final = ("batch account_numbers",)
EMPTY: Final = "VACUUM ANALYZE revenue_account, revenue_account_version, revenue_record, revenue_record_version"
A_FEW_ROWS: Final = """
INSERT INTO revenue_account SELECT n, 'A' || n, 'N', 'pro', 1, 1, now(), NULL, 1, n, 1, now()
  FROM generate_series(1, 3) AS n;
INSERT INTO revenue_account_version SELECT 1, n, now(), n, 1, false, 'N', 'pro' FROM generate_series(1, 3) AS n;
INSERT INTO revenue_record SELECT n, 'R', 1, 1, 'EUR', '2026-01-01', '2026-01-31', false, 1, now()
  FROM generate_series(1, 3) AS n;
INSERT INTO revenue_record_version SELECT 1, n, now(), n, 1, 1, '2026-01-01', '2026-01-31', false, 'R', 'EUR'
  FROM generate_series(1, 3) AS n;
ANALYZE revenue_account, revenue_account_version, revenue_record, revenue_record_version"""
# An account of five days, one of twenty years of days, and two hundred of no interest.
GROWN: Final = """
INSERT INTO revenue_account SELECT n, 'G' || n, 'N', 'pro', 1, 1, now(), NULL, 1, n, 1, now()
  FROM generate_series(10, 211) AS n;
INSERT INTO revenue_account_version SELECT 1, n, now(), n, 1, false, 'N', 'pro' FROM generate_series(10, 211) AS n;
INSERT INTO revenue_record_version SELECT 1, n, now(), n, 1, 100, day, day, false, 'R' || day, 'EUR'
  FROM generate_series(10, 211) AS n,
       LATERAL (SELECT day::date FROM generate_series(date '2011-01-01', '2030-12-31', '1 day') AS day
                 WHERE n = 11 OR day BETWEEN '2026-01-01' AND '2026-01-05') AS days;
INSERT INTO revenue_record
SELECT account_no, record_id, 1, amount_minor, currency, period_start, period_end, false, 1, now()
  FROM revenue_record_version WHERE account_no >= 10;
VACUUM ANALYZE revenue_account, revenue_account_version, revenue_record, revenue_record_version"""
MONTH: Final = ("date '2026-01-01'", "''", "date '2026-01-31'", "101")
A_ROW: Final = 5  # blocks: a row, and its account, which is looked at again
A_LEVEL: Final = 6  # blocks: an index may have one more level, and each scan meets it


async def found_by(session: Connection, name: str) -> list[str]:
    """Return what the plan kept for a query reads tables by; what is not looked up is marked."""
    text = QUERIES[name]
    parameters = len((await session.prepare(text)).get_parameters())
    await session.execute(f"PREPARE asked AS {text}")
    told = await session.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked({', '.join(['NULL'] * parameters)})")
    await session.execute("DEALLOCATE asked")
    read = [node for node in nodes(msgspec.json.decode(told)[0]["Plan"]) if "Relation Name" in node]
    return sorted(map(_by, (node for node in read if node["Node Type"] != "ModifyTable")))


def _by(node: Mapping[str, Any]) -> str:
    name = str(node.get("Index Name", node["Node Type"]))
    looked_up = "Index Cond" in node or name == PLACE
    return name if looked_up else f"{name} as a whole"


def test_every_query_is_looked_at() -> None:
    assert sorted(QUERIES) == sorted([*LOOK_UPS, *WITHOUT_ROWS])


# In this order: what is written and analysed stays.
@pytest.mark.parametrize("tables", ["SELECT", EMPTY, A_FEW_ROWS], ids=["new", "empty", "few"])
async def test_whatever_is_asked_for_is_looked_up_by_index(session: Connection, tables: str) -> None:
    await session.execute(tables)
    found = {name: await found_by(session, name) for name in LOOK_UPS}
    assert found == {name: sorted(indexes) for name, indexes in LOOK_UPS.items()}


async def explained(session: Connection, name: str, *arguments: str) -> Mapping[str, Any]:
    """Return what a query has done, as its kept plan says."""
    await session.execute(f"PREPARE asked AS {QUERIES[name]}")
    asked = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked({', '.join(arguments)})"
    await session.fetchval(asked)  # the first one looks at catalogues too
    plan: Mapping[str, Any] = msgspec.json.decode(await session.fetchval(asked))[0]["Plan"]
    await session.execute("DEALLOCATE asked")
    return plan


def blocks(plan: Mapping[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.fixture
async def grown(session: Connection) -> Connection:
    if not await session.fetchval("SELECT count(*) FROM revenue_account WHERE account_no >= 10"):
        for statement in GROWN.split(";"):
            await session.execute(statement)
    return session


async def test_a_month_costs_the_same_whatever_other_months_and_accounts_there_are(grown: Connection) -> None:
    alone = await explained(grown, "records", "'G10'", *MONTH)
    among = await explained(grown, "records", "'G11'", *MONTH)
    assert (alone["Actual Rows"], among["Actual Rows"]) == (5, 31)
    assert blocks(among) <= blocks(alone) + 26 * A_ROW + A_LEVEL


async def test_a_page_of_a_long_list_reads_no_further(grown: Connection) -> None:
    first, late = [
        await explained(grown, "records", "'G11'", f"date '{place}'", "''", "date '9998-12-31'", "11")
        for place in ("1900-01-01", "2029-01-01")
    ]
    assert late["Actual Rows"] == first["Actual Rows"] == 11
    assert blocks(late) <= blocks(first) + A_LEVEL


async def test_a_summary_is_read_from_the_index_alone(grown: Connection) -> None:
    read = {node.get("Index Name"): node for node in nodes(dict(await explained(grown, "months", "'G11'")))}
    assert read[PERIODS]["Node Type"] == "Index Only Scan"
    assert (read[PERIODS]["Actual Rows"], read[PERIODS]["Heap Fetches"]) == (7305, 0)


async def test_a_slice_of_an_export_reads_its_own_rows_and_no_others(grown: Connection) -> None:
    arguments = ("'{1}'", "'{100000}'", "11", "'2015-01-01'", "''", "11", "'2020-01-31'", "'R2020-01-31'")
    plan = await explained(grown, "revenue_rows", *arguments, "'2020-01-01'", "'2029-01-01'", "NULL")
    read = [node for node in nodes(dict(plan)) if node.get("Index Name") == VERSIONS[1]]
    assert [node["Actual Rows"] * node["Actual Loops"] for node in read] == [31]
