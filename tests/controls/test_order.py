"""Two batches that meet: without one of these they leave books that no order of commands explains."""

from datetime import timedelta

import pytest

from contracts.transfers import TransferReverse, TransferWithdraw
from processor.errors import Fatal
from producers.command_ids import new_command_id
from tests.controls.control import Control, controls
from tests.controls.switches import (
    account_lock,
    clock_after_locks,
    entry_key,
    event_key,
    instant_after_last_change,
    lane_lock,
    version_check,
)
from tests.controls.trial import Trial
from tests.engine.desk import opening, paying_in

CORRECTED = "one microsecond after the last change"


@controls(
    off_and_the_key_of_events_refuses=Control(off=[lane_lock], logged=["UniqueViolationError 23505 event_pkey"]),
    off_and_no_key_behind_it=Control(
        off=[lane_lock, event_key],
        found=[
            "audit event_sequence: lane 1: events",
            "audit every_record_answered: lane 1: event 3 answers offset 2 after 2 was answered",
            "oracle: doubled: offset 2 of partition 0 is answered 2 times",
            "oracle: partition 0: its events are not numbered 1, 2, 3",
        ],
    ),
)
async def test_lane_lock(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers believe that they own the partition, and number the same event.

    It is a repeat: of the books it touches nothing but the event, so nothing else holds the second worker up. The
    primary key of events refuses its number; run again, it finds the record below the fence.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    deposit = paying_in("A", "10")
    await trial.tell(opening("A"), deposit)
    again = trial.publish(deposit)
    await trial.meet_before_commit(again, again)

    control.judge(await trial.findings(), trial.failures)


@controls(
    off_and_the_context_stops=Control(
        off=[lane_lock], logged=["a record cannot even be dead-lettered: UniqueViolationError 23505 event_pkey"]
    )
)
async def test_lane_lock_around_a_dead_letter(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a record that is no command: what the key refuses stops the worker, though nothing is wrong."""
    await control.switch_off(monkeypatch, trial.desk.connection)
    letter, said = trial.publish(b"{"), list[str]()
    try:
        await trial.meet_before_commit(letter, letter)
    except Fatal as stopped:
        said.append(str(stopped))

    control.judge(await trial.findings(), said)


@controls(
    off_and_the_key_of_entries_refuses=Control(
        off=[account_lock],
        logged=["UniqueViolationError 23505 entry_pkey"],
        found=[r"oracle: event 1 of partition 1 \(dead_letter, command None\): its record is a command"],
    ),
    off_and_the_version_refuses=Control(
        off=[account_lock, entry_key],
        logged=["AssertionError"],
        found=[r"oracle: event 1 of partition 1 \(dead_letter, command None\): its record is a command"],
    ),
    off_and_nothing_behind_it=Control(
        off=[account_lock, entry_key, version_check],
        found=[
            r"audit account_balance: account 1 \(A\): its balance is 500, its entries sum to 1500",
            r"audit entry_numbers: account 1 \(A\): entry 1 follows entry 1",
            r"audit entry_chain: account 1 \(A\): its chain does not end with the hash of its last entry",
            "oracle: account A: ends as .500, 500, .* right is .1500, 1500",
        ],
    ),
)
async def test_account_lock(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lanes pay into one account at once, each from the balance before.

    Behind the lock the key of entries, and behind that the version of the row, refuse the second. Both take it for a
    fault of its command, so the books stay right and a good command ends as a dead letter.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"))
    one, other = trial.publish(paying_in("A", "10")), trial.publish(paying_in("A", "5"), partition=1)
    await trial.meet_before_commit(one, other)

    control.judge(await trial.findings(), trial.failures)


@controls(
    off=Control(
        off=[clock_after_locks],
        found=["oracle: event 1 of partition 1 .*: says not_reversible, right is .* transaction_not_found"],
    )
)
async def test_clock_after_locks(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reversal begins, and the transfer that it speaks of is refused by another lane before it looks.

    No account has changed, so nothing but the clock says which of the two was first.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"))
    refused = TransferWithdraw(command_id=new_command_id(), account_id="A", amount="5")
    undoing = TransferReverse(command_id=new_command_id(), account_id="A", transaction_id=refused.command_id)
    await trial.overtake(trial.publish(undoing, partition=1), trial.publish(refused))

    control.judge(await trial.findings(), trial.failures)


@controls(
    off_and_the_last_change_corrects_it=Control(off=[clock_after_locks], logged=[CORRECTED]),
    off_and_nothing_behind_it=Control(
        off=[clock_after_locks, instant_after_last_change],
        found=["oracle: event 1 of partition 1 .*: says yes, right is .* insufficient_funds"],
    ),
)
async def test_clock_after_locks_where_an_account_changed(
    trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A withdrawal begins, and what it spends is paid in by another lane before it locks the account.

    Behind the clock stands the last change of the account: a decision on it is one microsecond younger at least.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"))
    spending = TransferWithdraw(command_id=new_command_id(), account_id="A", amount="5")
    await trial.overtake(trial.publish(spending, partition=1), trial.publish(paying_in("A", "5")))

    spent, paid_in = (await trial.desk.told(1))[-1], (await trial.desk.told(0))[-1]
    corrected = spent.occurred_at - paid_in.occurred_at == timedelta(microseconds=1)
    control.judge(await trial.findings(), [CORRECTED] if corrected else [])
