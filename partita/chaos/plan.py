"""The plan of a run: which faults strike when, drawn from a seed before anything starts.

Promise   The same seed and length give the same plan. What ``REQUIRED`` names strikes in every run, first of all; then
          every other kind has its turn before one comes again. A quarter of the windows after that are quiet.
Invariant Kinds of different areas strike at the same time, kinds of one area one after another, and a kind that needs
          the rest to be well strikes alone.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

QUIET_NEXT: Final = 1 / 3  # of the windows after a busy one; a quarter of all, since two are never quiet in a row
KINDS_MAX: Final = 4  # in one window
BLOW_EVERY_S: Final = 8.0  # a kind strikes again in a window that is longer
BLOWS_MAX: Final = 4
SOON_S: Final = 0.5
LONG_S: Final = 90.0  # from here on windows grow with the run
SHORTEST_S, LONGEST_S = (4.0, 20.0), (8.0, 60.0)


class Area(StrEnum):
    """What a fault befalls."""

    WORKERS = "workers"
    RELAY = "relay"
    POSTGRES = "postgres"
    KAFKA = "kafka"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fault. *hold_s* is the shortest and the longest time from its strike to its end."""

    area: Area
    hold_s: tuple[float, float] = (0.0, 0.0)
    alone: bool = False


W, R, P, K = Area.WORKERS, Area.RELAY, Area.POSTGRES, Area.KAFKA

KINDS: Final[Mapping[str, Kind]] = {
    "worker_killed": Kind(area=W),
    "worker_killed_fetched": Kind(area=W),
    "worker_killed_copying": Kind(area=W),
    "worker_killed_saved": Kind(area=W),
    "worker_killed_committed": Kind(area=W),
    "worker_frozen_briefly": Kind(area=W, hold_s=(1.0, 4.0)),
    "worker_frozen_for_long": Kind(area=W, hold_s=(7.0, 10.0)),  # longer than a session lasts
    "worker_frozen_fetched": Kind(area=W, hold_s=(7.0, 10.0)),
    "worker_frozen_saved": Kind(area=W, hold_s=(4.0, 9.0)),
    "worker_frozen_copying": Kind(area=W, hold_s=(4.0, 9.0)),
    "worker_joins": Kind(area=W, hold_s=(2.0, 8.0)),
    "worker_leaves": Kind(area=W, hold_s=(2.0, 8.0)),
    "offsets_moved_back": Kind(area=W, alone=True),
    "offsets_moved_forward": Kind(area=W, alone=True),
    "group_deleted": Kind(area=W, alone=True),
    "relay_killed": Kind(area=R),
    "relay_killed_read": Kind(area=R),
    "relay_killed_sent": Kind(area=R),
    "relay_frozen": Kind(area=R, hold_s=(1.0, 6.0)),
    "second_relay": Kind(area=R, hold_s=(2.0, 8.0)),
    "relay_changes": Kind(area=R, hold_s=(2.0, 6.0)),
    "postgres_stopped": Kind(area=P, hold_s=(0.0, 4.0)),
    "postgres_killed": Kind(area=P, hold_s=(0.0, 4.0)),
    "session_terminated": Kind(area=P),
    "commit_unanswered": Kind(area=P, alone=True),
    "commit_cut": Kind(area=P, alone=True),
    "postgres_black_hole": Kind(area=P, hold_s=(1.0, 12.0)),
    "postgres_slow": Kind(area=P, hold_s=(2.0, 8.0)),
    "postgres_reset": Kind(area=P),
    "deadlock": Kind(area=P, alone=True),
    "serialization_failure": Kind(area=P, alone=True),
    "kafka_killed": Kind(area=K),
    "kafka_stopped": Kind(area=K),
    "kafka_away": Kind(area=K, hold_s=(3.0, 10.0)),
    "kafka_slow": Kind(area=K, hold_s=(2.0, 8.0)),
    "kafka_black_hole": Kind(area=K, hold_s=(1.0, 12.0)),
    "kafka_reset": Kind(area=K),
    "kafka_cut": Kind(area=K),
}
REQUIRED: Final = (
    *("commit_unanswered", "deadlock", "serialization_failure", "worker_killed_saved"),
    "relay_killed_sent",
)


@dataclass(frozen=True, kw_only=True)
class Blow:
    """One strike: so long after the one before it on its track, for so long, and with this seed for what it chooses."""

    kind: str
    after_s: float
    hold_s: float
    seed: int


Track = tuple[Blow, ...]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A span of the run: its tracks run at the same time. A quiet one has none."""

    length_s: float
    tracks: tuple[Track, ...] = ()
    required: bool = False

    @property
    def blows(self) -> list[Blow]:
        """Return all strikes."""
        return [blow for track in self.tracks for blow in track]


def plan(seed: int, main_s: float) -> list[Window]:
    """Return the windows of a run whose main phase lasts *main_s*: the required ones, and enough to fill the rest."""
    dice = random.Random(f"plan {seed}")  # noqa: S311 - it has to be the same again
    length_s = _lengths(main_s)
    required = dice.sample(REQUIRED, len(REQUIRED))
    windows = [
        Window(length_s=SHORTEST_S[0], tracks=((_blow(dice, kind, SOON_S),),), required=True) for kind in required
    ]
    deck = _deck(dice)
    left_s = main_s - sum(window.length_s for window in windows)
    while left_s > 0:
        quiet = bool(windows[-1].tracks) and dice.random() < QUIET_NEXT
        drawn_s = dice.uniform(*length_s)
        windows.append(Window(length_s=drawn_s) if quiet else _window(dice, drawn_s, deck))
        left_s -= windows[-1].length_s
    return windows


def _lengths(main_s: float) -> tuple[float, float]:
    """Return how short and how long windows are: 4 to 8 s in a minute, 20 to 60 s in ten."""
    part = min(max((main_s - LONG_S) / (600.0 - LONG_S), 0.0), 1.0)
    shortest, longest = (low + (high - low) * part for low, high in (SHORTEST_S, LONGEST_S))
    return shortest, longest


def _deck(dice: random.Random) -> Iterator[str]:
    """Yield kinds without end, each once before any comes again."""
    while True:
        yield from dice.sample(list(KINDS), len(KINDS))


def _window(dice: random.Random, length_s: float, deck: Iterator[str]) -> Window:
    first = next(deck)
    if KINDS[first].alone:
        return Window(length_s=length_s, tracks=(_track(dice, [first], length_s),))
    kinds = [first, *(next(deck) for _ in range(dice.randrange(KINDS_MAX)))]
    areas: dict[Area, list[str]] = {}
    for kind in kinds:
        areas.setdefault(KINDS[kind].area, []).append(kind)
    alone = [kind for kind in kinds if KINDS[kind].alone]
    if alone:  # then all of them one after another
        return Window(length_s=length_s, tracks=(_track(dice, kinds, length_s),))
    return Window(length_s=length_s, tracks=tuple(_track(dice, each, length_s) for each in areas.values()))


def _track(dice: random.Random, kinds: Sequence[str], length_s: float) -> Track:
    times = min(max(round(length_s / BLOW_EVERY_S / len(kinds)), 1), BLOWS_MAX)
    blows = list(kinds) * times
    return tuple(_blow(dice, kind, length_s / 2 / len(blows)) for kind in blows)


def _blow(dice: random.Random, kind: str, latest_s: float) -> Blow:
    after_s, hold_s = dice.uniform(SOON_S / 2, latest_s), dice.uniform(*KINDS[kind].hold_s)
    return Blow(kind=kind, after_s=round(after_s, 3), hold_s=round(hold_s, 3), seed=dice.getrandbits(32))
