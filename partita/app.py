"""The composition root: which contexts there are, which roles, and what each is built of.

Everything concrete is put together here and nowhere else. Tests build the same ``App`` with their own settings and
contexts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.catalog import Catalog, Topics
from partita.settings import Settings
from processor.database import Connection, Database, Timeouts, connect
from processor.engine.context import Context
from processor.engine.jobs import Calendar
from processor.engine.lanes import wake_relay
from processor.errors import NotPrepared
from processor.expenses.context import EXPENSES
from processor.ledger.bank import Bank, limits_of
from processor.ledger.context import LEDGER
from processor.ledger.jobs import jobs_of
from processor.ledger.lending import CarryOver
from processor.ledger.store import LedgerStore
from processor.migrate import require_current
from producers.kafka import require_topics
from producers.relay import Relay
from producers.scheduling.scheduler import Scheduler

CONTEXTS: Final[tuple[Context[Any], ...]] = (LEDGER, EXPENSES)


@dataclass(frozen=True, kw_only=True)
class App:
    """The program with its settings; *contexts* are what it works on."""

    settings: Settings
    contexts: Sequence[Context[Any]] = CONTEXTS
    wakes: dict[str, asyncio.Event] = field(default_factory=dict)  # relays that run in this process, by context

    @property
    def topics(self) -> Topics:
        """Return the names of all topics."""
        return Topics(prefix=self.settings.topic_prefix)

    @property
    def catalog(self) -> Catalog:
        """Return everything that may be said to the contexts."""
        return Catalog((spec for context in self.contexts for spec in context.own_specs), topics=self.topics)

    @property
    def calendar(self) -> Calendar:
        """Return the bank's days and months."""
        return Calendar(zone=ZoneInfo(self.settings.timezone))

    @property
    def timeouts(self) -> Timeouts:
        """Return how long a session waits."""
        return Timeouts(
            lock_s=self.settings.lock_timeout_s,
            statement_s=self.settings.statement_timeout_s,
            blocker_s=self.settings.blocker_timeout_s,
        )

    def database(self, role: str) -> Database:
        """Return a session of its own for *role*."""
        return Database(self.settings.database_url.get_secret_value(), role=role, timeouts=self.timeouts)

    async def connect(self, role: str) -> Connection:
        """Open a connection for one errand."""
        return await connect(self.settings.database_url.get_secret_value(), role=role, timeouts=self.timeouts)

    def set_up(self, context: Context[Any]) -> Context[Any]:
        """Return *context* as this installation has it."""
        return _set_up(context, self.settings)

    def limited_to(self, names: Sequence[str]) -> "App":
        """Return the same program for only some of its contexts.

        Raises:
            NotPrepared: There is no such context.
        """
        known = {context.name: context for context in self.contexts}
        if unknown := [name for name in names if name not in known]:
            raise NotPrepared(f"There is no context {unknown[0]}; choose from {', '.join(known)}.")
        return App(settings=self.settings, contexts=[known[name] for name in names] if names else self.contexts)


def import_roles(names: Collection[str]) -> None:
    """Import what these roles need and no door does, before anybody waits for them: FastStream takes half a second."""
    if "consumer" in names:
        import_module("consumers.loop")


async def run_consumer(app: App, stop: asyncio.Event) -> None:
    """Apply commands until *stop*."""
    from consumers.loop import LoopSettings, consume  # noqa: PLC0415 - see ``import_roles``

    settings = app.settings
    await consume(
        LoopSettings(
            bootstrap=settings.kafka_bootstrap,
            database_url=settings.database_url.get_secret_value(),
            topics=app.topics,
            batch_size_max=settings.batch_size_max,
            session_timeout_ms=settings.session_timeout_ms,
            instance=settings.instance,
            fingerprint_key=settings.fingerprint_key.get_secret_value().encode(),
            timeouts=app.timeouts,
        ),
        [app.set_up(context) for context in app.contexts],
        stop=stop,
        on_committed={context.name: _waking(app, context.name) for context in app.contexts},
    )


def _set_up(context: Context[Any], settings: Settings) -> Context[Any]:
    """Return *context* as this installation has it: the ledger is that of its bank."""
    if type(context.store) is not LedgerStore:
        return context
    bank = Bank(
        zone=ZoneInfo(settings.timezone),
        secret=settings.fingerprint_key.get_secret_value().encode(),
        advance_limits=limits_of(settings.advance_limits),
        carry_over=CarryOver(settings.advance_carry_over),
        hot_months=settings.hot_months,
    )
    return replace(context, store=LedgerStore(bank), jobs=jobs_of(bank))


async def run_relay(app: App, stop: asyncio.Event) -> None:
    """Publish events until *stop*.

    Raises:
        NotPrepared: A topic to publish on is missing.
    """
    names = [
        name for each in app.contexts for name in (app.topics.results(each.name), app.topics.dead_letters(each.name))
    ]
    await require_topics(app.settings.kafka_bootstrap, names)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as relays:
        for context in app.contexts:
            relay = Relay(
                database=await stack.enter_async_context(app.database(f"relay {context.name}")),
                bootstrap=app.settings.kafka_bootstrap,
                topics=app.topics,
                context=context.name,
                page_size=app.settings.relay_page_size,
                wake=app.wakes.get(context.name),
            )
            relays.create_task(relay.run(stop))


async def run_scheduler(app: App, stop: asyncio.Event) -> None:
    """Publish what time asks for until *stop*.

    Raises:
        NotPrepared: A topic to publish on is missing.
    """
    await require_topics(app.settings.kafka_bootstrap, [app.topics.commands(each.name) for each in app.contexts])
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as schedulers:
        for context in app.contexts:
            scheduler = Scheduler(
                database=await stack.enter_async_context(app.database(f"scheduler {context.name}")),
                workshop=await stack.enter_async_context(app.database(f"chores {context.name}")),
                bootstrap=app.settings.kafka_bootstrap,
                topics=app.topics,
                context=app.set_up(context),
                calendar=app.calendar,
                in_flight_max=app.settings.scheduler_in_flight_max,
            )
            schedulers.create_task(scheduler.run(stop))


Role = Callable[[App, asyncio.Event], Awaitable[None]]
ROLES: Final[Mapping[str, Role]] = {"consumer": run_consumer, "relay": run_relay, "scheduler": run_scheduler}


async def run_roles(app: App, names: Sequence[str], stop: asyncio.Event) -> None:
    """Run the named roles side by side in this process until *stop*; the first that fails ends them all.

    Raises:
        NotPrepared: There is no such role, or the database is not at this version.
    """
    if unknown := [name for name in names if name not in ROLES]:
        raise NotPrepared(f"There is no role {unknown[0]}; choose from {', '.join(ROLES)}.")
    connection = await app.connect("start")
    try:
        await require_current(connection)
    finally:
        await connection.close()
    if "relay" in names:
        app.wakes.update({context.name: asyncio.Event() for context in app.contexts})
    await _together([ROLES[name](app, stop) for name in names], stop)


async def _together(roles: Sequence[Awaitable[None]], stop: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(role) for role in roles]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _waking(app: App, context: str) -> Callable[[Database], Awaitable[None]]:
    """Return how the relay of *context* is woken: by an event in this process, else by the database."""
    if (wake := app.wakes.get(context)) is not None:
        return partial(_set, wake)
    return partial(_notify, context)


async def _set(wake: asyncio.Event, _database: Database) -> None:
    wake.set()


async def _notify(context: str, database: Database) -> None:
    await wake_relay(await database.connection(), context)
