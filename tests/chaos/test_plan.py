"""The plan of a run: the same from the same seed, the required faults in every one, each kind in its turn."""

from collections import Counter
from itertools import chain, pairwise

import pytest

from partita.chaos.faults import FAULTS
from partita.chaos.plan import KINDS, REQUIRED, Window, plan
from processor.faults import POINTS

TEN_MINUTES_S = 600.0
SEEDS = range(50)


def test_a_seed_and_a_length_make_one_plan() -> None:
    assert plan(1, 60.0) == plan(1, 60.0)
    assert plan(1, 60.0) != plan(2, 60.0)


@pytest.mark.parametrize("main_s", [1.0, 30.0, TEN_MINUTES_S])
def test_what_must_strike_strikes_first_however_short_the_run(main_s: float) -> None:
    for seed in SEEDS:
        first = plan(seed, main_s)[: len(REQUIRED)]
        assert sorted(blow.kind for window in first for blow in window.blows) == sorted(REQUIRED)
        assert all(window.required for window in first)


def test_windows_fill_the_run_and_grow_with_it() -> None:
    for seed in SEEDS:
        short, long = plan(seed, 60.0), plan(seed, TEN_MINUTES_S)
        assert sum(window.length_s for window in short) >= 60.0
        assert sum(window.length_s for window in long) >= TEN_MINUTES_S
        assert all(4.0 <= window.length_s <= 8.0 for window in short)
        assert all(20.0 <= window.length_s <= 60.0 for window in long if not window.required)


def test_about_a_quarter_of_the_windows_is_quiet() -> None:
    drawn = [window for seed in SEEDS for window in plan(seed, TEN_MINUTES_S) if not window.required]
    assert 0.2 < sum(not window.tracks for window in drawn) / len(drawn) < 0.3


def test_two_windows_are_never_quiet_in_a_row() -> None:
    for seed in SEEDS:
        assert all(one.tracks or other.tracks for one, other in pairwise(plan(seed, TEN_MINUTES_S)))


def test_every_kind_strikes_before_one_comes_again() -> None:
    turns = [kind for window in plan(3, 10 * TEN_MINUTES_S) if not window.required for kind in kinds(window)]
    first = turns[: len(KINDS)]
    assert sorted(first) == sorted(KINDS)


def kinds(window: Window) -> list[str]:
    """Return the kinds of *window*, each once, in any order."""
    return list(dict.fromkeys(blow.kind for blow in window.blows))


def test_faults_of_one_area_never_meet_and_some_meet_nobody() -> None:
    for window in chain.from_iterable(plan(seed, TEN_MINUTES_S) for seed in SEEDS):
        areas = Counter(area for track in window.tracks for area in {KINDS[blow.kind].area for blow in track})
        if any(KINDS[blow.kind].alone for blow in window.blows):
            assert len(window.tracks) == 1
        else:
            assert max(areas.values(), default=0) <= 1


def test_a_fault_lasts_as_long_as_its_kind_may() -> None:
    for blow in chain.from_iterable(window.blows for seed in SEEDS for window in plan(seed, TEN_MINUTES_S)):
        shortest, longest = KINDS[blow.kind].hold_s
        assert shortest <= blow.hold_s <= longest


def test_every_kind_has_its_fault_and_every_point_of_the_roles_a_kind() -> None:
    assert FAULTS.keys() == KINDS.keys()
    named = "".join(KINDS)
    # Nothing is too large here, nobody replays, exports or imports, and the sender says what time asks for.
    of_roles = set(POINTS) - {"parked", "replay_sent", "scheduled", "part_stored", "manifest_stored", "export_ended"}
    of_roles -= {"chunk_merged", "chunk_committed"}
    assert {point for point in of_roles if f"_{point.removeprefix('relay_')}" not in named} == set()
