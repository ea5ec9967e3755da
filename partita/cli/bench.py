"""``partita bench``: figures, each beside its yardstick."""

import json
from typing import Annotated, Final, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from partita.bench import parse
from partita.bench.parse import Parsing
from partita.bench.pipeline import Pipeline, measure
from partita.cli.display import Stages, progress, unless_failed
from partita.cli.garbage import settle_garbage
from partita.settings import load_settings
from partita.whole import Plan, whole

PIPED: Final = 100_000
PARSED: Final = 20_000


async def bench(
    name: Literal["pipeline", "parse"],
    *,
    commands: Annotated[int | None, Parameter(validator=Number(gte=1000))] = None,
    workers: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measures: the whole way on a fresh local stack, or one part of it alone.

    pipeline: command produced to result consumed, 8 partitions, transfers
    between 10,000 accounts; beside it PostgreSQL's own TPC-B (pgbench) on the
    same server, before and after. Keep the machine quiet meanwhile: load
    slows pgbench more than it slows us.

    parse: what it costs to understand a record, with doubled names looked
    for and the fingerprint made. No server is needed.

    For example:
        partita bench pipeline --json | tail -1

    Parameters
    ----------
    name:
        what to measure
    commands:
        how many (100,000 through the pipeline, 20,000 of each kind to parse)
    workers:
        how many consumer processes the pipeline has
    as_json:
        the last line is one JSON object
    """
    settle_garbage()
    console = Console(stderr=as_json)
    if name == "parse":
        parsing = parse.measure(commands=commands or PARSED)
        line = parsing.line()
        _show_parsing(parsing, console)
    else:
        pipeline = await _pipeline(commands or PIPED, workers)
        line = pipeline.line()
        _show(pipeline, console)
    if as_json:
        print(json.dumps(line))


async def _pipeline(commands: int, workers: int) -> Pipeline:
    settings = load_settings().model_copy(update={"partitions": 8, "topic_prefix": ""})
    console = Console(stderr=True)
    with progress(console) as bars:
        stages = Stages(bars, console)
        plan = Plan(settings=settings, workers=workers, fresh=True, quiet=True)
        async with whole(plan, say=stages.say) as system:
            work = measure(system, commands=commands, on_part=stages.show)
            return await unless_failed(system.crew.failed, work)


def _show_parsing(found: Parsing, console: Console) -> None:
    table = Table("to understand one record", title="Bench")
    table.add_column("CPU, us", justify="right")
    for kind, us in found.us_by_kind.items():
        table.add_row(kind, f"{us:.2f}")
    table.add_row("json.loads of a transfer, nothing checked", f"{found.json_us:.2f}")
    console.print(table)


def _show(found: Pipeline, console: Console) -> None:
    table = Table("pipeline", title="Bench")
    table.add_column("figure", justify="right")
    for name, figure in _figures(found):
        table.add_row(name, figure)
    console.print(table)
    if not found.tpcb.are_steady:
        console.print("[yellow]The yardstick's readings differ by more than 25 %: the ratio means nothing.")


def _figures(found: Pipeline) -> list[tuple[str, str]]:
    cpu = [(f"CPU of {name}, us/command", f"{each:.1f}") for name, each in found.cpu_us_by_process.items()]
    return [
        ("commands/s", f"{found.rate:,.0f}"),
        ("TPC-B/s before", f"{found.tpcb.before:,.0f}"),
        ("TPC-B/s after", f"{found.tpcb.after:,.0f}"),
        ("ratio to their mean" + ("" if found.tpcb.are_steady else " (unsteady)"), f"{found.ratio:.2f}"),
        *cpu,
        ("CPU without producer and reader", f"{found.cpu_us_per_command:.1f}"),
        *((f"p{part} at a tenth of the load, ms", f"{_ms(found, part):.0f}") for part in (50, 99)),
    ]


def _ms(found: Pipeline, percent: int) -> float:
    return found.paced.latencies.quantile(percent / 100) * 1000
