"""The cost that the modules promise: so many statements a batch, whatever its size, and every one by an index."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from contracts.transfers import TransferReverse
from processor.database import Connection, named_queries
from producers.command_ids import new_command_id
from tests.engine.desk import Desk, fill, moving, names, opening, paying_in

# Begin; lanes, answers, accounts, clock; events, transactions, entries, accounts, lanes; commit.
TRANSFERS = 10
CASH = 11  # and the house's rows

CostOf = Callable[..., Awaitable[int]]


@pytest.mark.parametrize("size", [1, 10, 500])
async def test_a_batch_of_transfers_costs_the_same_statements_whatever_its_size(
    desk: Desk, statements: list[str], cost_of: CostOf, size: int
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    cost = await cost_of(*(moving(a, b, "0.01") for _ in range(size)))

    assert cost == TRANSFERS, statements


async def test_cash_and_openings_and_reversals_cost_their_few_more(
    desk: Desk, statements: list[str], cost_of: CostOf
) -> None:
    a, b, c = names(3)
    await fill(desk, [a, b])
    move = moving(a, b, "1")
    await desk.one(move)
    back = TransferReverse(command_id=new_command_id(), account_id=a, transaction_id=move.command_id)

    assert await cost_of(paying_in(a, "1"), paying_in(b, "1")) == CASH, statements
    assert await cost_of(opening(c), paying_in(c, "1")) == CASH + 2, statements  # numbers, opened
    assert await cost_of(back) == CASH + 2, statements  # originals, reversals


async def test_no_statement_of_a_batch_scans_a_table(desk: Desk) -> None:
    accounts = one, two = names(2)
    await fill(desk, accounts)
    await desk.tell(*(moving(one, two, "0.01") for _ in range(3000)))
    await desk.connection.execute(GROW)
    numbers = [row[0] for row in await desk.connection.fetch("SELECT account_no FROM account LIMIT 20")]
    ids = [row[0] for row in await desk.connection.fetch("SELECT command_id FROM event WHERE kind = 1 LIMIT 20")]
    now = await desk.connection.fetchval("SELECT now()")
    nothing: list[Any] = []
    arguments: dict[str, tuple[Any, ...]] = {
        "lock_lanes": ("ledger", [0, 1]),
        "leave_lanes": ([1], [10**9], [10**9], [1], now),
        "answers": (ids,),
        "find_originals": (ids,),
        "lock_accounts": (accounts,),
        "house_cash": (["house:cash:EUR"], [1]),
        "update_accounts": (numbers, *(nothing,) * 8, now),
    }
    queries = {**named_queries("processor.engine", "engine.sql"), **named_queries("processor.ledger", "store.sql")}
    for name, values in arguments.items():
        assert "Seq Scan" not in await _plan(desk.connection, queries[name], values), name


# Enough rows for an index to be worth it.
GROW = """
INSERT INTO lane (context, partition, start_offset, next_offset)
SELECT 'elsewhere', number, 0, 0 FROM generate_series(1, 2000) AS number;
INSERT INTO account (account_no, account_id, account_type, currency, product, decided_at, opened_at)
SELECT nextval('account_no'), 'grown-' || number, 1, 'EUR', 'plain', now(), now()
  FROM generate_series(1, 20000) AS number;
INSERT INTO transaction (lane_no, seq, kind, initiated_at, posted_at, refusal)
SELECT 0, number, 1, now(), now(), 'insufficient_funds' FROM generate_series(1, 50000) AS number;
INSERT INTO batch_leg SELECT 0, number, 0, 1, 2, 3 FROM generate_series(1, 5000) AS number;
INSERT INTO reversal SELECT 0, number, 0, number FROM generate_series(1, 5000) AS number;
ANALYZE;
"""


async def _plan(connection: Connection, query: str, values: tuple[Any, ...]) -> str:
    """Return the plan of *query* as text, every node with its type."""
    plan: str = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *values)
    return plan
