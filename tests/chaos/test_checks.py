"""Every check of a run finds what was planted for it, is silent about a true run, and passes nothing unread."""

from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from partita.chaos import steady
from partita.chaos.case import Case, Verdict, verdict_of
from partita.chaos.checks import CHECKS, SOMETIMES, judged
from partita.chaos.variety import TOLD, told_of
from partita.oracle.judge import findings
from tests.chaos.model_run import Model, model_run
from tests.chaos.plants import PLANTS, Plant

READ = ("records", "results", "dead", "books", "findings", "audit", "allowed", "unrest")


@pytest.fixture(scope="module")
def true_run() -> Model:
    return model_run(9, 600)


@pytest.fixture
def model(true_run: Model) -> Model:
    """Return a copy whose lists may be spoilt."""
    return Model(**{name: copy(value) for name, value in vars(true_run).items()})


def verdicts(case: Case) -> dict[str, Verdict]:
    """Return the verdict of each check, and under "" that of all."""
    found = judged(case)
    return {each.name: each.verdict for each in found} | {"": verdict_of(found)}


def test_a_true_run_passes_every_check(model: Model) -> None:
    case = model.case()
    assert [name for name, verdict in verdicts(case).items() if verdict is not Verdict.PASS] == []
    assert steady.sha256(steady.expected(case)) == steady.sha256(steady.found(case))


def test_the_oracle_has_nothing_against_the_true_run(model: Model) -> None:
    books = model.case().books
    assert books is not None
    assert findings(books) == []


@pytest.mark.parametrize(("plant", "check"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_what_is_planted_is_found(model: Model, plant: Plant, check: str) -> None:
    plant(model)
    found = verdicts(model.case())
    assert found[check] is found[""] is Verdict.FAIL


@pytest.mark.parametrize(
    ("told", "check"),
    [
        ({"allowed": ["delete_entry"]}, "I13"),
        ({"audit": ["entry_chain"]}, "I13"),
        ({"unrest": ["7 records wait to be applied"]}, "I15"),
        ({"findings": ["lost: offset 3 of partition 0 has no answer"]}, "oracle"),
        ({"audit": ["lane_counters"]}, "audit"),
        ({"alarms": ["worker-1: error: the books are older than Kafka"]}, "processes"),
    ],
)
def test_what_others_find_fails_the_run(model: Model, told: dict[str, Any], check: str) -> None:
    assert verdicts(model.case(**told))[check] is Verdict.FAIL


@pytest.mark.parametrize("missing", READ)
def test_what_could_not_be_read_is_unknown_and_no_pass(model: Model, missing: str) -> None:
    case = model.case(**{missing: None})
    needing = {check.name for check in CHECKS if missing in check.needs}
    assert needing
    assert {name for name, verdict in verdicts(case).items() if verdict is Verdict.UNKNOWN} == needing | {""}


@pytest.mark.parametrize("never", SOMETIMES)
def test_what_had_to_happen_and_did_not_is_unknown(model: Model, never: str) -> None:
    found = verdicts(model.case(sometimes=dict.fromkeys(SOMETIMES, 1) | {never: 0}))
    assert found["I17"] is found[""] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "sort", ["transfer.reverse", "settlement.capture", "settlement.refund", "hold.adjust", "reuse"]
)
def test_an_order_that_publishing_itself_has_turned_is_unknown(model: Model, sort: str) -> None:
    depending = (n for n, each in enumerate(model.published) if each.item.sort == sort and each.item.steady)
    index = next(depending)
    model.published[index] = replace(model.published[index], place=(0, -1))
    assert verdicts(model.case())["as_without_faults"] is Verdict.UNKNOWN


def test_a_run_shows_everything_that_it_must_be_told_once() -> None:
    model = model_run(9, 5_000)
    told = told_of(model.events)
    assert tuple(told) == TOLD
    assert min(told.values()) > 1, told
    assert set(told_of([]).values()) == {0}


def test_a_failure_outweighs_what_is_unknown(model: Model) -> None:
    case = model.case(results=None, alarms=["worker-1: Traceback"])
    assert verdicts(case)[""] is Verdict.FAIL
    assert verdict_of([]) is Verdict.UNKNOWN
