"""How PostgreSQL finds what is read of a user: by index, in sums alone where sums are shown, and no more of them.

A session keeps the plans that it makes, and it makes them while tables are empty or small.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection, named_queries
from tests.engine.test_plans import nodes, session

__all__ = ["session"]

FILES: Final = ("reads", "lists", "summaries", "feed", "tax_year")
QUERIES: Final = {
    name: query for file in FILES for name, query in named_queries("processor.expenses", f"{file}.sql").items()
}
USER: Final = ("user_exists", ("user_id",))
MONTH: Final = ("expense_summary_exists", ("month", "user_no"))
BUDGET: Final = ("budget_by_month", ("month", "user_no"))
DAYS: Final = ("expense_by_date", ("date", "user_no"))
CHANGES: Final = [(f"{table}_pkey", ("change_no", "user_no")) for table in ("expense_version", "budget_version")]
# Each query, and the indexes it goes by with the columns that it looks up in them.
LOOK_UPS: Final[Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]] = {
    "user": [USER],
    "expense": [USER, ("expense_exists", ("expense_id", "user_no"))],
    "categories": [USER, ("expense_summary_exists", ("user_no",))],
    "recurring": [
        *[USER, ("recurring_exists", ("user_no",))],
        ("recurring_rule_exists", ("recurring_id", "user_no")),
    ],
    "expenses": [USER, ("expense_by_date", ("category", "date", "user_no"))],
    "month": [USER, MONTH, BUDGET, BUDGET],
    "months": [USER, MONTH],
    "trend": [USER, MONTH],
    "changes": [USER, *CHANGES, ("recurring_rule_pkey", ("change_no", "user_no"))],
    "event_ids": [("event_pkey", ("lane_no", "seq"))] * 2,  # hot and cold
    "tax_user": [USER],
    "tax_totals": [DAYS],
    "tax_rows": [DAYS],
}
A_LEVEL: Final = 4  # blocks: an index may have one more level, and each scan meets it
WITHOUT_ROWS: Final = ("settle_tax_year",)
A_FEW_ROWS: Final = """
INSERT INTO expense_user SELECT n, 'U' || n, 'EUR', 'UTC', 0, now(), NULL, 1, n, 1, now()
  FROM generate_series(1, 3) AS n;
INSERT INTO expense SELECT n, 'E', 1, 1, now(), 'c', 1, 'EUR', 1, '1', '1', '', NULL, NULL, false, 1, now()
  FROM generate_series(1, 3) AS n;
INSERT INTO expense_version SELECT 1, n, now(), n, 1, 1, now(), 1, 1, false, 'E', 'c', 'EUR', '1', '1', '', NULL, NULL
  FROM generate_series(1, 3) AS n;
INSERT INTO expense_summary SELECT n, '2024-01-01', 'c', 1, 1, 0, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO budget SELECT n, 'c', NULL, 1, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO budget_version SELECT 1, n, now(), n, 2, NULL, 1, 'c' FROM generate_series(1, 3) AS n;
INSERT INTO recurring SELECT n, 'R', 1, NULL, NULL, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO recurring_rule SELECT 1, n, now(), n, 3, 1, now(), 1, 1, now(), false, NULL, 'R', 'EUR', 'c', ''
  FROM generate_series(1, 3) AS n;
ANALYZE"""
# One user has one month; nine have thirty years of them, with budgets for each month.
GROWN: Final = """
INSERT INTO expense_user SELECT n, 'G' || n, 'EUR', 'UTC', 0, now(), NULL, 1, n, 1, now()
  FROM generate_series(10, 19) AS n;
INSERT INTO expense_summary SELECT n, month, 'c' || c, 100, 1, 0, 1, now()
  FROM generate_series(date '2000-01-01', '2029-12-01', '1 month') AS month, generate_series(1, 6) AS c,
       generate_series(10, 19) AS n WHERE n > 10 OR month = '2024-05-01';
INSERT INTO budget SELECT user_no, category, month, 200, 1, now() FROM expense_summary WHERE user_no >= 10;
INSERT INTO budget SELECT n, 'c' || c, NULL, 200, 1, now()
  FROM generate_series(1, 6) AS c, generate_series(10, 19) AS n;
ANALYZE"""


async def found_by(session: Connection, name: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return what the plan kept for a query reads tables by, with the columns that it looks up there."""
    parameters = len((await session.prepare(QUERIES[name])).get_parameters())
    arguments = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    await session.execute(f"PREPARE asked AS {QUERIES[name]}")
    told = await session.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{arguments}")
    await session.execute("DEALLOCATE asked")
    read = [node for node in nodes(msgspec.json.decode(told)[0]["Plan"]) if "Relation Name" in node]
    return sorted((node.get("Index Name", node["Node Type"]), columns(node)) for node in read)


def columns(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a node compares in its index; of a row it is the columns that the index has."""
    condition = node.get("Index Cond", "")
    rows = re.findall(r"ROW\(([\w, ]+)\)", condition)
    alone = re.findall(r"\((\w+) (?:=|<|>|<=|>=|IS) ", condition)
    return tuple(sorted({*alone, *(name for row in rows for name in row.split(", "))}))


def test_every_query_is_looked_at() -> None:
    assert sorted(QUERIES) == sorted([*LOOK_UPS, *WITHOUT_ROWS])


# In this order: what is written and analysed stays.
@pytest.mark.parametrize("tables", ["SELECT", "VACUUM ANALYZE", A_FEW_ROWS], ids=["unknown", "empty", "a few rows"])
async def test_whatever_is_read_of_a_user_is_looked_up_by_index(session: Connection, tables: str) -> None:
    await session.execute(tables)
    found = {name: await found_by(session, name) for name in LOOK_UPS}
    assert found == {name: sorted(indexes) for name, indexes in LOOK_UPS.items()}


def test_no_sum_is_taken_of_expenses_but_for_a_tax_year() -> None:
    summaries = named_queries("processor.expenses", "summaries.sql")
    assert [name for name, query in summaries.items() if re.search(r"\b(FROM|JOIN) expense(_version)?\b", query)] == []


async def blocks(session: Connection, name: str, *arguments: str) -> int:
    """Return how many blocks of tables and indexes a query looks at."""
    await session.execute(f"PREPARE asked AS {QUERIES[name]}")
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked({', '.join(arguments)})"
    await session.fetchval(explained)  # the first one looks at catalogues too
    told = msgspec.json.decode(await session.fetchval(explained))[0]["Plan"]
    await session.execute("DEALLOCATE asked")
    return int(told["Shared Hit Blocks"] + told["Shared Read Blocks"])


async def test_a_month_costs_the_same_whatever_other_months_and_other_users_there_are(session: Connection) -> None:
    await session.execute(GROWN)
    month = ("date '2024-05-01'",)
    for name, more in (("month", ()), ("months", month), ("trend", (*month, "NULL"))):
        alone, among_thirty_years = [await blocks(session, name, f"'{user}'", *month, *more) for user in ("G10", "G15")]
        assert among_thirty_years <= alone + A_LEVEL, name


async def test_a_year_costs_no_more_than_its_twelve_months(session: Connection) -> None:
    one = await blocks(session, "months", "'G15'", "date '2024-05-01'", "date '2024-05-01'")
    year = await blocks(session, "months", "'G15'", "date '2024-01-01'", "date '2024-12-01'")
    assert year <= 12 * one
