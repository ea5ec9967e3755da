"""The roles: what each process of a system does, built of the contexts in ``partita.app``.

Invariant A role works on those contexts of its program that it is for; where there are none it waits for the end.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from typing import Final

from contracts.envelope import Command
from partita.app import App
from processor.database import Database
from processor.engine.lanes import wake_relay
from processor.errors import NotPrepared
from processor.migrate import require_current
from processor.objects import Locations, Objects
from producers.commands import CommandPublisher
from producers.kafka import require_topics
from producers.relay import Relay
from producers.scheduling.scheduler import Scheduler

Role = Callable[[App, asyncio.Event], Awaitable[None]]


def import_roles(names: Collection[str]) -> None:
    """Import what these roles need and no door does, before anybody waits for them: FastStream takes half a second."""
    if "consumer" in names:
        import_module("consumers.loop")
    for name in {"exports", "imports"}.intersection(names):
        import_module(f"consumers.{name}")


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
    contexts = app.contexts_for("scheduler")
    await require_topics(app.settings.kafka_bootstrap, [app.topics.commands(each.name) for each in contexts])
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as schedulers:
        for context in contexts:
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


async def run_exports(app: App, stop: asyncio.Event) -> None:
    """Write exports until *stop*."""
    from consumers.exports import ExportSettings, export  # noqa: PLC0415 - see ``import_roles``

    settings = app.settings
    await export(
        ExportSettings(
            database_url=settings.database_url.get_secret_value(),
            catalog=app.catalog,
            objects_url=settings.objects_url,
            holder=_holder(app),
            part_bytes=round(settings.export_part_mb * 2**20),
            lease_s=settings.job_lease_s,
            attempts_max=settings.job_attempts_max,
            timeouts=app.timeouts,
        ),
        {kind.name: kind for kind in app.export_kinds},
        stop,
    )


async def run_imports(app: App, stop: asyncio.Event) -> None:
    """Import files of activity until *stop*, those too that appear where they are watched for."""
    from consumers.import_files import FileLimits  # noqa: PLC0415 - see ``import_roles``
    from consumers.imports import ImportSettings, import_activity  # noqa: PLC0415 - likewise
    from consumers.watching import WatchSettings, watch  # noqa: PLC0415 - likewise
    from processor.activity.lines import LineLimits  # noqa: PLC0415 - likewise

    settings, objects = app.settings, Objects.at(app.settings.objects_url)
    importing = ImportSettings(
        database_url=settings.database_url.get_secret_value(),
        catalog=app.catalog,
        locations=Locations(objects, [each for each in settings.import_locations.split(",") if each]),
        holder=_holder(app),
        limits=FileLimits(
            file_bytes_max=settings.import_file_gb_max * 2**30,
            ratio_max=settings.import_ratio_max,
            lines=LineLimits(line_bytes_max=settings.import_line_kb_max * 2**10),
        ),
        lease_s=settings.job_lease_s,
        attempts_max=settings.job_attempts_max,
        timeouts=app.timeouts,
    )
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        tasks.create_task(import_activity(importing, stop))
        if settings.import_watch:
            publisher = await stack.enter_async_context(
                CommandPublisher(settings.kafka_bootstrap, catalog=app.catalog, topics=app.topics)
            )
            watched = WatchSettings(
                place=settings.import_watch, objects=objects, database=app.database, publish=_published_by(publisher)
            )
            tasks.create_task(watch(watched, stop))


def _published_by(publisher: CommandPublisher) -> Callable[[Command], Awaitable[None]]:
    async def publish(command: Command) -> None:
        await (await publisher.publish(command))

    return publish


def _holder(app: App) -> str:
    """Return a name for this process that no other has."""
    return f"{app.settings.instance or socket.gethostname()} {os.getpid()}"


ROLES: Final[Mapping[str, Role]] = {
    "consumer": run_consumer,
    "relay": run_relay,
    "scheduler": run_scheduler,
    "exports": run_exports,
    "imports": run_imports,
}


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
    await _together([_role(app, name)(app, stop) for name in names], stop)


def _role(app: App, name: str) -> Role:
    """Return the role of this *name*; one without work in the contexts of *app* waits for the end."""
    return ROLES[name] if app.contexts_for(name) else _idle


async def _idle(_app: App, stop: asyncio.Event) -> None:
    await stop.wait()


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
