"""Decide: every command of a batch in memory, one after another, each seeing the effect of those before it.

Invariant Partitions are taken in order, and within one the order is that of its offsets. Whoever replays the events by
          (instant, partition, seq) meets the decisions as they were taken.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Generic

from msgspec import UNSET

from contracts.headers import NOTHING
from processor.engine.batch import Ask, Garbled
from processor.engine.context import Context, W
from processor.engine.decision import Applied, Decision, Stamp
from processor.engine.events import Answer, Telling
from processor.engine.failures import describe, undecidable
from processor.engine.lanes import Lane
from processor.moments import microseconds
from processor.telemetry import CounterName, count, frames, logger

_log = logger(__name__)
_SLICE: Final = 100
_TICK: Final = timedelta(microseconds=1)
_POSTGRES_EPOCH_UNIX_US: Final = 946_684_800_000_000
NO_ENDS: Final[Mapping[bytes, Answer]] = MappingProxyType({})


def decision_instant(clock: datetime, lanes: Sequence[Lane], last_changed_at: datetime | None) -> datetime:
    """Return the instant of a batch: never before its lanes' last, and after every change it decides on."""
    candidates = [clock, *(lane.decided_at for lane in lanes)]
    if last_changed_at is not None:
        candidates.append(last_changed_at + _TICK)
    return max(candidates)


class Decider(Generic[W]):
    """Takes the decisions of one batch, at one instant, in one world."""

    def __init__(
        self,
        context: Context[W],
        world: W,
        answers: dict[bytes, Answer],
        instant: datetime,
        *,
        ends: Mapping[bytes, Answer] = NO_ENDS,
    ) -> None:
        self._context = context
        self._world = world
        self._answers = answers
        self._ends = ends
        self._instant = instant
        self._instant_us = microseconds(instant)
        self._counted: Counter[CounterName] = Counter()
        self._alarming: list[Ask] = []
        self.telling = Telling(context.name, context.catalog, instant)

    def run(self, lanes: Sequence[Lane]) -> Iterator[bytes]:
        """Decide everything that *lanes* hold, and yield what is told of it as rows, some decisions at a time."""
        for lane in lanes:
            for start in range(0, len(lane.items), _SLICE):
                self._decide(lane, lane.items[start : start + _SLICE])
                yield from self.telling.take()

    def _decide(self, lane: Lane, items: Sequence[Ask | Garbled]) -> None:
        for item in items:
            if item.said is not NOTHING:
                self._counted["header_mismatches"] += item.header_mismatch
            if isinstance(item, Ask):
                self._ask(lane, item)
            else:
                self._dead(lane, item)

    def count(self) -> None:
        """Count what was decided, once it is committed, and warn of what somebody has to hear of."""
        for name, by in self._counted.items():
            count(name, by)
        for ask in self._alarming:
            what = {"context": self._context.name, "key": ask.key, "command_id": ask.command.command_id}
            _log.warning("an answer is an alarm", command_type=ask.command_type, **what)

    def _ask(self, lane: Lane, ask: Ask) -> None:
        if ask.wrong_key:
            self._counted["wrong_keys"] += 1
        if (answer := self._answers.get(ask.command_id)) is None:
            self._fresh(lane, ask)
        elif answer.fingerprint == ask.fingerprint:
            self.telling.repeat(lane, ask, answer)
            if (end := self._ends.get(ask.command_id)) is not None:
                self.telling.repeat_end(lane, ask, end)
            self._counted["repeats"] += 1
        else:
            self.telling.reuse(lane, ask, answer, self._context.catalog.specs[ask.command_type].rejected)

    def _fresh(self, lane: Lane, ask: Ask) -> None:
        command = ask.command
        try:
            decision: Decision = self._context.rules[type(command)](self._world, command, self._instant)
        except Exception as error:  # noqa: BLE001 - a bug in one rule costs its command, not the batch
            what = {"error": describe(error), "at": frames(error)}
            _log.error("a rule failed", command_type=ask.command_type, command_id=command.command_id, **what)
            self._dead(lane, undecidable(ask, error))
            return
        seq = lane.number()
        self._world.apply(command, decision, self._stamp(lane, seq, ask))
        if isinstance(decision, Applied):
            event, extras = decision.event, decision.extras
            if (alarm := self._context.alarms.get(type(event))) is not None:
                self._counted[alarm] += 1
                self._alarming.append(ask)
        else:
            rejected = self._context.catalog.specs[ask.command_type].rejected
            event, extras = rejected.of(command, decision.refusal, decision.details), ()
        self._answers[ask.command_id] = self.telling.answer(lane, seq, ask, event)
        for extra in extras:
            self.telling.further(lane, ask, extra)

    def _stamp(self, lane: Lane, seq: int, ask: Ask) -> Stamp:
        requested_at = ask.command.requested_at
        initiated_us = (
            ask.record.timestamp_ms * 1000 - _POSTGRES_EPOCH_UNIX_US
            if requested_at is UNSET
            else microseconds(requested_at)
        )
        return Stamp(lane.lane_no, seq, self._instant, self._instant_us, initiated_us)

    def _dead(self, lane: Lane, garbled: Garbled) -> None:
        self.telling.dead(lane, garbled)
        self._counted["dead_letters"] += 1
