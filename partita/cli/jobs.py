"""``partita jobs``: what time asks for, when it was done, and one job by hand."""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

from cyclopts import App as Doors
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from contracts.envelope import moment_text
from partita.app import WORKERS, App
from partita.cli.books import session
from partita.jobs import JobState, run_by_hand, states
from partita.settings import load_settings
from processor.jobs import Standing, latest_jobs
from processor.telemetry import set_up_logging

jobs = Doors(
    name="jobs",
    help="""Shows what time asks for, and runs a job by hand.

Of each job: when it ran last, when its next period begins, and how much is
due now. What is due and was said is due until it is applied. A scheduler does
all of it; `partita jobs run` does one job once, without it or beside it.

Below that stand imports and exports: those that wait or run, and the latest.

For example:
    partita jobs --json
""",
    help_epilogue="",
)


@jobs.default
async def show(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> None:
    """Shows what is due.

    Parameters
    ----------
    as_json:
        one JSON object instead of a table
    """
    app = App(settings=load_settings())
    async with session(app, "jobs") as connection:
        found = await states(app, connection)
        bulk = [
            (role, each) for role, name in WORKERS.items() for each in await latest_jobs(connection, name, limit=20)
        ]
    if as_json:
        shown = [_bulk_as_object(role, each) for role, each in bulk]
        print(json.dumps({"jobs": [_as_object(each) for each in found], "bulk": shown}))
        return
    Console().print(_table(found))
    if bulk:
        Console().print(_bulk_table(bulk))


@jobs.command
async def run(
    name: str,
    *,
    date: date | None = None,
    context: str = "",
) -> None:
    """Runs one job once: publishes the commands for what is due.

    The commands have the ids that a scheduler gives them, so running it beside
    one, or twice, does no harm. What was refused is said again at once.

    For example:
        partita jobs run interest-accrual --date 2026-11-20

    Parameters
    ----------
    name:
        the job
    date:
        as if that day of the bank were about to end; left out, as of now
    context:
        the job's context; left out, the one that has it
    """
    set_up_logging(level="WARNING")
    app = App(settings=load_settings())
    async with session(app, "jobs") as connection:
        done = await run_by_hand(app, connection, context=context, name=name, day=date)
    print(json.dumps({"job": name, "as_of": moment_text(done.as_of), "done": done.done}))


def _as_object(state: JobState) -> dict[str, object]:
    return {name: moment_text(each) if isinstance(each, datetime) else each for name, each in asdict(state).items()}


def _table(found: list[JobState]) -> Table:
    table = Table(title="Jobs")
    for name in ("context", "job"):
        table.add_column(name)
    for name in ("last run", "next period", "due", "done", "missed"):
        table.add_column(name, justify="right")
    for each in found:
        last = "never" if each.last_run_at is None else f"{each.last_run_at:%Y-%m-%d %H:%M:%S}"
        due = f"{each.due}{' or more' if each.due_or_more else ''}"
        following = f"{each.next_period_at:%Y-%m-%d %H:%M}"
        table.add_row(each.context, each.job, last, following, due, str(each.done), str(each.missed))
    return table


def _bulk_as_object(role: str, job: Standing) -> dict[str, object]:
    return {
        "role": role,
        "id": job.job_id,
        "kind": job.kind,
        "state": job.state.name,
        "attempt": job.attempt,
        "progress": json.loads(job.progress),
        "created_at": moment_text(job.created_at),
        "ended_at": None if job.ended_at is None else moment_text(job.ended_at),
    }


def _bulk_table(bulk: list[tuple[str, Standing]]) -> Table:
    table = Table(title="Imports and exports")
    for name in ("role", "id", "kind", "state", "since", "so far"):
        table.add_column(name)
    for role, job in bulk:
        since = f"{job.ended_at or job.created_at:%Y-%m-%d %H:%M:%S}"
        numbers = {name: each for name, each in json.loads(job.progress).items() if isinstance(each, int)}
        so_far = ", ".join(f"{each:,} {name}" for name, each in numbers.items())
        table.add_row(role, job.job_id, job.kind, job.state.name, since, so_far)
    return table
