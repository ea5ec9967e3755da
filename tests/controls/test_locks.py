"""What a batch reads before its locks, behind them, and the order in which it takes them, where two batches meet."""

import asyncio

import pytest

from contracts.accounts import AccountFreeze
from processor.database import Database, connect
from producers.command_ids import new_command_id
from tests.controls.control import Control, controls
from tests.controls.lock_switches import (
    advance_versions,
    advances_behind_locks,
    comparing_what_was_found,
    customer_lock,
    hold_version,
    holds_behind_locks,
    product_lock,
    races_known,
    refunds_behind_locks,
    sorted_union,
)
from tests.controls.trial import Trial
from tests.engine.asking import (
    capture,
    close,
    collect,
    customer,
    grant,
    link,
    overdrawable,
    place,
    product,
    refund,
    release,
    reverse,
    settle,
    spend,
    standing,
)
from tests.engine.desk import moving, opening, paying_in

DEAD = r"oracle: event 1 of partition 1 \(dead_letter, command None\): its record is a command"


@controls(
    off_and_the_version_refuses=Control(
        off=[holds_behind_locks],
        logged=["AssertionError"],
        found=[DEAD],
    ),
    off_and_nothing_behind_it=Control(
        off=[holds_behind_locks, hold_version],
        found=[
            r"audit account_available: account 2 \(A\): available is 2000, balance less open holds is 1000",
            "audit hold_versions: hold H of account 2: version 1 of lane 2: it follows one of status 3",
            r"oracle: event 1 of partition 1 .*: says yes, right is settlement.rejected hold_ended",
        ],
    ),
)
async def test_holds_behind_locks(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture waits for the account of a hold that another lane releases."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    held, other = ("A", "H"), ("A", "OTHER")
    await trial.tell(opening("A"), paying_in("A", "30"), place(held, "10"), place(other, "10"))
    releasing, capturing = trial.publish(release(held)), trial.publish(capture(held, "10"), partition=1)
    await trial.meet_before_commit(releasing, capturing)

    control.judge(await trial.findings(), trial.failures)


@controls(
    off_and_the_version_refuses=Control(off=[advances_behind_locks], logged=["AssertionError"], found=[DEAD]),
    off_and_nothing_behind_it=Control(
        off=[advances_behind_locks, advance_versions],
        found=[
            "audit advances: EUR: advances owe 2000, the house has granted 1000 more",
            "audit advance_payments: payment 1 of advance V of account 2: .* it follows one of status 2",
            r"oracle: event 1 of partition 1 .*: says yes, right is advance.rejected payment_settled",
        ],
    ),
)
async def test_advances_behind_locks(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lanes collect one payment."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    key = ("A", "V")
    await trial.tell(opening("A"), grant(key))
    await trial.meet_before_commit(trial.publish(collect(key)), trial.publish(collect(key), partition=1))

    control.judge(await trial.findings(), trial.failures)


@controls(
    off=Control(
        off=[refunds_behind_locks],
        found=[
            "audit refunds: transaction 3 of lane 1: 1200 of its 1000 came back",
            "oracle: event 1 of partition 1 .*: says yes, right is .* amount_exceeds_settlement",
        ],
    )
)
async def test_refunds_behind_locks(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lanes refund one settlement, each of them the larger part of it."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    settlement = settle("A")
    await trial.tell(opening("A"), paying_in("A", "10"), settlement)
    one, other = refund("A", settlement, "6"), refund("A", settlement, "6")
    await trial.meet_before_commit(trial.publish(one), trial.publish(other, partition=1))

    control.judge(await trial.findings(), trial.failures)


@controls(
    off=Control(
        off=[comparing_what_was_found],
        found=["oracle: event 1 of partition 1 .*: says insufficient_funds, right is transfer.posted yes"],
    )
)
async def test_comparing_links(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A debit waits for its account while another lane links that to one that would step in."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"), opening("P"), paying_in("P", "10"))
    await trial.meet_before_commit(trial.publish(link("A", "P")), trial.publish(spend("A"), partition=1))

    control.judge(await trial.findings())


@controls(
    off=Control(
        off=[comparing_what_was_found],
        found=[
            r"audit protection: account 1 \(A\): P is to step in, and is closed",
            "oracle: event 4 of partition 0 .*: its protection_account_id is P, right is None",
        ],
    )
)
async def test_comparing_links_to_what_is_closed(
    trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closing waits for its account while another lane has that step in for one that the closing has not locked."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"), opening("P"))
    await trial.meet_before_commit(trial.publish(link("A", "P")), trial.publish(close("P"), partition=1))
    await trial.tell(AccountFreeze(command_id=new_command_id(), account_id="A", reason="to see it"))

    control.judge(await trial.findings())


@controls(
    off=Control(
        off=[comparing_what_was_found],
        found=["oracle: event 1 of partition 1 .*: says insufficient_funds, right is .* already_reversed"],
    )
)
async def test_comparing_what_is_undone(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reversal waits while another lane makes the same, after which the money to go back is missing."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    payment = moving("A", "B", "10")
    await trial.tell(opening("A"), opening("B"), paying_in("A", "10"), payment)
    await trial.meet_before_commit(
        trial.publish(reverse("A", payment)), trial.publish(reverse("A", payment), partition=1)
    )

    control.judge(await trial.findings())


@controls(off=Control(off=[sorted_union], logged=["DeadlockDetectedError 40P01"]))
async def test_sorted_union(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A is protected by B and pays D, C is protected by D and pays B: each lane needs what the other one has.

    Somebody else holds C until both have what they can get. The server ends one of two that wait for one another, and
    that one is run again.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    money = [paying_in(account, "10") for account in "BD"]
    await trial.tell(*map(opening, "ABCD"), *money, link("A", "B"), link("C", "D"))
    holder = await connect(trial.url, role="holder")
    async with Database(trial.url, role="other") as other, asyncio.TaskGroup() as lanes, holder.transaction():
        await holder.execute("SELECT FROM account WHERE account_id = 'C' FOR UPDATE")
        lanes.create_task(trial.run(trial.publish(moving("C", "B", "5"))))
        await trial.until_blocked(1)
        away = trial.publish(moving("A", "D", "5"), partition=1)
        lanes.create_task(trial.desk.run([away], database=other))
        await trial.until_blocked(2)
    await holder.close()

    control.judge(await trial.findings(), trial.failures)


@controls(
    off=Control(
        off=[customer_lock],
        found=[
            r"audit account_customers: account 2 \(A\): its standing is t, that of customer C is f",
            r"oracle: event 3 of partition 0 \(transfer.posted, .*: its entries is",
        ],
    )
)
async def test_customer_lock(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer loses their good standing while another lane opens them an account."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(customer("C"))
    account = trial.publish(overdrawable("A", "standard", customer_id="C"))
    await trial.meet_before_commit(account, trial.publish(standing("C", good=False), partition=1))
    await trial.tell(spend("A"))

    control.judge(await trial.findings(), trial.failures)


@controls(
    off=Control(
        off=[product_lock],
        found=[
            "audit overdraft_fees: account 2: fee 0 of transaction 1 of lane 2 fell due under version 1 of P",
            r"oracle: event 1 of partition 1 \(transfer.posted, .*: its entries is",
        ],
    )
)
async def test_product_lock(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fee falls due while another lane changes it."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(product("P", "5", first_fee_waived=False), overdrawable("A", "P"))
    dearer = trial.publish(product("P", "9", first_fee_waived=False))
    await trial.meet_before_commit(dearer, trial.publish(spend("A"), partition=1))

    control.judge(await trial.findings(), trial.failures)


@controls(off=Control(off=[races_known], found=[DEAD]))
async def test_races_known(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lanes make one customer. What does not exist has no lock, so a key refuses the second."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.meet_before_commit(trial.publish(customer("C")), trial.publish(customer("C"), partition=1))

    control.judge(await trial.findings())
