"""The bench of expenses while something fails: the service comes back by itself, and what users felt is told."""

import json
from typing import Any

import pytest

from partita.bench.expenses_drills import Outage, felt
from partita.bench.expenses_reading import Seen
from partita.bench.found import Unmeasured
from partita.cli.bench import _require_of_expenses
from processor.errors import NotPrepared
from tests.conftest import needs_processes

from .conftest import Door


@needs_processes
def test_expenses_are_read_and_applied_again_after_postgresql_was_stopped_and_a_consumer_killed(door: Door) -> None:
    done = door("bench", "expenses", "--while", "failover", "--seconds", "2", "--commands", "1200", "--json")

    assert done.returncode == 0, done.stderr
    assert "worker-1 ended (SIGKILL)" in done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert (line["drill"], line["reports"], line["writes"]["commands"]) == ("failover", {}, 19)
    assert 0 < line["availability"] < 1
    assert line["felt"]["out_s"] > 0


@pytest.mark.parametrize(
    "option", [{"scale": True}, {"seconds": 2.0}, {"drill": "failover"}], ids=lambda option: next(iter(option))
)
def test_what_only_expenses_have_is_refused_for_other_benches(option: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"scale": False, "seconds": None, "drill": None}
    with pytest.raises(NotPrepared):
        _require_of_expenses("pipeline", **(nothing | option))
    _require_of_expenses("expenses", **(nothing | option))


def seen(*reads: tuple[float, bool]) -> list[Seen]:
    """Return reads by when they were due and whether they were answered."""
    return [
        Seen(kind="feed", due_at=due_at, seconds=0.1, waited_s=0.0, server_s=0.0, answered=answered)
        for due_at, answered in reads
    ]


def test_an_outage_lasts_for_reads_until_the_last_that_failed_and_for_commands_until_the_next_answer() -> None:
    outage = Outage(struck_at=10, healed_at=13)
    found = felt(outage, seen((9, True), (11, False), (14, True), (15, False), (16, True)), heard_at=[9.5, 13.5, 14])
    assert (found.out_s, found.reads_back_s, found.answers_back_s) == (3, 2, 0.5)
    assert felt(outage, seen((11, False), (14, True)), heard_at=[13.5]).reads_back_s == 0


@pytest.mark.parametrize(
    ("reads", "heard_at"), [([(11, False), (14, True)], [12.0]), ([(11, True), (14, False)], [13.5])]
)
def test_what_does_not_come_back_has_no_figures(reads: list[tuple[float, bool]], heard_at: list[float]) -> None:
    with pytest.raises(Unmeasured):
        felt(Outage(struck_at=10, healed_at=13), seen(*reads), heard_at)
