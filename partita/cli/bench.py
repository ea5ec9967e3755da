"""``partita bench``: figures, each beside its yardstick, and two commits side by side."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from partita.bench import (
    accrual,
    cold,
    engine,
    expenses,
    exports,
    growth,
    holds,
    hot,
    imports,
    latency,
    parse,
    pipeline,
    report,
    steady,
    workers,
)
from partita.bench.compare import ROUNDS, compare
from partita.bench.found import Found, Order
from partita.bench.yardstick import PAIRS
from partita.cli.display import Stages, progress
from partita.cli.garbage import settle_garbage
from processor.errors import NotPrepared

Name = Literal[
    "engine",
    "pipeline",
    "latency",
    "hot",
    "holds",
    "accrual",
    "growth",
    "cold",
    "report",
    "workers",
    "steady",
    "parse",
    "expenses",
    "import",
    "export",
]
Drill = Literal["degraded", "failover"]

Scale = Annotated[
    bool, Parameter(negative=(), help="25,000 users in place of 2,500 (expenses alone); takes 60 GB of disk")
]
Seconds = Annotated[
    float | None, Parameter(validator=Number(gte=1, lte=3600), help="how long is read (expenses alone; 30)")
]
While = Annotated[
    Drill | None,
    Parameter(
        name="--while",
        help="what fails in the middle (expenses alone): the way to PostgreSQL is longer, and silent for ten seconds; "
        "or PostgreSQL is stopped at once and started again, and a consumer killed",
    ),
]

Measure = Callable[[Order], Awaitable[Found]]
Asked = Mapping[str, Any]  # by option: what was given, or None

# Each with the number of commands that keeps it busy for one to three minutes.
BENCHES: Final[Mapping[Name, tuple[Measure, int]]] = {
    "engine": (engine.measure, 300_000),
    "pipeline": (pipeline.measure, 400_000),
    "latency": (latency.measure, 200_000),
    "hot": (hot.measure, 240_000),
    "holds": (holds.measure, 240_000),
    "accrual": (accrual.measure, 600_000),
    "growth": (growth.measure, 1_000_000),
    "cold": (cold.measure, 400_000),
    "report": (report.measure, 100_000),
    "workers": (workers.measure, 180_000),
    "steady": (steady.measure, 4_000_000),
    "parse": (parse.measure, 20_000),
    "expenses": (expenses.measure, 3_000_000),
    "import": (imports.measure, 5_000_000),
    "export": (exports.measure, 600_000),
}


async def bench(
    name: Name,
    *,
    commands: Annotated[int | None, Parameter(validator=Number(gte=1000))] = None,
    workers: Annotated[int | None, Parameter(validator=Number(gte=1, lte=64))] = None,
    pairs: Annotated[int | None, Parameter(validator=Number(gte=1, lte=100))] = None,
    scale: Scale = False,
    seconds: Seconds = None,
    meanwhile: While = None,
    against: str = "",
    rounds: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = ROUNDS,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measures: the whole way on a fresh local stack, or one part of it alone.

    engine: batches into PostgreSQL without Kafka, in turn with pgbench's TPC-B.
    pipeline: command produced to result consumed, in turn with pgbench.
    latency: the same at 10 %, 50 % and 80 % of the peak.
    hot: nine of ten debits on one account, against accounts chosen evenly.
    holds: holds and their captures, against transfers.
    accrual: a day of interest on 100,000 accounts, against transfers.
    growth: 100,000 transfers on grown books, against the first of fresh ones.
    cold: the longest batch while old months move to cold storage.
    report: its pages while transfers go on, and without them.
    workers: 1, 2 and one consumer process per core.
    steady: four fifths of the peak for ten minutes, and what grows meanwhile.
    parse: what it costs to understand a record. No server is needed.
    expenses: 100 reads a second of a year of expenses, while commands are applied.
    import: lines of merchant activity, in turn with COPY of them into a bare table.
    export: five years of revenue as CSV, in turn with psql.

    Keep the machine quiet meanwhile: load slows pgbench more than it slows us.

    For example:
        partita bench growth --commands 10000000 --json | tail -1

        partita bench engine --against HEAD~3

    Parameters
    ----------
    name:
        what to measure
    commands:
        how many in all (without it, enough for one to three minutes)
    workers:
        how many consumer processes, where there are any (1)
    pairs:
        how many readings of pgbench (5), or of fresh books beside grown ones (3)
    against:
        a git revision to measure beside this one, in turn
    rounds:
        how often each of the two is measured then
    as_json:
        the last line is one JSON object
    """
    settle_garbage()
    _require_of_expenses(name, scale=scale, seconds=seconds, drill=meanwhile)
    commands = expenses.SCALE if scale else commands
    asked = {"commands": commands, "workers": workers, "pairs": pairs, "seconds": seconds, "while": meanwhile}
    _show(name, await _found(name, asked, against, rounds), as_json=as_json)


async def _found(name: Name, asked: Asked, against: str, rounds: int) -> Found:
    console = Console(stderr=True)
    with progress(console) as bars:
        stages = Stages(bars, console)
        return await (_compared(name, asked, against, rounds, stages) if against else _measured(name, asked, stages))


async def _measured(name: Name, asked: Asked, stages: Stages) -> Found:
    measure, usual = BENCHES[name]
    order = Order(
        commands=asked["commands"] or usual,
        workers=asked["workers"] or 1,
        pairs=asked["pairs"] or PAIRS,
        on_part=stages.show,
        say=stages.say,
        seconds=asked["seconds"] or 0.0,
        drill=asked["while"] or "",
    )
    return await measure(order)


def _require_of_expenses(name: Name, *, scale: bool, seconds: float | None, drill: Drill | None) -> None:
    if name != "expenses" and (scale or seconds is not None or drill is not None):
        raise NotPrepared("--scale, --seconds and --while are for the bench expenses; leave them out.")


async def _compared(name: Name, asked: Asked, against: str, rounds: int, stages: Stages) -> Found:
    options = [f"--{option}={value}" for option, value in asked.items() if value is not None]
    return await compare(name, against=against, options=options, rounds=rounds, on_part=stages.show, say=stages.say)


def _show(name: str, found: Found, *, as_json: bool) -> None:
    table = Table(name, title="Bench")
    table.add_column("figure", justify="right")
    for row in found.figures():
        table.add_row(*row)
    Console(stderr=as_json).print(table)
    if as_json:
        print(json.dumps(found.line()))
