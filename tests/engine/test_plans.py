"""How PostgreSQL looks things up for a batch. A module of its own, for a database in which next to nothing is known.

A session keeps the plans that it makes, and it makes them while tables are empty or small: what is planned then has to
be right for millions of rows.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection, Database, named_queries

SOURCES: Final = (
    *[("processor.ledger", "store.sql"), ("processor.engine", "engine.sql")],
    *[("processor.ledger.families", f"{name}.sql") for name in ("customers", "holds", "overdrafts", "settlements")],
)
# Each look-up of a batch, and the indexes that it goes by.
LOOK_UPS: Final[Mapping[str, Sequence[str]]] = {
    "answers": ["event_one_answer_per_command"],
    "find_originals": [
        *("event_one_answer_per_command", "transaction_pkey", "batch_leg_pkey", "reversal_happens_once"),
        *("account_pkey", "account_pkey"),
    ],
    "find_protectors": ["account_protected", "account_exists"],
    "find_protected": ["account_by_protector"],
    "lock_customers": ["customer_exists"],
    "accounts_of": ["account_by_customer"],
    "lock_accounts": ["account_exists"],
    "house_rows": ["account_exists"],
    "holds": ["hold_exists"],
    "due_holds": ["hold_counted"],
    "next_expiries": ["hold_counted"],
    "open_fees": ["overdraft_fee_by_account", "fee_comes_back_once"],
    "refunded": ["refund_by_original"],
}
A_FEW_ROWS: Final = """
INSERT INTO account (account_no, account_id, account_type, currency, product, decided_at, opened_at, customer_id,
                     protection_account_id)
SELECT n, 'A' || n, 1, 'EUR', 'plain', now(), now(), 'C', CASE WHEN n > 1 THEN 'A1' END FROM generate_series(1, 3) AS n;
INSERT INTO customer SELECT 'C' || n, 'C', now(), '', sha256(''), 1, true, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO hold SELECT n, 'H', 1, 1, 5, 0, 0, 0, now(), false, 1, now(), now(), 1, n FROM generate_series(1, 3) AS n;
INSERT INTO refund SELECT 1, n, now(), 1, n, 5 FROM generate_series(1, 3) AS n;
INSERT INTO overdraft_fee SELECT 1, n, now(), 0, n, now(), 5, 1, 0, now(), 'P' FROM generate_series(1, 3) AS n;
INSERT INTO fee_refund SELECT 1, n, now(), 0, 1, n, 0 FROM generate_series(1, 3) AS n;
ANALYZE"""


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[Connection]:
    """Return a session as a batch has it, with the plans that it would keep."""
    async with Database(database_url, role="planning") as database:
        connection = await database.connection()
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection


async def reads(session: Connection, name: str, query: str) -> list[tuple[str, bool]]:
    """Return what the plan kept for *query* reads tables by, and whether it looks up there what it reads."""
    parameters = len((await session.prepare(query)).get_parameters())
    await session.execute(f"PREPARE {name} AS {query}")
    told = await session.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE {name}({', '.join(['NULL'] * parameters)})")
    return sorted(
        (str(node.get("Index Name", node["Node Type"])), "Index Cond" in node)
        for node in nodes(msgspec.json.decode(told)[0]["Plan"])
        if "Relation Name" in node
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


# In this order: what is written and analysed stays.
@pytest.mark.parametrize("tables", ["SELECT", "VACUUM ANALYZE", A_FEW_ROWS], ids=["unknown", "empty", "a few rows"])
async def test_a_batch_looks_everything_up_by_index(session: Connection, tables: str) -> None:
    await session.execute(tables)
    queries = {name: query for source in SOURCES for name, query in named_queries(*source).items()}
    found = {name: await reads(session, name, queries[name]) for name in LOOK_UPS}
    assert found == {name: sorted((index, True) for index in indexes) for name, indexes in LOOK_UPS.items()}
