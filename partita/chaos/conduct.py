"""A run from its start to its case: warm-up, faults, heal, drain, final reads.

Promise   Every fault that was seen to strike is counted and healed; what was not seen is told as missed. The required
          ones strike however short the run is.
Cost      The main phase, which slow recoveries may lengthen, and half a minute around it; checks take a tenth of it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from contracts.specs import LEDGER
from partita.chaos.case import Case
from partita.chaos.faults import struck
from partita.chaos.hearing import FENCED, RESOLVED, Hearing
from partita.chaos.history import History
from partita.chaos.missed import Missed
from partita.chaos.plan import Blow, Track, Window, plan
from partita.chaos.reads import Reads, read_all
from partita.chaos.scene import Scene, scene
from partita.chaos.sender import Sender
from partita.chaos.stream import Stream
from partita.chaos.topic_checks import resent
from partita.chaos.variety import told_of
from partita.settings import Settings
from partita.status import last_stable_offsets
from partita.workers import Say
from processor.database import DATABASE_ILL
from processor.errors import PartitaError

SETTLED_S: Final = 60.0  # I15
OLD_S: Final = 30.0
OPENING_RATE: Final = 2_000.0
WARM_UP_S: Final = 1.5
WATCH_S: Final = 0.5
DAY_S: Final = 5.0
LOOK_S: Final = 0.1
KILLED, CANNOT_START = -9, 2

OnPhase = Callable[[str, float, float], None]
"""Takes a phase's name, how much of it is done, and how much there is."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run, and who is told."""

    seed: int
    main_s: float
    folder: Path
    settings: Settings
    on_phase: OnPhase
    say: Say


@dataclass(kw_only=True)
class Course:
    """What happened: faults by kind, seconds to recover, the longest wait of an event for its publication."""

    faults: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    outbox_lag_s: float = 0.0
    unrest: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The case, and what the report says beside it."""

    case: Case
    course: Course
    hearing: Hearing
    seconds: float


async def conduct(order: Order) -> Outcome:
    """Run everything in *order* on a fresh system."""
    began = time.monotonic()
    with _open(order.folder) as (history, hearing):
        async with scene(order.settings, hearing, seed=order.seed, say=order.say) as at:
            run = _Run(order, at, history)
            async with run.sender.connected():
                await run.warm_up()
                await run.main(plan(order.seed, order.main_s))
                await run.drain()
            reads = await read_all(
                at, order.folder, say=order.say, on_read=lambda done, total: order.on_phase("final reads", done, total)
            )
            alarms = [*hearing.alarms, *_strange_ends(at)]
    case = Case(
        published=list(run.sender.sent.published.values()),
        movements=run.stream.movements,
        unrest=run.course.unrest,
        alarms=alarms,
        sometimes=_sometimes(reads, hearing),
        **vars(reads),
    )
    return Outcome(case=case, course=run.course, hearing=hearing, seconds=time.monotonic() - began)


@contextmanager
def _open(folder: Path) -> Iterator[tuple[History, Hearing]]:
    with History(folder) as history, (folder / "roles.log").open("w", encoding="utf-8") as log:
        yield history, Hearing(log)


def _strange_ends(at: Scene) -> list[str]:
    """Return the ends of processes that were neither killed nor unable to start; what those said is heard."""
    return [f"{name} ended with {code}" for name, code in at.crew.ends if code not in (KILLED, CANNOT_START)]


def _sometimes(reads: Reads, hearing: Hearing) -> Mapping[str, int]:
    return {
        **told_of(reads.books.events if reads.books else ()),
        "fenced": hearing.said[FENCED],
        "retries": hearing.retries["40P01"] + hearing.retries["40001"],
        "unknown_commits_resolved": hearing.said[RESOLVED],
        "resent": resent(reads.results or []),
    }


class _Run:
    """The phases of one run."""

    def __init__(self, order: Order, at: Scene, history: History) -> None:
        self.stream = Stream(order.seed)
        self.sender = Sender(at.system.app, history)
        self.course = Course()
        self._order = order
        self._at = at
        self._history = history
        self._stop = asyncio.Event()

    async def warm_up(self) -> None:
        """Have everything there that a run begins with, each part answered before the next."""
        self._order.on_phase("warm-up", 0, 1)
        await self._at.begin_the_first_day()
        for part in self.stream.opening():
            await self.sender.send(part, self._stop, rate=OPENING_RATE)
            if await self._at.caught_up(self.sender.sent.ends, SETTLED_S) is None:
                raise PartitaError("The system does not answer before anything has struck; see roles.log.")
        self._order.on_phase("warm-up", 1, 1)

    async def main(self, windows: list[Window]) -> None:
        """Let the plan strike while records are published."""
        async with asyncio.TaskGroup() as beside:
            sending = beside.create_task(self.sender.send(self.stream.records(), self._stop))
            watching = [beside.create_task(each) for each in (self._watch(), self._let_days_pass())]
            await asyncio.sleep(WARM_UP_S)
            began, planned_s = time.monotonic(), 0.0
            for window in windows:
                await self._window(window)
                planned_s += window.length_s
                self._order.on_phase("faults", min(planned_s, self._order.main_s), self._order.main_s)
                if not window.required:  # what a recovery has cost is made up for by quiet time
                    await asyncio.sleep(max(began + planned_s - time.monotonic(), 0))
            self._stop.set()
            self._order.on_phase("heal", 0, 1)
            await sending
            for each in watching:
                each.cancel()
            self._order.on_phase("heal", 1, 1)

    async def _window(self, window: Window) -> None:
        self._history.note("window", length_s=window.length_s, kinds=[blow.kind for blow in window.blows])
        async with asyncio.TaskGroup() as tracks:
            for track in window.tracks:
                tracks.create_task(self._track(track))
        if window.tracks:
            await self._recovered([blow.kind for blow in window.blows])

    async def _track(self, track: Track) -> None:
        for blow in track:
            await asyncio.sleep(blow.after_s)
            try:
                await self._blow(blow)
            except Missed as missed:
                self.course.missed.append(f"{blow.kind}: {missed}")
                self._history.note("missed", kind=blow.kind, why=str(missed))

    async def _blow(self, blow: Blow) -> None:
        self._history.note("strikes", kind=blow.kind, seed=blow.seed)
        async with struck(self._at, blow):
            self.course.faults[blow.kind] += 1
            self._history.note("struck", kind=blow.kind, hold_s=blow.hold_s)
            await asyncio.sleep(blow.hold_s)
        self._history.note("healed", kind=blow.kind)

    async def _recovered(self, kinds: list[str]) -> None:
        """Wait until all that was taken by now is applied, and note how long that took."""
        spent_s = await self._at.caught_up(dict(self.sender.sent.ends), SETTLED_S)
        self._history.note("recovered", kinds=kinds, seconds=spent_s)
        if spent_s is None:
            self.course.slow.append(f"{SETTLED_S:g} s after {', '.join(kinds)} records still waited")
        else:
            self.course.recovery_s.append(spent_s)

    async def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                _, age_s = await self._at.backlog()
            except DATABASE_ILL:
                age_s = 0.0
            self.course.outbox_lag_s = max(self.course.outbox_lag_s, age_s)
            await asyncio.sleep(WATCH_S)

    async def _let_days_pass(self) -> None:
        while not self._stop.is_set():
            await asyncio.sleep(DAY_S)
            try:
                await self._at.skip_a_day()
            except DATABASE_ILL as error:  # then a day is longer
                self._history.note("day", missed=f"{error}")
            else:
                self._history.note("day")

    async def drain(self) -> None:
        """Wait until nothing waits any more, and see that the system is at rest; I15."""
        self._order.on_phase("drain", 0, 1)
        began, unrest = time.monotonic(), ["nothing was looked at"]
        while unrest and time.monotonic() - began < SETTLED_S:
            unrest = await self._unrest()
            await asyncio.sleep(LOOK_S)
        self.course.unrest = [*self.course.slow, *unrest]
        self._history.note("drained", seconds=time.monotonic() - began, unrest=self.course.unrest)
        self._order.on_phase("drain", 1, 1)

    async def _unrest(self) -> list[str]:
        app, topic = self._at.system.app, self._at.system.app.topics.commands(LEDGER)
        try:
            ends = await last_stable_offsets(app.settings.kafka_bootstrap, [topic])
            applied = await self._at.applied()
            waiting, _ = await self._at.backlog()
            unrest = await self._at.unrest(OLD_S)
        except (*DATABASE_ILL, KafkaError, PartitaError) as error:
            return [f"a server does not answer: {error}"]
        lag = sum(max(end - applied.get(place.partition, 0), 0) for place, end in ends.items())
        unrest += [f"{lag} records wait to be applied"] * bool(lag)
        return unrest + [f"{waiting} events wait to be published"] * bool(waiting)
