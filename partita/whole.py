"""The whole system on this machine: local stack, schema, topics and every role, for as long as a block lasts.

Promise   Inside the block commands are answered. After it, however it ends, no process is left.
Cost      3 s on two cores: roles import while the services start.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from partita.app import WORKERS, App
from partita.local.stack import LocalStack
from partita.settings import Settings
from partita.status import is_manned
from partita.topics import TopicState, ensure_topics, wake_coordinator
from partita.workers import DEATHS_MAX, Crew, Post, Say
from processor.errors import NotPrepared
from processor.migrate import migrate

LOOK_AT_SERVERS_S: Final = 0.5
LOOK_AGAIN_S: Final = 0.05
MANNED_WITHIN_S: Final = 60.0

Between = Callable[[LocalStack], AbstractAsyncContextManager[Mapping[str, str]]]
"""What stands between roles and servers while it lasts: the settings by which roles come to them."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run: of all *contexts* unless some are named; *without* leaves roles out.

    Addresses that *settings* were given are used as they are.
    """

    settings: Settings
    contexts: Sequence[str] = ()
    workers: int = 1
    without: Collection[str] = ()
    data_dir: Path | None = None
    fresh: bool = False  # never a service that runs already
    quiet: bool = False  # roles log only what is wrong
    of_roles: Mapping[str, str] = field(default_factory=dict)  # settings that only they have
    kafka_proxy_port: int = 0
    deaths_max: int = DEATHS_MAX

    @property
    def posts(self) -> list[Post]:
        """Return the processes."""
        consumers = 0 if "consumer" in self.without else self.workers
        posts = [self.worker(number + 1) for number in range(consumers)]
        posts += [] if "relay" in self.without else [self.relay("relay")]
        posts += [] if "scheduler" in self.without else [self.scheduler("scheduler")]
        jobs = [
            role
            for role, context in WORKERS.items()
            if role not in self.without and context in (self.contexts or WORKERS.values())
        ]
        return [*posts, self.jobs("jobs", jobs)] if jobs else posts

    def worker(self, number: int) -> Post:
        """Return the post of a consumer."""
        name = f"worker-{number}"
        return self._post(name, "consumer", PARTITA_INSTANCE=name)

    def relay(self, name: str) -> Post:
        """Return the post of a relay."""
        return self._post(name, "relay")

    def scheduler(self, name: str) -> Post:
        """Return the post of a scheduler."""
        return self._post(name, "scheduler")

    def jobs(self, name: str, roles: Sequence[str] = tuple(WORKERS)) -> Post:
        """Return the post of those who work on jobs, in one process; a fresh system watches no folder."""
        return self._post(name, *roles, **({"PARTITA_IMPORT_WATCH": ""} if self.fresh else {}))

    def _post(self, name: str, *roles: str, **settings: str) -> Post:
        settings = {**settings, **self._log, **self.of_roles}
        return Post(name=name, roles=roles, contexts=self.contexts, settings=settings)

    @property
    def _log(self) -> dict[str, str]:
        given = "log_level" in self.settings.model_fields_set
        return {"PARTITA_LOG_LEVEL": "WARNING"} if self.quiet and not given else {}

    def given(self, setting: str) -> str | None:
        """Return the address in *setting* if it was given and may be used."""
        if self.fresh or setting not in self.settings.model_fields_set:
            return None
        value = getattr(self.settings, setting)
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """The running system."""

    app: App
    stack: LocalStack
    crew: Crew
    topics: Sequence[TopicState]

    @property
    def addresses(self) -> dict[str, str]:
        """Return the settings by which every other door finds this system."""
        return addresses(self.app.settings)

    async def manned(self) -> None:
        """Wait until every role is at work.

        Raises:
            WorkersFailed: Processes die again and again.
            NotPrepared: It takes too long.
        """
        ready = asyncio.ensure_future(self._manned())
        try:
            await asyncio.wait({ready, self.crew.failed}, return_when=asyncio.FIRST_COMPLETED)
            if self.crew.failed.done():
                self.crew.failed.result()
        finally:
            ready.cancel()
        await ready

    async def ends(self) -> None:
        """Wait until something that ought to run does not.

        Raises:
            LocalStackError: A server of ours has ended by itself.
            WorkersFailed: Processes die again and again.
        """
        servers = [server for server in (self.stack.kafka, self.stack.postgres) if server is not None]
        while not self.crew.failed.done():
            for server in servers:
                server.require_running()
            await asyncio.wait({self.crew.failed}, timeout=LOOK_AT_SERVERS_S)
        self.crew.failed.result()

    async def _manned(self) -> None:
        roles = [role for post in self.crew.posts for role in post.roles]
        connection = await self.app.connect("up")
        try:
            async with asyncio.timeout(MANNED_WITHIN_S):
                while not await is_manned(self.app, connection, roles):  # noqa: ASYNC110 - no one else would tell
                    await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            raise NotPrepared(f"The roles are not at work after {MANNED_WITHIN_S:g} s; see what they said.") from None
        finally:
            await connection.close()


@asynccontextmanager
async def whole(
    plan: Plan, *, say: Say, heard: Say | None = None, between: Between | None = None
) -> AsyncIterator[Whole]:
    """Start everything in *plan*; the roles may still be joining, see ``Whole.manned``.

    What roles log goes to *heard*, if somebody else than who is told of the start is to have it.
    """
    async with AsyncExitStack() as cleanup:
        crew = await cleanup.enter_async_context(Crew(plan.posts, say=heard or say, deaths_max=plan.deaths_max))
        stack = await cleanup.enter_async_context(_started(_local_stack(plan, say)))
        way = await cleanup.enter_async_context(between(stack)) if between else {}
        cleanup.push_async_callback(crew.stop)  # before the services
        settings = plan.settings.model_copy(
            update={
                "kafka_bootstrap": stack.kafka_bootstrap,
                "database_url": SecretStr(stack.database_url),
                "objects_url": plan.given("objects_url") or str(stack.objects),
            }
        )
        app = App(settings=settings).limited_to(plan.contexts)
        _, topics, _ = await asyncio.gather(_migrated(app), _topics(app), wake_coordinator(stack.kafka_bootstrap))
        # Roles inherit the environment, which may have another prefix than was planned for.
        crew.go({**addresses(settings), "PARTITA_TOPIC_PREFIX": settings.topic_prefix, **way})
        yield Whole(app=app, stack=stack, crew=crew, topics=topics)


def addresses(settings: Settings) -> dict[str, str]:
    """Return, as environment variables, what leads to the services of *settings*."""
    found = {
        "PARTITA_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "PARTITA_DATABASE_URL": settings.database_url.get_secret_value(),
        "PARTITA_OBJECTS_URL": settings.objects_url,
    }
    return found | ({"PARTITA_TOPIC_PREFIX": settings.topic_prefix} if settings.topic_prefix else {})


def _local_stack(plan: Plan, say: Say) -> LocalStack:
    return LocalStack(
        data_dir=plan.data_dir,
        choice=plan.settings.local,
        kafka_bootstrap=plan.given("kafka_bootstrap"),
        database_url=plan.given("database_url"),
        kafka_proxy_port=plan.kafka_proxy_port,
        on_progress=say,
    )


@asynccontextmanager
async def _started(stack: LocalStack) -> AsyncIterator[LocalStack]:
    """Start and end *stack* in a thread; an interrupt meanwhile waits for the start and undoes it."""
    starting = asyncio.ensure_future(asyncio.to_thread(stack.__enter__))
    try:
        yield await asyncio.shield(starting)
    finally:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await asyncio.to_thread(stack.__exit__, None, None, None)


async def _migrated(app: App) -> None:
    connection = await app.connect("migrate")
    try:
        await migrate(connection)
    finally:
        await connection.close()


async def _topics(app: App) -> list[TopicState]:
    return await ensure_topics(
        app.settings.kafka_bootstrap,
        topics=app.topics,
        contexts=[context.name for context in app.contexts],
        partitions=app.settings.partitions,
        replication_factor=app.settings.replication_factor,
    )
