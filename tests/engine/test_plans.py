"""How PostgreSQL looks things up for a batch. A module of its own, for a database in which next to nothing is known.

A session keeps the plans that it makes, and it makes them while tables are empty or small: what is planned then has to
be right for millions of rows.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection, Database, named_queries

FAMILIES: Final = ("advances", "customers", "holds", "interest", "overdrafts", "settlements")
SOURCES: Final = (
    *[("processor.ledger", "store.sql"), ("processor.engine", "engine.sql")],
    *[("processor.ledger.families", f"{name}.sql") for name in FAMILIES],
)
ANSWERS: Final = ("event_one_answer_per_command", "event_command_id_idx")  # in the hot table, and in the cold one
# Each look-up of a batch, and the indexes that it goes by; those of old rows have one in either place.
LOOK_UPS: Final[Mapping[str, Sequence[str]]] = {
    "answers": ANSWERS,
    "find_originals": [
        *(*ANSWERS, "transaction_pkey", "transaction_pkey", "batch_leg_pkey", "batch_leg_pkey"),
        *("reversal_happens_once", "account_pkey", "account_pkey"),
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
    "interest": ["interest_of_account", "account_terms_by_account", "account_terms_by_account"],
    "products_since": ["account_terms_by_account", "account_terms_by_account", "lane_pkey"],
    "versions_since": ["product_version_is_unique", "product_version_is_unique"],
    "entry_looked_at": ["entry_pkey", "entry_pkey"],
    "balance_before_entry": ["entry_pkey", "entry_pkey"],
    "advances": ["advance_exists"],
    "advance_payments": ["advance_payment_exists"],
    "suspects": ["account_pkey", "advance_exists", "advance_payment_exists"],
}
# What the search for a balance of the past reads; it is in functions, which EXPLAIN does not look into.
IN_FUNCTIONS: Final = {
    "entry_looked_at": ("entry_before", 2),
    "balance_before_entry": ("balances_before", 1),
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
INSERT INTO interest SELECT n, now(), now(), now(), false, 0, '', 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO account_terms SELECT 1, n, now(), n, 0, true, 'P' FROM generate_series(1, 3) AS n;
INSERT INTO product_version SELECT 1, n, now(), n, 1, 0, 0, 0, true, true, 0, 365, 'P', 'EUR', 'none', 'whole', ''
  FROM generate_series(1, 3) AS n;
INSERT INTO advance SELECT n, 'V', 1, 5, 5, 0, 1, 1, 7, now(), 1, n, 1, now() FROM generate_series(1, 3) AS n;
INSERT INTO advance_payment SELECT n, 'V', 1, now(), 1, 5, 0, NULL, 1, now() FROM generate_series(1, 3) AS n;
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


async def said_in(session: Connection, function: str, times: int) -> str:
    """Return the one statement of a function, which it says so many *times*, with parameters for its variables."""
    source = await session.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", function)
    said = re.findall(r"SELECT .+? INTO .+?;", source, re.DOTALL)
    numbered = [re.sub(r" INTO [\w, ]+?(?=\s+FROM)", "", each) for each in said]
    (statement,) = {re.sub(r"entry_no = (.+?);", "entry_no = $2", each).replace("wanted_no", "$1") for each in numbered}
    assert len(said) == times
    return str(statement)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


# In this order: what is written and analysed stays.
@pytest.mark.parametrize("tables", ["SELECT", "VACUUM ANALYZE", A_FEW_ROWS], ids=["unknown", "empty", "a few rows"])
async def test_a_batch_looks_everything_up_by_index(session: Connection, tables: str) -> None:
    await session.execute(tables)
    queries = {name: query for source in SOURCES for name, query in named_queries(*source).items()}
    queries |= {name: await said_in(session, *place) for name, place in IN_FUNCTIONS.items()}
    found = {name: await reads(session, name, queries[name]) for name in LOOK_UPS}
    assert found == {name: sorted((index, True) for index in indexes) for name, indexes in LOOK_UPS.items()}
