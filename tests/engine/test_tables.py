"""The rules' tables again, through the engine on PostgreSQL, with those that speak of repeats and reused ids.

Two databases are shared: one whose clock goes on, and one in which a table tells the time. There each run of a table
has a partition of its own, for the clock of a lane only goes forward. A product changes behind every decision of every
lane: a table that tells the time and defines one has a database of its own, each time.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from contracts.envelope import Command, as_replayed, moment_text
from partita.local.stack import LocalStack
from processor.database import Connection, Database, connect
from processor.engine import lanes
from processor.engine.audit import audit
from processor.engine.events import Kind
from processor.ledger.context import LEDGER
from processor.ledger.lending import AdvanceStatus, PaymentStatus
from processor.ledger.store import LedgerStore
from processor.ledger.values import HoldStatus, Status
from tests.conftest import fresh_database
from tests.engine.desk import PARTITIONS, Desk
from tests.ledger.tables.rules_bank import START
from tests.table_runs import Advanced, Fee, Held, Holding, Paying, Run
from tests.tables import Table, tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

# In a database of the tests' own the one clock stands still, or no command would be decided at a given instant.
STAND_STILL = """
CREATE OR REPLACE FUNCTION partita_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT '{instant}'::timestamptz $$"""
ACCOUNT = """
SELECT *, available_minor + expired_minor(account_no, partita_clock()) AS really_available_minor
  FROM account WHERE account_id = $1 AND lane_no = 0"""
HOLDS = "SELECT * FROM hold WHERE account_no = $1"
LAST_FEE = """
SELECT product, product_version AS version, amount_minor FROM overdraft_fee WHERE account_no = $1
 ORDER BY charged_at DESC, lane_no DESC, seq DESC, fee_no DESC LIMIT 1"""


class EngineBank:
    """A bank that decides by the engine, from one partition."""

    def __init__(self, desk: Desk, partition: int = 0) -> None:
        self._desk = desk
        self._partition = partition

    async def answers_to(self, commands: Sequence[Command]) -> Sequence[tuple[str, dict[str, Any]]]:
        events = await self._desk.tell(*commands, partition=self._partition)
        assert len(events) == len(commands), [each.body for each in events if each.kind == Kind.EXTRA]
        return [(told.type, await self._answer(told.id) if told.kind == Kind.REPEAT else told.body) for told in events]

    async def _answer(self, event_id: bytes) -> dict[str, Any]:
        payload: bytes = await self._desk.connection.fetchval(
            "SELECT payload FROM event WHERE id = $1 AND kind = 1", event_id
        )
        body: dict[str, Any] = msgspec.json.decode(as_replayed(payload))
        return body

    async def move_to(self, instant: datetime) -> None:
        await stand_still(self._desk.connection, instant)

    async def holding(self, account_id: str) -> Holding | None:
        row = await self._desk.connection.fetchrow(ACCOUNT, account_id)
        if row is None:
            return None
        holds = await self._desk.connection.fetch(HOLDS, row["account_no"])
        fee = await self._desk.connection.fetchrow(LAST_FEE, row["account_no"])
        return Holding(
            currency=row["currency"],
            status=Status(row["status"]).name,
            ledger_minor=row["ledger_minor"],
            available_minor=row["really_available_minor"],
            overdraft_limit_minor=row["overdraft_limit_minor"],
            protector_id=row["protection_account_id"],
            holds=dict(map(_held, holds)),
            last_fee=None if fee is None else Fee(**dict(fee)),
            advances=await self._advances(row["account_no"]),
        )

    async def _advances(self, account_no: int) -> dict[str, Advanced]:
        advances = await self._desk.connection.fetch("SELECT * FROM advance WHERE account_no = $1", account_no)
        payments = await self._desk.connection.fetch("SELECT * FROM advance_payment WHERE account_no = $1", account_no)
        return {
            row["advance_id"]: Advanced(
                status=AdvanceStatus(row["status"]).name,
                amount_minor=row["amount_minor"],
                outstanding_minor=row["outstanding_minor"],
                written_off_minor=row["written_off_minor"],
                payments={
                    each["payment_no"]: Paying(
                        due=each["due"],
                        status=PaymentStatus(each["status"]).name,
                        amount_minor=each["amount_minor"],
                        paid_minor=each["paid_minor"],
                        moved_to=each["moved_to"],
                    )
                    for each in payments
                    if each["advance_id"] == row["advance_id"]
                },
            )
            for row in advances
        }


def _held(row: asyncpg.Record) -> tuple[str, Held]:
    parts = ("captured_minor", "released_minor", "expired_minor")
    return row["hold_id"], Held(
        status=HoldStatus(row["status"]).name,
        amount_minor=row["amount_minor"],
        captured_minor=row["captured_minor"],
        remaining_minor=row["amount_minor"] - sum(row[part] for part in parts),
    )


async def stand_still(connection: Connection, instant: datetime) -> None:
    await connection.execute(STAND_STILL.format(instant=moment_text(instant)))


@asynccontextmanager
async def opened(url: str, partitions: int) -> AsyncIterator[Desk]:
    """Open a desk whose sessions have met every statement once for all tests."""
    connection = await connect(url, role="test")
    async with Database(url, role="desk") as database:
        numbers = dict.fromkeys(range(partitions), 0)
        desk = Desk(connection=connection, database=database, offsets=numbers)
        desk.offsets = await lanes.take_up(connection, LEDGER.name, numbers)
        yield desk
    await connection.close()


FOR_ENGINE = [table for table in tables() if table.judged_by != "rules"]
TIMED = [table for table in FOR_ENGINE if table.is_timed and not table.defines]
PLACES = [table.name for table in TIMED]
each_way = pytest.mark.parametrize("together", [False, True], ids=["one by one", "as one batch"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with opened(database_url, PARTITIONS) as each:
        yield each


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clocked(stack: LocalStack, migrated_database: str) -> AsyncIterator[Desk]:
    """Open a desk with two partitions for each table that tells the time."""
    async with fresh_database(stack, migrated_database) as url, opened(url, 2 * len(PLACES)) as each:
        yield each


@each_way
@pytest.mark.parametrize("table", [table for table in FOR_ENGINE if not table.is_timed], ids=lambda table: table.name)
async def test_every_attempt_gets_the_answer_that_its_table_expects(
    table: Table, desk: Desk, *, together: bool
) -> None:
    named = replace(table, name=f"{table.name}.{together}")  # nor do the two runs share an id
    await Run(table=named, bank=EngineBank(desk), together=together).all()


async def test_the_books_that_all_these_tables_leave_behind_are_right(desk: Desk) -> None:
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, report.failed


async def run_timed(table: Table, desk: Desk, partition: int, *, together: bool) -> None:
    """Run a table in the bank whose settings it gives, from the instant at which the rules' tables begin."""
    await stand_still(desk.connection, START)
    desk.context = replace(LEDGER, store=LedgerStore(table.bank))
    await Run(table=table, bank=EngineBank(desk, partition), together=together).all()


@each_way
@pytest.mark.parametrize("table", TIMED, ids=lambda table: table.name)
async def test_every_attempt_at_its_instant_gets_the_answer_that_its_table_expects(
    table: Table, clocked: Desk, *, together: bool
) -> None:
    named = replace(table, name=f"{table.name}.{together}")
    await run_timed(named, clocked, 2 * PLACES.index(table.name) + together, together=together)


async def test_the_books_that_tables_with_a_clock_leave_behind_are_right(clocked: Desk) -> None:
    report = await audit(clocked.connection, clocked.context.checks)
    assert report.holds, [result.findings for result in report.results if not result.holds]


@each_way
@pytest.mark.parametrize(
    "table", [table for table in FOR_ENGINE if table.is_timed and table.defines], ids=lambda table: table.name
)
async def test_every_attempt_after_a_product_gets_the_answer_that_its_table_expects(
    table: Table, stack: LocalStack, migrated_database: str, *, together: bool
) -> None:
    async with fresh_database(stack, migrated_database) as url, opened(url, 1) as desk:
        await run_timed(table, desk, 0, together=together)
        report = await audit(desk.connection, desk.context.checks)

    assert report.holds, report.failed
