"""One account as people read it: the words of statements, and what has expired without anybody's doing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.accounts import AccountOpen
from contracts.envelope import Command
from contracts.holds import HoldPlace
from contracts.settlements import SettlementCapture
from contracts.transfers import TransferDeposit, TransferReverse, TransferWithdraw
from processor.ledger.account_reads import AccountRead, read_account
from processor.ledger.bank import Bank
from processor.ledger.reads import account_lines
from producers.command_ids import new_command_id
from tests.engine.desk import Desk, names


@pytest.fixture
def account_id() -> str:
    (name,) = names(1)
    return name


def told(kind: type[Command], **fields: Any) -> Any:
    return kind(command_id=new_command_id(), **fields)


async def read(desk: Desk, account_id: str) -> AccountRead:
    found = await read_account(desk.connection, account_id, bank=Bank(), days=5)
    assert found is not None
    return found


async def opened(desk: Desk, account_id: str, *, on_it: str, **more: Any) -> None:
    await desk.tell(
        told(AccountOpen, account_id=account_id, account_type="CHECKING", currency="EUR", **more),
        told(TransferDeposit, account_id=account_id, amount=on_it),
    )


async def test_transactions_read_as_pending_posted_reversed_and_failed(desk: Desk, account_id: str) -> None:
    await opened(desk, account_id, on_it="100")
    paid = told(TransferWithdraw, account_id=account_id, amount="30")
    await desk.tell(paid)
    await desk.tell(told(TransferReverse, account_id=account_id, transaction_id=paid.command_id))
    await desk.tell(told(TransferWithdraw, account_id=account_id, amount="500"))
    await desk.tell(told(HoldPlace, hold_id="h", account_id=account_id, amount="20", reason="DEBIT_CARD_AUTH"))
    found = await read(desk, account_id)

    lines = [
        (one["status"], one["reason"], one["txn_type"], one["direction"], one["amount"]) for one in found.transactions
    ]
    assert lines == [
        ("PENDING", "DEBIT_CARD_AUTH", "WITHDRAWAL", "DEBIT", "20.00"),
        ("FAILED", "insufficient_funds", None, "DEBIT", "500.00"),
        ("POSTED", None, "REVERSAL", "CREDIT", "30.00"),
        ("REVERSED", None, "WITHDRAWAL", "DEBIT", "30.00"),
        ("POSTED", None, "DEPOSIT", "CREDIT", "100.00"),
    ]
    assert (found.account["ledger_balance"], found.account["available_balance"]) == ("100.00", "80.00")


async def test_a_capture_turns_a_pending_transaction_into_a_posted_one(desk: Desk, account_id: str) -> None:
    await opened(desk, account_id, on_it="100")
    await desk.tell(told(HoldPlace, hold_id="h", account_id=account_id, amount="20", reason="DEBIT_CARD_AUTH"))
    await desk.tell(told(SettlementCapture, hold_id="h", account_id=account_id, amount="20"))
    found = await read(desk, account_id)

    assert [one["status"] for one in found.transactions] == ["POSTED", "POSTED"]
    assert found.holds == []


async def test_what_has_expired_is_available_before_anybody_has_touched_the_account(
    desk: Desk, account_id: str
) -> None:
    await opened(desk, account_id, on_it="100")
    soon = datetime.now(UTC) + timedelta(days=1)
    hold = told(HoldPlace, hold_id="h", account_id=account_id, amount="20", reason="DEBIT_CARD_AUTH", expires_at=soon)
    await desk.tell(hold)
    before = await read(desk, account_id)
    await desk.connection.execute("UPDATE clock SET ahead = ahead + '2 days'")
    after = await read(desk, account_id)
    listed = {line.account_id: line async for line in account_lines(desk.connection)}

    assert (before.account["available_balance"], len(before.holds)) == ("80.00", 1)
    assert (after.account["available_balance"], after.holds) == ("100.00", [])
    assert listed[account_id].available_balance == "100.00"


async def test_fees_are_counted_by_the_day_and_month_of_the_bank(desk: Desk, account_id: str) -> None:
    await opened(desk, account_id, on_it="1", overdraft_limit="100", product="standard")
    for _ in range(3):  # the first of the year is waived
        await desk.tell(told(TransferWithdraw, account_id=account_id, amount="2"))
    found = await read(desk, account_id)
    await desk.connection.execute("UPDATE clock SET ahead = ahead + '40 days'")
    later = await read(desk, account_id)

    assert (found.account["fee_count_today"], found.account["fee_count_month"]) == (2, 2)
    assert found.account["overdraft_used"] == "75.00"
    assert (later.account["fee_count_today"], later.account["fee_count_month"]) == (0, 0)


async def test_there_is_nothing_to_read_of_an_account_that_nobody_opened(desk: Desk) -> None:
    assert await read_account(desk.connection, "nobody", bank=Bank(), days=5) is None
