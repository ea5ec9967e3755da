"""``partita demo``: everything at once, for someone who has just arrived."""

from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from partita.cli.audit import show as show_audit
from partita.cli.display import Stages, progress, unless_failed
from partita.cli.garbage import settle_garbage
from partita.cli.program import STARTED
from partita.demo import Summary, demonstrate
from partita.settings import load_settings
from partita.whole import Plan, whole

NO: Final = 1

_HINT: Final = """Go on by hand:
  partita up --env-file partita.env             a system that stays
  set -a; . ./partita.env                       in another terminal, then
  partita publish FILE --wait; partita accounts; partita audit
README.md has a first transfer to type in."""


async def demo(
    *,
    workers: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1,
    partitions: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 8,
) -> int:
    """Shows everything at once: a fresh system, a real sample through it, a summary and an audit.

    The sample is a day of a mobile-money simulation: 1,110 accounts, their
    first deposits, 64,553 payments. The system is this machine's own and
    temporary, whatever addresses the environment has; nothing of it is left
    at the end.

    For example:
        partita demo --workers 2

    Parameters
    ----------
    workers:
        how many consumer processes
    partitions:
        of each topic
    """
    settings = load_settings().model_copy(update={"partitions": partitions, "topic_prefix": ""})
    settle_garbage()
    console = Console(stderr=True)
    with progress(console) as bars:
        stages = Stages(bars, console)
        plan = Plan(settings=settings, workers=workers, fresh=True, quiet=True)
        async with whole(plan, say=stages.say) as system:
            for service in system.stack.services:
                stages.say(f"{service.name} from {service.origin} ({service.why})")
            summary = await unless_failed(system.crew.failed, demonstrate(system, stages.show))
    _print(summary)
    return 0 if summary.verdict else NO


def _print(summary: Summary) -> None:
    console = Console()
    console.print(_stages(summary))
    console.print(_answers(summary))
    show_audit(summary.audit, console)
    dead = sum(tally.dead for _, tally in summary.stages)
    missing = sum(stage.total - tally.answered for stage, tally in summary.stages)
    console.print(f"First command after {summary.first_command_at - STARTED:.1f} s. Dead letters: {dead}.", end=" ")
    console.print("Every command was answered." if not missing else f"[bold red]{missing} commands were not answered.")
    console.print(_HINT, markup=False, highlight=False)


def _stages(summary: Summary) -> Table:
    table = Table("stage", title="Sample")
    for name in ("commands", "seconds", "commands/s", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for stage, tally in summary.stages:
        p50, p99 = (f"{tally.latencies.quantile(part) * 1000:,.0f}" for part in (0.5, 0.99))
        rate = f"{tally.answered / tally.seconds:,.0f}"
        table.add_row(stage.name, f"{tally.answered:,}", f"{tally.seconds:.1f}", rate, p50, p99)
    return table


def _answers(summary: Summary) -> Table:
    table = Table("answer", "code", title="Answers")
    table.add_column("commands", justify="right")
    for name, number in sorted(summary.answers.items()):
        table.add_row(name, "", f"{number:,}")
    for code, number in sorted(summary.refused.items()):
        table.add_row("refused", code, f"{number:,}")
    return table
