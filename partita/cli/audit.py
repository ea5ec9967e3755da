"""``partita audit``: the books, proved from their raw rows."""

import json
from dataclasses import asdict
from typing import Annotated, Final

from cyclopts import Parameter
from msgspec import to_builtins
from rich.console import Console
from rich.table import Table

from partita.app import App
from partita.cli.books import session
from partita.cli.display import bar
from partita.proof import proof
from partita.settings import load_settings
from processor.engine.audit import AuditReport, CheckResult
from processor.engine.cuts import take_cut

NO: Final = 1


async def audit(*, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """Proves the books from their raw rows.

    Balances, entry numbers, hash chains, double entries, answers and lanes
    are recomputed; each check that does not hold is named, with up to ten of
    the rows that break it. It only reads, and may run while commands are
    applied. It ends with 0 only if every check holds.

    For example:
        partita audit

        partita audit --json | jq '.checks[] | select(.broken > 0)'

    Parameters
    ----------
    as_json:
        one JSON object instead of a table; its cuts say how far the lanes had
        come at least when they were proven
    """
    app = App(settings=load_settings())
    async with session(app, "audit") as connection:
        cuts = [await take_cut(connection, context.name) for context in app.contexts]
        with bar("audit") as shown:
            report = await proof(app, connection, on_progress=lambda _name, done, total: shown(done, total))
    if as_json:
        checks = [asdict(result) for result in report.results]
        print(json.dumps({"holds": report.holds, "cuts": to_builtins(cuts), "checks": checks}))
    else:
        show(report)
    return 0 if report.holds else NO


def show(report: AuditReport, console: Console | None = None) -> None:
    """Print *report* as a table; what is broken is named below it, with its findings."""
    console = console or Console()
    table = Table("check", title="Audit")
    table.add_column("rows", justify="right")
    table.add_column("verdict")
    for result in report.results:
        verdict = "holds" if result.holds else f"[bold red]{result.broken} broken"
        table.add_row(result.name, f"{result.examined:,}", verdict)
    console.print(table)
    for result in report.results:
        if not result.holds:
            _print_findings(result, console)
    console.print("All checks hold." if report.holds else f"Broken: {', '.join(report.failed)}")


def _print_findings(result: CheckResult, console: Console) -> None:
    for text in (f"{result.name} is broken. {result.promise}", *(f"  {finding}" for finding in result.findings)):
        console.print(text, markup=False, highlight=False, soft_wrap=True)
