"""The running system that faults befall: a fresh local stack, proxies before both servers, workers and a relay.

Promise   Roles reach Kafka and PostgreSQL by the proxies alone, the harness itself by the servers' own addresses.
Invariant Servers are processes of ours, whatever addresses the environment has: they have to be stopped and killed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg

from contracts.specs import LEDGER
from partita.chaos.hearing import Hearing
from partita.chaos.population import FIRST_DAY
from partita.chaos.proxy import CommitWatch, Proxy
from partita.local.kafka_process import KafkaProcess
from partita.local.ports import LOOPBACK, free_ports
from partita.local.postgres_process import PostgresProcess
from partita.local.stack import LocalStack
from partita.settings import Settings
from partita.whole import Between, Plan, Whole, whole
from partita.workers import Crew, Say
from processor.database import DATABASE_ILL, named_queries

if TYPE_CHECKING:
    Session = asyncpg.Connection[asyncpg.Record]
else:
    Session = asyncpg.Connection

PARTITIONS: Final = 4
WORKERS: Final = 2
DEATHS_MAX: Final = 10_000
LOOK_S: Final = 0.1
CONNECT_S: Final = 5.0

# Times are shorter than by default, so that what a fault costs is spent on more faults. The oracle has these terms of
# advances, whatever the environment says.
OF_ROLES: Final = {
    "PARTITA_LOG_LEVEL": "INFO",
    "PARTITA_LOG_JSON": "true",
    "PARTITA_BATCH_SIZE_MAX": "500",
    "PARTITA_RELAY_PAGE_SIZE": "200",
    "PARTITA_LOCK_TIMEOUT_S": "3",
    "PARTITA_BLOCKER_TIMEOUT_S": "3",
    "PARTITA_STATEMENT_TIMEOUT_S": "4",
    "PARTITA_SESSION_TIMEOUT_MS": "6000",
    "PARTITA_ADVANCE_LIMITS": "",
    "PARTITA_ADVANCE_CARRY_OVER": "next",
}

_SQL = named_queries("partita.chaos", "scene.sql")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that can be struck, looked at and listened to."""

    system: Whole
    plan: Plan
    hearing: Hearing
    kafka_way: Proxy
    postgres_way: Proxy

    @property
    def crew(self) -> Crew:
        """Return the roles' processes."""
        return self.system.crew

    @property
    def kafka(self) -> KafkaProcess:
        """Return the broker."""
        assert self.system.stack.kafka is not None, "it is a process of ours"
        return self.system.stack.kafka

    @property
    def postgres(self) -> PostgresProcess:
        """Return the database server."""
        assert self.system.stack.postgres is not None, "it is a process of ours"
        return self.system.stack.postgres

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a session that no role and no rule of the program knows."""
        settings = {"application_name": "chaos"}
        connection = await asyncpg.connect(self.postgres.url, timeout=CONNECT_S, server_settings=settings)
        try:
            yield connection
        finally:
            await connection.close(timeout=CONNECT_S)

    async def applied(self) -> dict[int, int]:
        """Return how far each partition has been applied."""
        async with self.session() as session:
            return {row["partition"]: row["next_offset"] for row in await session.fetch(_SQL["lanes"], LEDGER)}

    async def backlog(self) -> tuple[int, float]:
        """Return how many events wait to be published, and for how many seconds the oldest has."""
        async with self.session() as session:
            row = await session.fetchrow(_SQL["backlog"], LEDGER)
            assert row is not None, "an aggregate has a row"
            return row["events"], row["age_s"]

    async def begin_the_first_day(self) -> None:
        """Let the bank's clock stand at the beginning of the first day of every run."""
        async with self.session() as session:
            await session.execute(_SQL["begin_the_first_day"], datetime.combine(FIRST_DAY, time(), UTC))

    async def skip_a_day(self) -> None:
        """Move the bank's clock on by a day."""
        async with self.session() as session:
            await session.execute(_SQL["skip_a_day"])

    async def caught_up(self, ends: Mapping[int, int], within_s: float) -> float | None:
        """Wait until every lane has passed *ends*, and return the seconds; None if that takes longer."""
        began = monotonic()
        while (spent_s := monotonic() - began) < within_s:
            if await self._passed(ends):
                return spent_s
            await asyncio.sleep(LOOK_S)
        return None

    async def _passed(self, ends: Mapping[int, int]) -> bool:
        try:
            applied = await self.applied()
        except DATABASE_ILL:
            return False
        return all(applied.get(partition, 0) >= end for partition, end in ends.items())

    async def unrest(self, transaction_s: float) -> list[str]:
        """Return what a system at rest has not: old transactions, sessions of the dead, locks without a holder."""
        found: list[str] = []
        async with self.session() as session:
            rows = await session.fetch(_SQL["old_transactions"], transaction_s)
            found += [f"session {row['pid']} of {row['application_name']} is in an old transaction" for row in rows]
            sessions = {row["name"]: row["sessions"] for row in await session.fetch(_SQL["sessions"])}
            holders = [row["application_name"] for row in await session.fetch(_SQL["advisory_locks"])]
        for role in ("consumer", "relay"):
            wanted, name = sum(role in post.roles for post in self.crew.posts), f"partita {role} {LEDGER}"
            if sessions.get(name, 0) != wanted:
                found.append(f"{wanted} processes, but {sessions.get(name, 0)} sessions of {name}")
        if holders != [f"partita relay {LEDGER}"]:
            found.append(f"advisory locks are held by {holders}")
        return found


@asynccontextmanager
async def scene(settings: Settings, hearing: Hearing, *, seed: int, say: Say) -> AsyncIterator[Scene]:
    """Run the whole system with proxies for as long as the block lasts."""
    (port,) = free_ports(1)
    plan = Plan(
        settings=settings.model_copy(update={"partitions": PARTITIONS, "topic_prefix": "", "local": "process"}),
        contexts=[LEDGER],  # another would only take processor time
        workers=WORKERS,
        without=("scheduler",),  # what is published is the sender's alone
        fresh=True,
        of_roles=OF_ROLES,
        kafka_proxy_port=port,
        deaths_max=DEATHS_MAX,
    )
    ways: list[Proxy] = []
    async with whole(plan, say=say, heard=hearing.hear, between=_proxied(port, seed, ways.append)) as system:
        kafka_way, postgres_way = ways
        at = Scene(system=system, plan=plan, hearing=hearing, kafka_way=kafka_way, postgres_way=postgres_way)
        await system.manned()
        yield at


def _proxied(port: int, seed: int, opened: Callable[[Proxy], None]) -> Between:
    @asynccontextmanager
    async def between(stack: LocalStack) -> AsyncIterator[Mapping[str, str]]:
        assert stack.kafka is not None, "local processes were asked for"
        there = urlsplit(stack.database_url)
        kafka = Proxy(LOOPBACK, stack.kafka.proxied_port, listen=port, seed=seed)
        postgres = Proxy(str(there.hostname), there.port or 0, watch=CommitWatch, seed=seed)
        async with kafka, postgres:
            opened(kafka)
            opened(postgres)
            yield {
                "PARTITA_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{kafka.port}",
                "PARTITA_DATABASE_URL": postgres.url(stack.database_url),
            }

    return between
