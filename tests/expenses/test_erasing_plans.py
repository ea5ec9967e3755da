"""How an erasure finds its rows, by a session that knows next to nothing; see ``tests/engine/test_plans.py``."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from processor.database import Connection, Database, named_queries
from tests.engine.test_plans import reads
from tests.expenses.erasing_story import lived, opened

LOOK_UPS: Final[Mapping[str, Sequence[str]]] = {
    "categories": ["budget_version_pkey", "expense_version_pkey", "recurring_rule_exists"],
    "erase_expenses": ["expense_exists"],
    "erase_expense_versions": ["expense_version_pkey"],
    "erase_summaries": ["expense_summary_exists"],
    "erase_budgets": ["budget_exists"],
    "erase_budget_versions": ["budget_version_pkey"],
    "erase_recurring_rules": ["recurring_rule_exists"],
    "events": ["event_of_user"],
    "redact": ["event_pkey"],
    "empty_dead_letters": ["dead_letter_of_key", "lane_pkey"],
}
BY_PLACE: Final = {"ModifyTable", "Tid Scan"}  # nothing is looked for


# In this order: what is written and analysed stays.
@pytest.mark.parametrize("tables", ["unknown", "empty", "a few rows"])
async def test_an_erasure_looks_everything_up_by_index(connection: Connection, database_url: str, tables: str) -> None:
    if tables == "a few rows":
        desk = await opened(connection, database_url)
        await lived(desk, "user", "word")
        await desk.database.close()
    if tables != "unknown":
        await connection.execute("VACUUM ANALYZE")
    async with Database(database_url, role="planning") as database:
        session = await database.connection()
        await session.execute("SET plan_cache_mode = force_generic_plan")
        queries = named_queries("processor.expenses", "erasing.sql")
        found = {name: await reads(session, name, query) for name, query in queries.items()}
    looked_up = {name: [each for each in read if each[0] not in BY_PLACE] for name, read in found.items()}
    assert looked_up == {name: [(index, True) for index in indexes] for name, indexes in LOOK_UPS.items()}
