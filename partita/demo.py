"""The demonstration: a fresh system, the sample through it, and the proof that its books are right.

Promise   ``verdict`` is yes only if every command of the sample was answered, none is dead, and every check holds.
Cost      4 s to start on two cores, 10 s for the sample, 3 s for the audit.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.envelope import Command
from partita.exchange import Exchange, exchange
from partita.proof import proof
from partita.sample import paysim
from partita.tally import Pace, Tally
from partita.whole import Whole
from processor.engine.audit import AuditReport

IN_FLIGHT_MAX: Final = 6_000  # more would only wait longer

OnStage = Callable[[str, float, float], None]
"""Takes a stage's name, how much of it is done, and how much there is."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the sample that is answered before the next begins."""

    name: str
    commands: Callable[[], Iterable[Command]]
    total: int


STAGES: Final = (
    Stage(name="accounts opened", commands=paysim.opening, total=paysim.ACCOUNTS),
    Stage(name="first deposits", commands=paysim.deposits, total=paysim.DEPOSITS),
    Stage(name="movements", commands=paysim.commands, total=paysim.MOVEMENTS),
)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What came of it. ``first_command_at`` is a reading of ``time.perf_counter``."""

    stages: Sequence[tuple[Stage, Tally]]
    audit: AuditReport
    first_command_at: float

    @property
    def answers(self) -> Counter[str]:
        """Return how many commands were applied, by the type of the event."""
        return sum((tally.answers for _, tally in self.stages), Counter())

    @property
    def refused(self) -> Counter[str]:
        """Return how many commands were refused, by code."""
        return sum((tally.refused for _, tally in self.stages), Counter())

    @property
    def verdict(self) -> bool:
        """Say whether everything is as it should be."""
        return self.audit.holds and all(
            tally.is_complete and tally.published == stage.total for stage, tally in self.stages
        )


async def demonstrate(system: Whole, on_stage: OnStage) -> Summary:
    """Send the sample through *system*, stage by stage, and audit its books."""
    clock = FirstCommand()
    async with exchange(system.app) as market:
        stages = [(stage, await _play(market, stage, clock, on_stage)) for stage in STAGES]
    connection = await system.app.connect("audit")
    try:
        report = await proof(system.app, connection, on_progress=lambda _, done, total: on_stage("audit", done, total))
    finally:
        await connection.close()
    return Summary(stages=stages, audit=report, first_command_at=clock.at)


async def _play(market: Exchange, stage: Stage, clock: "FirstCommand", on_stage: OnStage) -> Tally:
    return await market.run(
        clock.seen(stage.commands()),
        pace=Pace(in_flight_max=IN_FLIGHT_MAX),
        on_progress=lambda tally: on_stage(stage.name, tally.answered, stage.total),
    )


class FirstCommand:
    """Notes when the first command was handed over."""

    at = 0.0

    def seen(self, commands: Iterable[Command]) -> Iterator[Command]:
        """Yield *commands*."""
        for command in commands:
            self.at = self.at or time.perf_counter()
            yield command
