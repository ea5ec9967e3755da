"""One job after the other, done by a worker process of its own: what the benches of imports and exports share.

Promise   A job counts only if it has completed. How long it took is what the books say: from the answer to its command
          to its end, so that the time until the worker looks is in it.
Invariant Roles begin when the books are there, so a worker's peak of memory is that of its jobs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from contracts.envelope import Command
from partita.bench import meters
from partita.bench.found import Burnt, Order, Unmeasured
from partita.bench.sending import PARTITIONS
from partita.bench.yardstick import STEADY
from partita.settings import load_settings
from partita.whole import Plan, Whole, whole
from processor.database import Connection, named_queries
from processor.jobs import JobState
from producers.commands import CommandPublisher

WORKER: Final = "worker"
LOOK_S: Final = 0.1
STILL_S: Final = 120.0  # a job that comes no further for so long is given up

_SQL = named_queries("partita.bench", "bulk.sql")
_KIB: Final = 1024

OnCome = Callable[[dict[str, Any]], None]
"""Takes how far a job has come, as its worker keeps it."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A job that has completed: in so many *seconds*, with the CPU seconds of each process, and what its end told."""

    seconds: float
    cpu: dict[str, float]
    told: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Rates of what is measured, and of its yardstick right before each; per second."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def rate(self) -> float:
        """Return the rate of what is measured."""
        return median(self.ours)

    @property
    def yardstick(self) -> float:
        """Return the rate of the yardstick."""
        return median(self.theirs)

    @property
    def ratio(self) -> float:
        """Return the one against the other, the median of the pairs."""
        return median(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def are_steady(self) -> bool:
        """Say whether all readings of the yardstick are near each other."""
        return max(self.theirs) - min(self.theirs) <= STEADY * max(self.theirs)

    def line(self) -> dict[str, Any]:
        """Return what scripts are told of the single readings."""
        return {"rates": list(self.ours), "yardsticks": list(self.theirs), "steady": self.are_steady}

    def figures(self, ours: str, theirs: str, *, goal: float = 0.0) -> Iterator[tuple[str, str]]:
        """Yield both readings of each pair, and what they come to; *goal* is what the ratio should be at least."""
        for number, (one, other) in enumerate(zip(self.ours, self.theirs, strict=True), start=1):
            yield f"pair {number}: {ours}/s, {theirs}/s, ratio", f"{one:,.0f}  {other:,.0f}  {one / other:.2f}"
        marks = [f"goal: at least {goal:g}"] if goal else []
        marks += [] if self.are_steady else [f"unsteady: {theirs} differs by more than 25 %"]
        told = f"{self.rate:,.0f}  {self.yardstick:,.0f}  {self.ratio:.2f}"
        about = f" ({'; '.join(marks)})" if marks else ""
        yield f"{ours}/s, {theirs}/s, ratio: medians{about}", told


class Bulk:
    """A system whose only work are jobs; *role* does them, in a process of its own once it is manned."""

    def __init__(self, system: Whole, plan: Plan, role: str, connection: Connection) -> None:
        self.system = system
        self.connection = connection
        self._plan = plan
        self._role = role

    async def man(self, workers: int) -> None:
        """Let the roles begin, and wait until they are at work."""
        for number in range(workers):
            await self.system.crew.join(self._plan.worker(number + 1))
        await self.system.crew.join(self._plan.jobs(WORKER, [self._role]))
        await self.system.manned()

    async def do(self, command: Command, job_id: str, on_come: OnCome) -> Done:
        """Publish *command*, and wait until the job that it begins has completed.

        Raises:
            Unmeasured: It has not, or comes no further.
            WorkersFailed: Roles die again and again.
        """
        app = self.system.app
        before = meters.cpu_seconds(self._pids)
        async with CommandPublisher(app.settings.kafka_bootstrap, catalog=app.catalog, topics=app.topics) as publisher:
            await (await publisher.publish(command))
        row = await self._ended(job_id, on_come)
        told = msgspec.json.decode(row["outcome"])
        if row["state"] != JobState.COMPLETED or row["attempt"] != 1:
            raise Unmeasured(f"{job_id} was to complete at once, and has come to: {told}.")
        cpu = meters.spent(before, meters.cpu_seconds(self._pids))
        return Done(seconds=row["seconds"], cpu=cpu, told=told)

    def peak_mb(self) -> float:
        """Return the most memory that the worker has ever had resident, in MB; 0 where that is not known."""
        status = Path(f"/proc/{self.system.crew.processes[WORKER].pid}/status")
        rows = status.read_text().splitlines() if status.exists() else []
        return sum(int(row.split()[1]) for row in rows if row.startswith("VmHWM:")) * _KIB / 1e6

    @property
    def _pids(self) -> dict[str, int]:
        pids = {WORKER: self.system.crew.processes[WORKER].pid}
        return {**pids, **meters.pids_of_servers(self.system.stack.postgres)}

    async def _ended(self, job_id: str, on_come: OnCome) -> Any:
        """Return the row of a job that has ended."""
        looks, seen = 0, None
        while looks * LOOK_S < STILL_S:
            row = await self.connection.fetchrow(_SQL["job"], job_id)
            if row is not None and row["outcome"] is not None:
                return row
            come = None if row is None else row["progress"]
            if come is not None and come != seen:
                on_come(msgspec.json.decode(come))
            looks, seen = (looks + 1 if come == seen else 0), come
            if self.system.crew.failed.done():
                self.system.crew.failed.result()
            await asyncio.sleep(LOOK_S)
        raise Unmeasured(f"{job_id} comes no further.")


@asynccontextmanager
async def bulk(order: Order, *, context: str, role: str) -> AsyncIterator[Bulk]:
    """Start a system of its own for jobs of one context, with its books and without roles yet."""
    settings = load_settings().model_copy(update={"partitions": PARTITIONS, "topic_prefix": ""})
    without = ("consumer", "relay", "scheduler", "exports", "imports")
    plan = Plan(settings=settings, contexts=[context], without=without, fresh=True, quiet=True)
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(whole(plan, say=order.say))
        connection = await system.app.connect("bench")
        stack.push_async_callback(connection.close)
        yield Bulk(system, plan, role, connection)


def burnt(done: Sequence[Done], units: int) -> Burnt:
    """Return the CPU of all that was *done*, which were so many *units*."""
    names = {name: None for each in done for name in each.cpu}
    return Burnt(seconds={name: sum(each.cpu[name] for each in done) for name in names}, commands=units)
