"""``partita up``: the whole system on this machine, until Ctrl-C."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from partita import roles
from partita.app import App
from partita.cli.files import writable, write_whole
from partita.settings import load_settings
from partita.whole import Plan, Whole, whole
from partita.workers import WorkersFailed
from processor.errors import NotPrepared

NO = 1
LATER_ROLES = ("api",)
ROLES = (*roles.ROLES, *LATER_ROLES)


async def up(
    *,
    env_file: Path | None = None,
    data: Path | None = None,
    partitions: Annotated[int | None, Parameter(validator=Number(gte=1, lte=1000))] = None,
    workers: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1,
    without: Annotated[list[str] | None, Parameter(negative=())] = None,
    context: Annotated[list[str] | None, Parameter(negative=())] = None,
) -> int:
    """Runs a whole system on this machine until Ctrl-C.

    Kafka and PostgreSQL come from the first that works: an address in the
    environment, Docker, local processes. The schema and the topics are made,
    and every role runs as a process of its own; one that dies is started
    again.

    For example:
        partita up

        partita up --data ~/books --env-file partita.env --workers 2

    Parameters
    ----------
    env_file:
        is written when all of it is ready, with the addresses that the other
        doors need, and removed at the end
    data:
        keeps the data here; without it everything is temporary
    partitions:
        of each topic (default: PARTITA_PARTITIONS, 8)
    workers:
        how many consumer processes
    without:
        leaves a role out; may be given several times
    context:
        only this context, its topics and its roles; may be given several times
    """
    if unknown := [role for role in without or () if role not in ROLES]:
        raise NotPrepared(f"There is no role {unknown[0]}; choose from {', '.join(ROLES)}.")
    settings = load_settings()
    if partitions:
        settings = settings.model_copy(update={"partitions": partitions})
    env_file = writable(env_file, option="--env-file") if env_file else None
    App(settings=settings).limited_to(context or [])  # a name that is none is told before anything starts
    plan = Plan(settings=settings, contexts=context or (), workers=workers, without=without or (), data_dir=data)
    try:
        await _run(plan, env_file)
    except WorkersFailed as error:
        _say(f"error: {error}")
    return NO


async def _run(plan: Plan, env_file: Path | None) -> None:
    async with whole(plan, say=_say) as running:
        _introduce(running)
        await running.manned()
        with _written(env_file, running.addresses):
            _say("ready; Ctrl-C ends it")
            await running.ends()


def _introduce(running: Whole) -> None:
    for service in running.stack.services:
        _say(f"{service.name} at {_public(service.address)} from {service.origin} ({service.why})")
    for topic in running.topics:
        _say(f"topic {topic.name}: {'made' if topic.made else 'was there'}, {topic.partitions} partitions")
    for name, process in running.crew.processes.items():
        _say(f"{name}: process {process.pid}")


def _public(address: str) -> str:
    """Return *address* without its password."""
    before, at, after = address.rpartition("@")
    scheme, _, user = before.partition("://")
    return f"{scheme}://{user.partition(':')[0]}@{after}" if at else address


@contextmanager
def _written(env_file: Path | None, addresses: Mapping[str, str]) -> Iterator[None]:
    """Keep *env_file* there, whole from its first moment, as long as the block lasts."""
    if env_file is None:
        yield
        return
    lines = "".join(f"{key}={shlex.quote(value)}\n" for key, value in addresses.items())
    write_whole(env_file, lines, option="--env-file")
    try:
        yield
    finally:
        env_file.unlink(missing_ok=True)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
