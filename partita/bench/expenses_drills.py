"""What befalls the system while it is read and written, and what of that its users feel.

Invariant Whatever is struck is healed in the middle of the run, and nothing but the program brings the service back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from partita.app import App
from partita.bench.expenses_reading import Seen
from partita.bench.found import Say, Unmeasured
from partita.chaos.proxy import Proxy
from partita.local.stack import LocalStack
from partita.settings import Settings
from partita.whole import Between, Plan, Whole, whole

DEGRADED: Final = "degraded"
FAILOVER: Final = "failover"
DELAY_S: Final = 0.02  # each way
SILENT_S: Final = 10.0
SILENT_PART: Final = 3  # at most a third of a run
LONGER_S: Final = 60.0  # after its end a run goes on for so long until the service is back
BACK: Final = 50  # reads answered in a row
DEATHS_MAX: Final = 10_000  # a role that finds no database ends, and is started again


@dataclass(frozen=True, kw_only=True)
class Stand:
    """A system with its books and without roles yet; reads come to them by *readers*, through *way* if there is one."""

    system: Whole
    plan: Plan
    way: Proxy | None

    @property
    def readers(self) -> App:
        """Return the program as reads have it."""
        settings = self.system.app.settings
        if self.way is None:
            return self.system.app
        url = SecretStr(self.way.url(settings.database_url.get_secret_value()))
        return App(settings=settings.model_copy(update={"database_url": url}), contexts=self.system.app.contexts)

    async def man(self, workers: int) -> None:
        """Let the roles begin, and wait until they are at work."""
        for number in range(workers):
            await self.system.crew.join(self.plan.worker(number + 1))
        await self.system.crew.join(self.plan.relay("relay"))
        await self.system.manned()


@asynccontextmanager
async def stand(settings: Settings, context: str, drill: str, say: Say) -> AsyncIterator[Stand]:
    """Start what *drill* needs, with roles for *context*; without one nothing stands before the database."""
    if drill == FAILOVER:
        settings = settings.model_copy(update={"local": "process"})  # it has to be stopped
    ways: list[Proxy] = []
    roles = ("consumer", "relay", "scheduler")
    plan = Plan(
        settings=settings,
        contexts=[context],
        without=roles,
        fresh=True,
        quiet=True,
        deaths_max=DEATHS_MAX if drill else 5,
    )
    async with whole(plan, say=say, between=_by(ways) if drill == DEGRADED else None) as system:
        yield Stand(system=system, plan=plan, way=ways[0] if ways else None)


def _by(ways: list[Proxy]) -> Between:
    @asynccontextmanager
    async def between(stack: LocalStack) -> AsyncIterator[Mapping[str, str]]:
        there = urlsplit(stack.database_url)
        async with Proxy(str(there.hostname), there.port or 0) as way:
            ways.append(way)
            yield {"PARTITA_DATABASE_URL": way.url(stack.database_url)}

    return between


@dataclass(frozen=True, kw_only=True)
class Outage:
    """When something was struck, and when it was whole again; by the monotonic clock."""

    struck_at: float
    healed_at: float


async def degrade(at: Stand, began: float, seconds: float) -> Outage:
    """Lengthen the way to PostgreSQL, and let nothing through for a while in the middle."""
    assert at.way is not None, "there is a proxy"
    silent_s = min(SILENT_S, seconds / SILENT_PART)
    at.way.delay_s = DELAY_S
    await _until(began + (seconds - silent_s) / 2)
    struck_at = time.monotonic()
    at.way.black_hole()
    await _until(struck_at + silent_s)
    at.way.heal()
    at.way.delay_s = DELAY_S
    return Outage(struck_at=struck_at, healed_at=time.monotonic())


async def fail_over(at: Stand, began: float, seconds: float) -> Outage:
    """Stop PostgreSQL at once and start it again, and kill a consumer meanwhile, whose crew starts it again."""
    postgres = at.system.stack.postgres
    assert postgres is not None, "local processes were asked for"
    await _until(began + seconds / 2)
    struck_at = time.monotonic()
    await asyncio.to_thread(postgres.stop_immediately)
    at.system.crew.processes[at.plan.worker(1).name].kill()
    await asyncio.to_thread(postgres.start)
    return Outage(struck_at=struck_at, healed_at=time.monotonic())


async def _until(instant: float) -> None:
    await asyncio.sleep(max(instant - time.monotonic(), 0))


DRILLS: Final[Mapping[str, Callable[[Stand, float, float], Coroutine[Any, Any, Outage]]]] = {
    DEGRADED: degrade,
    FAILOVER: fail_over,
}


@dataclass(frozen=True, kw_only=True)
class Felt:
    """What users felt: the outage itself, and how much longer reads failed and commands had no answers."""

    out_s: float
    reads_back_s: float
    answers_back_s: float

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return {"out_s": self.out_s, "reads_back_s": self.reads_back_s, "answers_back_s": self.answers_back_s}


def is_back(drill: "asyncio.Task[Outage]", seen: Sequence[Seen]) -> bool:
    """Say whether what *drill* has struck is whole again, and the last reads were answered."""
    last = seen[-BACK:]
    return drill.done() and all(each.answered and each.due_at > drill.result().healed_at for each in last)


def felt(outage: Outage, seen: Sequence[Seen], heard_at: Sequence[float]) -> Felt:
    """Return what came of *outage*.

    Raises:
        Unmeasured: The service did not come back within the run.
    """
    failed = [each.due_at for each in seen if not each.answered]
    back_at = max([outage.healed_at, *failed])
    answered_again = [instant for instant in heard_at if instant > outage.healed_at]
    if not answered_again or not any(each.answered and each.due_at >= back_at for each in seen):
        raise Unmeasured(f"{LONGER_S:g} s after the end of the run the service was not back.")
    return Felt(
        out_s=outage.healed_at - outage.struck_at,
        reads_back_s=back_at - outage.healed_at,
        answers_back_s=answered_again[0] - outage.healed_at,
    )
