"""Statements and balances of the past, read as bookkeeping: what happened, and what is to be read of it afterwards.

An attempt begins with the instant at which it is decided. ``statement`` begins a month with its opening and closing
balance, the rows below are its lines (value date, entry type, amount, balance); ``balance`` is what there was at an
instant.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts.accounts import AccountClose, AccountOpen
from contracts.envelope import Command
from contracts.interest import InterestPost
from contracts.products import ProductSet, Tier
from contracts.transfers import TransferDeposit, TransferWithdraw
from partita.local.stack import LocalStack
from processor.database import connect
from processor.errors import Declined
from processor.ledger import statements
from processor.ledger.bank import Bank
from processor.ledger.statements import balance_at, open_statement, statement_lines
from processor.ledger.store import LedgerStore
from producers.command_ids import new_command_id
from tests.conftest import fresh_database
from tests.engine.desk import Desk
from tests.engine.test_tables import stand_still

A: dict[str, Any] = {"account_id": "A"}


@dataclass(frozen=True)
class Story:
    zone: str
    rows: str


PLAIN = Story(
    "UTC",
    """
    2026-01-05T10:00:00Z deposit 100
    2026-01-31T23:59:59.999999Z withdraw 30
    2026-02-01T00:00:00Z deposit 5
    2026-04-01T12:00:00Z withdraw 1
    -> statement 2025-12 0.00 0.00
    -> statement 2026-01 0.00 70.00
    ->   2026-01-05 DEPOSIT 100.00 100.00
    ->   2026-01-31 WITHDRAWAL -30.00 70.00
    -> statement 2026-02 70.00 75.00
    ->   2026-02-01 DEPOSIT 5.00 75.00
    -> statement 2026-03 75.00 75.00
    -> statement 2026-04 75.00 74.00
    ->   2026-04-01 WITHDRAWAL -1.00 74.00
    -> statement 2027-01 74.00 74.00
    -> balance 2026-01-05T09:59:59.999999Z 0.00
    -> balance 2026-01-05T10:00:00Z 100.00
    -> balance 2026-01-31T23:59:59.999998Z 100.00
    -> balance 2026-01-31T23:59:59.999999Z 70.00
    -> balance 2026-02-01T00:00:00Z 75.00
    -> balance 2030-01-01T00:00:00Z 74.00
    """,
)

# One per mille a day, on the balance at its end. January's interest is posted in the middle of February, and counts for
# the last day of January; that of February and March comes in April, at one instant, behind a deposit.
LATE = Story(
    "UTC",
    """
    2026-01-29T10:00:00Z deposit 1000
    2026-02-10T12:00:00Z deposit 500
    2026-02-12T12:00:00Z interest 2026-01
    2026-03-31T23:00:00Z withdraw 3
    2026-04-02T08:00:00Z deposit 1
    2026-04-02T09:00:00Z interest 2026-02
    2026-04-02T09:00:00Z interest 2026-03
    -> statement 2026-01 0.00 1003.00
    ->   2026-01-29 DEPOSIT 1000.00 1000.00
    ->   2026-01-31 INTEREST 3.00 1003.00
    -> statement 2026-02 1003.00 1540.55
    ->   2026-02-10 DEPOSIT 500.00 1503.00
    ->   2026-02-28 INTEREST 37.55 1540.55
    -> statement 2026-03 1540.55 1584.14
    ->   2026-03-31 WITHDRAWAL -3.00 1537.55
    ->   2026-03-31 INTEREST 46.59 1584.14
    -> statement 2026-04 1584.14 1585.14
    ->   2026-04-02 DEPOSIT 1.00 1585.14
    -> balance 2026-01-31T23:59:59.999998Z 1000.00
    -> balance 2026-02-01T00:00:00Z 1003.00
    -> balance 2026-02-11T00:00:00Z 1503.00
    -> balance 2026-02-12T12:00:00Z 1503.00
    -> balance 2026-03-01T00:00:00Z 1540.55
    -> balance 2026-04-01T00:00:00Z 1584.14
    -> balance 2026-04-02T09:00:00Z 1585.14
    """,
)

# Berlin's January ends at 23:00 UTC, its July at 22:00; a closing pays what it owes on its own day, before the sweep.
BERLIN = Story(
    "Europe/Berlin",
    """
    2026-01-30T23:00:00Z deposit 1000
    2026-01-31T22:59:59Z deposit 1
    2026-01-31T23:00:00Z deposit 10
    2026-02-03T12:00:00Z interest 2026-01
    2026-07-31T21:59:59Z withdraw 2
    2026-07-31T22:00:00Z withdraw 4
    -> statement 2026-01 0.00 1002.00
    ->   2026-01-31 DEPOSIT 1000.00 1000.00
    ->   2026-01-31 DEPOSIT 1.00 1001.00
    ->   2026-01-31 INTEREST 1.00 1002.00
    -> statement 2026-02 1002.00 1012.00
    ->   2026-02-01 DEPOSIT 10.00 1012.00
    -> statement 2026-07 1012.00 1010.00
    ->   2026-07-31 WITHDRAWAL -2.00 1010.00
    -> statement 2026-08 1010.00 1006.00
    ->   2026-08-01 WITHDRAWAL -4.00 1006.00
    -> balance 2026-01-31T22:59:59.999998Z 1001.00
    -> balance 2026-01-31T23:00:00Z 1012.00
    """,
)

CLOSED = Story(
    "UTC",
    """
    2026-05-30T10:00:00Z deposit 1000
    2026-06-02T10:00:00Z close
    -> statement 2026-05 0.00 1000.00
    ->   2026-05-30 DEPOSIT 1000.00 1000.00
    -> statement 2026-06 1000.00 0.00
    ->   2026-06-02 INTEREST 3.00 1003.00
    ->   2026-06-02 TRANSFER_OUT -1003.00 0.00
    -> balance 2026-06-02T09:59:59.999999Z 1000.00
    -> balance 2026-06-02T10:00:00Z 0.00
    """,
)

STORIES = {"plain": PLAIN, "late": LATE, "berlin": BERLIN, "closed": CLOSED}
every_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


def said(verb: str, *words: str) -> Command:
    match verb:
        case "deposit":
            return TransferDeposit(command_id=new_command_id(), amount=words[0], **A)
        case "withdraw":
            return TransferWithdraw(command_id=new_command_id(), amount=words[0], **A)
        case "interest":
            return InterestPost(command_id=new_command_id(), month=words[0], **A)
    assert verb == "close"
    return AccountClose(command_id=new_command_id(), payout_account_id="B", **A)


def opening() -> list[Command]:
    known: dict[str, Any] = {"account_type": "CHECKING", "currency": "EUR"}
    tiers = [Tier(start="0", rate="0.365")]
    return [
        ProductSet(command_id=new_command_id(), product="per_mille", interest="simple", tiers=tiers, **known),
        AccountOpen(command_id=new_command_id(), account_id="A", product="per_mille", **known),
        AccountOpen(command_id=new_command_id(), account_id="B", product="plain", **known),
    ]


@asynccontextmanager
async def told(story: Story, stack: LocalStack, template: str) -> AsyncIterator[tuple[Desk, Bank]]:
    """Have everything in *story* happen."""
    bank = Bank(zone=ZoneInfo(story.zone))
    async with fresh_database(stack, template) as url:
        connection = await connect(url, role="test")
        await stand_still(connection, datetime.fromisoformat("2025-12-15T00:00:00Z"))
        desk = await Desk.open(connection, url)
        desk.context = replace(desk.context, store=LedgerStore(bank))
        try:
            await desk.tell(*opening())
            for row in rows_of(story, reads=False):
                instant, verb, *words = row.split()
                await stand_still(connection, datetime.fromisoformat(instant))
                (event,) = await desk.tell(said(verb, *words))
                assert "rejected" not in event.type, (row, event.body)
            yield desk, bank
        finally:
            await desk.database.close()
            await connection.close()


def rows_of(story: Story, *, reads: bool) -> list[str]:
    lines = [line.strip() for line in story.rows.strip().splitlines()]
    return [line.removeprefix("->").strip() for line in lines if line.startswith("->") == reads]


async def read(desk: Desk, bank: Bank, row: str) -> list[str]:
    """Return what is read where *row* stands, written as in a story."""
    word, what, *_ = row.split()
    if word == "balance":
        found = await balance_at(desk.connection, "A", datetime.fromisoformat(what), bank=bank)
        return [f"balance {what} {found.ledger_balance}"]
    month = await open_statement(desk.connection, "A", what, bank=bank)
    lines = [line async for line in statement_lines(desk.connection, month, bank=bank)]
    assert month.statement.lines == len(lines)
    head = f"statement {what} {month.statement.opening_balance} {month.statement.closing_balance}"
    return [head, *(f"{line.value_date} {line.entry_type} {line.amount} {line.balance}" for line in lines)]


@every_story
async def test_statements_and_balances_are_those_of_the_value_dates(
    stack: LocalStack, migrated_database: str, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rows_of(story, reads=True)
    async with told(story, stack, migrated_database) as (desk, bank):
        asked = [row for row in expected if row.startswith(("statement", "balance"))]
        found = [line for row in asked for line in await read(desk, bank, row)]
        monkeypatch.setattr(statements, "LINES", 1)
        again = [line for row in asked for line in await read(desk, bank, row)]
    assert found == expected
    assert again == expected


@every_story
async def test_each_month_begins_as_the_one_before_it_ended(
    stack: LocalStack, migrated_database: str, story: Story
) -> None:
    async with told(story, stack, migrated_database) as (desk, bank):
        names = [f"{year}-{month:02}" for year in (2025, 2026, 2027) for month in range(1, 13)]
        months = [(await open_statement(desk.connection, "A", name, bank=bank)).statement for name in names]
        ledger_minor = await desk.balance("A")
    assert [each.opening_balance for each in months[1:]] == [each.closing_balance for each in months[:-1]]
    assert months[0].opening_balance == "0.00"
    assert months[-1].closing_balance == f"{ledger_minor // 100}.{ledger_minor % 100:02}"


async def test_a_statement_that_was_opened_does_not_see_what_is_posted_meanwhile(
    stack: LocalStack, migrated_database: str
) -> None:
    async with told(LATE, stack, migrated_database) as (desk, bank):
        month = await open_statement(desk.connection, "A", "2026-04", bank=bank)
        await desk.tell(said("deposit", "7"))
        lines = [line async for line in statement_lines(desk.connection, month, bank=bank)]
        later = await open_statement(desk.connection, "A", "2026-04", bank=bank)
    assert [line.balance for line in lines] == [month.statement.closing_balance] == ["1585.14"]
    assert later.statement.closing_balance == "1592.14"


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026-1", "202601", "2026-W01", "0001-01", "9999-12", "", "x"])
async def test_a_month_that_is_none_is_declined(desk: Desk, month: str) -> None:
    with pytest.raises(Declined, match="There is no month") as declined:
        await open_statement(desk.connection, "A", month, bank=Bank())
    assert declined.value.code == "month_invalid"


async def test_an_account_that_nobody_opened_has_neither_statement_nor_balance(desk: Desk) -> None:
    for reading in (
        open_statement(desk.connection, "house:cash:EUR", "2026-01", bank=Bank()),
        balance_at(desk.connection, "nobody", datetime.fromisoformat("2026-01-01T00:00:00Z"), bank=Bank()),
    ):
        with pytest.raises(Declined) as declined:
            await reading
        assert declined.value.code == "account_not_found"


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    connection = await connect(database_url, role="test")
    opened = await Desk.open(connection, database_url)
    yield opened
    await opened.database.close()
    await connection.close()
