"""A batch that is read again, or too early: without one of these a record is applied twice, or never."""

import pytest

from tests.controls.control import Control, controls
from tests.controls.switches import answer_lookup, fence_high_side, fence_low_side, one_answer_index
from tests.controls.trial import RERUNS_MAX, Trial
from tests.engine.desk import opening, paying_in


@controls(
    off_and_the_index_refuses=Control(
        off=[answer_lookup],
        logged=["UniqueViolationError 23505 event_one_answer_per_command"] * RERUNS_MAX,
        found=["oracle: lost: offset 2 of partition 0 has no answer"],
    ),
    off_and_no_index_behind_it=Control(
        off=[answer_lookup, one_answer_index],
        found=[
            "audit one_answer_per_command: command .*: it has 2 answers",
            r"oracle: doubled: event 3 of partition 0 \(transfer.posted, .* is a second answer",
            "oracle: account A: ends as .2000, 2000, .* right is .1000, 1000",
        ],
    ),
)
async def test_answer_lookup(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command comes a second time. Behind the look-up a unique index refuses another answer.

    That reads as a race with another batch, which a rerun would see; so it is run again for ever, and never answered.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    deposit = paying_in("A", "10")
    await trial.tell(opening("A"), deposit)
    await trial.tell(deposit)

    control.judge(await trial.findings(), trial.failures)


@controls(
    off=Control(
        off=[fence_low_side],
        found=[
            "audit every_record_answered: lane 1: event 4 answers offset 1 after 2 was answered",
            "oracle: doubled: offset 1 of partition 0 is answered 2 times",
            "oracle: doubled: offset 2 of partition 0 is answered 2 times",
        ],
    ),
    off_and_no_lookup_behind_it=Control(
        off=[fence_low_side, answer_lookup, one_answer_index],
        found=[
            "audit one_answer_per_command: command .*: it has 2 answers",
            "oracle: doubled: event 4 .*transfer.posted.* is a second answer",
            "oracle: account A: ends as .2000, 2000, .* right is .1000, 1000",
        ],
    ),
)
async def test_fence_low_side(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is read again: a command, and a record that is none.

    Behind the fence the command is known by its id, so it moves no money, but is answered twice. The other has no id.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"))
    batch = trial.publish(paying_in("A", "10"), b"{")
    await trial.run(batch)
    await trial.run(batch)

    control.judge(await trial.findings(), trial.failures)


@controls(off=Control(off=[fence_high_side], found=["oracle: lost: offset 1 of partition 0 has no answer"]))
async def test_fence_high_side(trial: Trial, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch begins above its lane.

    Nothing stands behind this, and the audit sees nothing: offsets may have gaps, so only who reads the log can tell.
    """
    await control.switch_off(monkeypatch, trial.desk.connection)
    await trial.tell(opening("A"))
    missed, ahead = trial.publish(paying_in("A", "10")), trial.publish(paying_in("A", "5"))
    await trial.read_on(ahead, after=missed)

    control.judge(await trial.findings(), trial.failures)
