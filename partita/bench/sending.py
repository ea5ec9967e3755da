"""Loads through one whole system: sent, answered, timed, and the CPU of every process counted.

Promise   A run counts only if every command of it was applied: refusals are cheaper, and would flatter.
Bound     ``IN_FLIGHT_MAX`` unanswered commands; the load is sustained, not a backlog.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from contracts.envelope import Command
from contracts.specs import LEDGER
from partita.bench import load, meters
from partita.bench.found import Burnt, OnPart, Order, Say, Unmeasured
from partita.exchange import Exchange, exchange
from partita.settings import load_settings
from partita.tally import Pace, Tally
from partita.whole import Plan, Whole, whole

IN_FLIGHT_MAX: Final = 12_000
PARTITIONS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Run:
    """A load that was answered."""

    tally: Tally
    burnt: Burnt

    @property
    def rate(self) -> float:
        """Return commands per second, from the first sent to the last answered."""
        return self.tally.answered / self.tally.seconds

    def ms(self, fraction: float) -> float:
        """Return the milliseconds that so many of the commands were answered within."""
        return self.tally.latencies.quantile(fraction) * 1000


class Sender:
    """Sends loads through *system*; *on_part* is told how far each is. A part may be sent in several runs."""

    def __init__(self, system: Whole, market: Exchange, on_part: OnPart) -> None:
        self.system = system
        self.accounts = 0  # that are open
        self._market = market
        self._on_part = on_part

    async def send(
        self, part: str, stream: Iterable[Command], number: int, *, rate: float = 0.0, before: int = 0, total: int = 0
    ) -> Run:
        """Send *number* commands, of the *total* of a part of which so many were sent *before*, at *rate* per second.

        Raises:
            Unmeasured: One was not answered, was refused, or is dead.
            WorkersFailed: Roles die again and again.
        """
        pace = Pace(in_flight_max=IN_FLIGHT_MAX, rate=rate)
        started = meters.cpu_seconds(meters.pids_of(self.system))
        run = self._market.run(
            stream, pace=pace, on_progress=lambda tally: self._on_part(part, before + tally.answered, total or number)
        )
        tally = await _unless_failed(self.system, run)
        ended = meters.cpu_seconds(meters.pids_of(self.system))
        _require_applied(part, tally)
        return Run(tally=tally, burnt=Burnt(seconds=meters.spent(started, ended), commands=number))

    async def fill(self, accounts: int, **said: Any) -> None:
        """Open so many accounts, as *said*, and pay money in."""
        self.accounts = accounts
        await self.send("accounts", load.openings(accounts, **said), accounts)
        await self.send("deposits", load.deposits(accounts), accounts)


async def _unless_failed(system: Whole, run: Coroutine[Any, Any, Tally]) -> Tally:
    """Return what *run* comes to, unless the roles of *system* fail meanwhile."""
    running = asyncio.create_task(run)
    ends: list[asyncio.Future[Any]] = [running, system.crew.failed]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if system.crew.failed.done():
            system.crew.failed.result()
        return await running
    finally:
        running.cancel()


@asynccontextmanager
async def fresh_system(
    workers: int, say: Say, *, without: Collection[str] = ("scheduler",), context: str = LEDGER
) -> AsyncIterator[Whole]:
    """Start a system of one context that nothing else uses, with every role but some; nothing of it is left."""
    settings = load_settings().model_copy(update={"partitions": PARTITIONS, "topic_prefix": ""})
    plan = Plan(settings=settings, contexts=[context], workers=workers, without=without, fresh=True, quiet=True)
    async with whole(plan, say=say) as system:
        await system.manned()
        yield system


@asynccontextmanager
async def fresh_sender(order: Order) -> AsyncIterator[Sender]:
    """Start the system that *order* asks for, its accounts open and with money on them, and connect a sender."""
    accounts = min(load.ACCOUNTS, order.commands)
    async with (
        fresh_system(order.workers, order.say) as system,
        sender(system, order.on_part, accounts=accounts) as ready,
    ):
        yield ready


@asynccontextmanager
async def sender(
    system: Whole, on_part: OnPart, *, accounts: int = load.ACCOUNTS, **said: Any
) -> AsyncIterator[Sender]:
    """Connect a sender, whose *accounts* are open, as *said*, and have money on them."""
    async with exchange(system.app) as market:
        ready = Sender(system, market, on_part)
        await ready.fill(accounts, **said)
        yield ready


def _require_applied(part: str, tally: Tally) -> None:
    if not tally.is_complete or tally.refused:
        missing = tally.published - tally.answered
        refused = tally.refused.total()
        raise Unmeasured(f"{part}: {missing} commands were not answered, {refused} refused, {tally.dead} are dead.")
