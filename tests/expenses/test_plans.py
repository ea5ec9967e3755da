"""How PostgreSQL looks up what a batch of expenses speaks of, and finds the rows that it changes.

A module of its own, for a database in which next to nothing is known; see ``tests/engine/test_plans.py``.
"""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from processor.database import Connection, Database, named_queries
from tests.engine.test_plans import reads

FAMILIES: Final = ("budgets", "expenses", "rates", "recurring", "summaries", "users")
ONE_ROW: Final = {"share_rates", "lock_rates", "latest_decision", "note_setting"}  # of the lanes, or of the rates' book
BY_PLACE: Final = {"Tid Scan", "ModifyTable"}
A_FEW_ROWS: Final = """
INSERT INTO expense_user SELECT n, 'U' || n, 'EUR', 'UTC', 1, now(), NULL, 1, n, 1, now()
  FROM generate_series(1, 3) AS n;
INSERT INTO expense SELECT n % 3, 'E' || n, 1, n, now(), 'Food', 5, 'EUR', 5, '1', '1', '', NULL, NULL, false, 1, now()
  FROM generate_series(1, 9) AS n;
INSERT INTO expense_summary SELECT n, '2026-01-01', 'Food', 5, 1, 0, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO budget SELECT n, 'Food', NULL, 5, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO recurring SELECT n, 'R', 1, '2026-01-01', now(), 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO recurring_rule SELECT 1, n, now(), n, 1, 1, '2026-01-01', 5, 1, '2026-01-01', false, NULL, 'R', 'EUR',
       'Food', '' FROM generate_series(1, 3) AS n;
INSERT INTO recurring_entry SELECT 1, n, now(), n, '2026-01-01', 'R', 'E' FROM generate_series(1, 3) AS n;
INSERT INTO rate SELECT 'EUR', 'USD', date '2026-01-01' + n, '1.1', 1, 1, now() FROM generate_series(1, 3) AS n;
ANALYZE"""


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[Connection]:
    """Return a session as a batch has it, with the plans that it would keep."""
    async with Database(database_url, role="planning") as database:
        connection = await database.connection()
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection


# In this order: what is written and analysed stays.
@pytest.mark.parametrize("tables", ["SELECT", "VACUUM ANALYZE", A_FEW_ROWS], ids=["unknown", "empty", "a few rows"])
async def test_a_batch_looks_everything_up_by_index(session: Connection, tables: str) -> None:
    await session.execute(tables)
    queries = {
        name: query
        for family in FAMILIES
        for name, query in named_queries("processor.expenses.families", f"{family}.sql").items()
        if name not in ONE_ROW and "$1" in query
    }
    queries |= named_queries("processor.expenses", "jobs.sql")
    whole = {name: await read_whole(session, name, query) for name, query in queries.items()}
    assert {name: places for name, places in whole.items() if places} == {}


async def read_whole(session: Connection, name: str, query: str) -> list[str]:
    """Return the tables that *query* reads without looking up what it reads; a row is found by its place too."""
    return [each for each, looks_up in await reads(session, name, query) if not looks_up and each not in BY_PLACE]
