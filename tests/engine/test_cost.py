"""The cost that the modules promise: so many statements a batch, whatever its size, and every one by an index."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.accounts import AccountLinkProtection, AccountOpen
from contracts.envelope import Command
from contracts.holds import HoldPlace
from contracts.products import ProductSet
from contracts.settlements import SettlementCapture
from contracts.transfers import TransferReverse
from processor.database import Connection, named_queries
from producers.command_ids import new_command_id
from tests.engine.asking import collect, grant
from tests.engine.desk import Desk, fill, moving, names, opening, paying_in

# Begin, lanes, answers, protectors, accounts, clock; events, transactions, entries, accounts, lanes. Whoever may step
# in for a debited account has to be known before anything is locked: the one statement that a deposit is without.
TRANSFERS = 11
CASH = 11  # the house's rows, and no protectors
PLACED = 11  # holds, and no protectors; holds and their versions, no transactions and entries
CAPTURED = 14  # holds, the house's rows; transactions, entries, holds and their versions
PROTECTED = 13  # the house's rows, as there might be a fee; side legs
GRANTED = 17  # advances, payments, the house's rows, no protectors; advances, payments, versions, accounts changed more
COLLECTED = 16  # the same look-ups; advances, payments and versions
CHARGED = 15  # the same, fees, and accounts that have changed in more than their balance

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
    back = said(TransferReverse, account_id=a, transaction_id=move.command_id)

    assert await cost_of(paying_in(a, "1"), paying_in(b, "1")) == CASH, statements
    assert await cost_of(opening(c), paying_in(c, "1")) == CASH + 3, statements  # numbers, opened, agreed on
    assert await cost_of(back) == CASH + 3, statements  # originals, found and found again; reversals


async def test_holds_cost_the_same_statements_however_many_there_are(
    desk: Desk, statements: list[str], cost_of: CostOf
) -> None:
    accounts = names(3)
    await fill(desk, accounts)
    key = {"account_id": accounts[0], "hold_id": "first"}  # by then every statement is prepared
    await desk.tell(said(HoldPlace, **key, amount="1", reason="LEGAL"))
    await desk.tell(said(SettlementCapture, **key, amount="1"))

    for size in (1, 100):
        keys = [{"account_id": accounts[number % 3], "hold_id": f"{size}-{number}"} for number in range(size)]
        places = [said(HoldPlace, **key, amount="1", reason="LEGAL") for key in keys]
        captures = [said(SettlementCapture, **key, amount="1") for key in keys]
        assert await cost_of(*places) == PLACED, statements
        assert await cost_of(*captures) == CAPTURED, statements


async def test_what_has_expired_costs_three_statements_however_much_it_is(
    desk: Desk, statements: list[str], cost_of: CostOf
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    until = datetime.now(UTC).replace(year=2999)
    held = {"amount": "1", "reason": "LEGAL", "expires_at": until}
    await desk.tell(*(said(HoldPlace, account_id=one, hold_id=str(n), **held) for n in range(30) for one in (a, b)))
    await desk.connection.execute("UPDATE hold SET expires_at = '2000-01-01'")
    await desk.connection.execute("UPDATE account SET hold_expiry = '2000-01-01' WHERE hold_expiry IS NOT NULL")

    # What is due, when the next will be; holds. The accounts are written in one statement as always.
    assert await cost_of(moving(a, b, "0.01")) == TRANSFERS + 3, statements
    assert await cost_of(moving(a, b, "0.01")) == TRANSFERS, statements


async def test_advances_cost_the_same_statements_however_many_there_are(
    desk: Desk, statements: list[str], cost_of: CostOf
) -> None:
    (first,) = names(1)
    await desk.one(opening(first))
    for command in (grant((first, "V")), collect((first, "V"))):  # by then the house has its rows, and all is prepared
        await desk.one(command)
    for size in (1, 100):
        accounts = names(size)
        await desk.tell(*map(opening, accounts))
        keys = [(account, "V") for account in accounts]
        assert await cost_of(*map(grant, keys)) == GRANTED, statements
        assert await cost_of(*map(collect, keys), *(collect(key, 2) for key in keys)) == COLLECTED, statements


@pytest.mark.parametrize("product", ["standard", "own"])
async def test_fees_and_protection_cost_the_same_statements_however_many_they_are(
    desk: Desk, statements: list[str], cost_of: CostOf, product: str
) -> None:
    a, b, c, p = names(4)
    if product == "own":
        await desk.one(said(ProductSet, product="own", account_type="CHECKING", currency="EUR", fees_per_day=99))
    of_product = {"account_type": "CHECKING", "currency": "EUR", "product": product, "overdraft_limit": "9999"}
    await fill(desk, [b, p])
    await desk.tell(*(said(AccountOpen, account_id=each, **of_product) for each in (a, c)))
    await desk.one(said(AccountLinkProtection, account_id=c, protection_account_id=p))
    await desk.tell(moving(a, b, "1"), moving(a, b, "1"))  # the first fee is waived, the second takes a house account
    locked = product == "own"  # a product that may change is kept as it is

    for size in (1, 20):
        assert await cost_of(*(moving(a, b, "1") for _ in range(size))) == CHARGED + locked, statements
        assert await cost_of(*(moving(c, b, "1") for _ in range(size))) == PROTECTED + locked, statements


def said(kind: type[Command], **fields: Any) -> Any:
    return kind(command_id=new_command_id(), **fields)


async def test_no_statement_that_writes_scans_a_table(desk: Desk) -> None:
    await fill(desk, names(2))
    await desk.connection.execute(GROW)
    numbers = [row[0] for row in await desk.connection.fetch("SELECT account_no FROM account LIMIT 20")]
    now = await desk.connection.fetchval("SELECT now()")
    nothing: list[Any] = []
    arguments: dict[str, tuple[Any, ...]] = {
        "lock_lanes": ("ledger", [0, 1]),
        "leave_lanes": ([1], [10**9], [10**9], [1], now),
        "update_balances": (numbers, *(nothing,) * 5, now),
        "update_accounts": (numbers, *(nothing,) * 18, now),
        "update_customers": (["C1"], *(nothing,) * 5, now),
        "update_holds": (numbers, *(nothing,) * 9, now),
        "update_products": (*(nothing,) * 15, now),
        "update_interest": (numbers, *(nothing,) * 6, now),
        "update_advances": (numbers, *(nothing,) * 6, now),
        "update_advance_payments": (numbers, *(nothing,) * 7, now),
        "lock_products": (["P1", "P2"],),
        "share_products": (["P1", "P2"],),
    }
    queries = {name: query for source in SOURCES for name, query in named_queries(*source).items()}
    for name, values in arguments.items():
        assert "Seq Scan" not in await _plan(desk.connection, queries[name], values), name


SOURCES = (
    *[("processor.engine", "engine.sql"), ("processor.ledger", "store.sql")],
    *[
        ("processor.ledger.families", f"{name}.sql")
        for name in ("advances", "customers", "holds", "interest", "products")
    ],
)
# Enough rows for an index to be worth it.
GROW = """
INSERT INTO lane (context, partition, start_offset, next_offset)
SELECT 'elsewhere', number, 0, 0 FROM generate_series(1, 2000) AS number;
INSERT INTO account (account_no, account_id, account_type, currency, product, decided_at, opened_at)
SELECT nextval('account_no'), 'grown-' || number, 1, 'EUR', 'plain', now(), now()
  FROM generate_series(1, 20000) AS number;
INSERT INTO customer SELECT 'C' || number, '', now(), '', sha256(''), 1, true, 1, now()
  FROM generate_series(1, 5000) AS number;
INSERT INTO product SELECT 'P' || number, 1, 1, 0, 0, 0, true, true, 0, 365, 'EUR', 'none', 'whole', '', 1, now()
  FROM generate_series(1, 5000) AS number;
INSERT INTO hold SELECT number, 'H', 1, 1, 5, 0, 0, 0, now(), false, 1, now(), now(), 0, number
  FROM generate_series(1, 20000) AS number;
INSERT INTO advance SELECT number, 'grown', 2, 5, 0, 0, 1, 1, 7, now(), 0, number, 1, now()
  FROM generate_series(1, 20000) AS number;
INSERT INTO advance_payment SELECT number, 'grown', 1, now(), 1, 5, 0, NULL, 1, now()
  FROM generate_series(1, 20000) AS number;
INSERT INTO interest SELECT 100000 + number, now(), now(), now(), true, 0, '', 1, now()
  FROM generate_series(1, 20000) AS number;
ANALYZE;
"""


async def _plan(connection: Connection, query: str, values: tuple[Any, ...]) -> str:
    """Return the plan of *query* as text, every node with its type."""
    plan: str = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *values)
    return plan
