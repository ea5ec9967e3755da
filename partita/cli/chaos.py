"""``partita chaos``: faults on purpose, for as long as it is asked for, and a verdict."""

import asyncio
import json
import logging
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from partita.chaos.case import Judged, Verdict, verdict_of
from partita.chaos.checks import judged as judge
from partita.chaos.conduct import Order, conduct
from partita.chaos.report import COLOURS, line, tables
from partita.cli.display import Stages, progress
from partita.cli.garbage import settle_garbage
from partita.settings import load_settings
from processor.errors import NotPrepared
from processor.telemetry import set_up_logging

EXIT: Final = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 3}
SEED_BELOW: Final = 1_000_000


async def chaos(
    *,
    seed: int | None = None,
    minutes: Annotated[float, Parameter(validator=Number(gt=0, lte=24 * 60))] = 10.0,
    history: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Strikes a fresh system with faults while it works, and judges what is left.

    Processes are killed and frozen, servers stopped, ways to them cut; the
    commands, the faults and their timing follow from one seed. Afterwards an
    oracle that knows nothing of the program replays every answer.

    The verdict is pass, fail or unknown: what could not be read, or a fault
    that had to strike and was not seen to, is no pass. Exit 0 only for pass, 1
    for fail, 3 for unknown. Then the history stays, and its place is told.

    The system is this machine's own and temporary, whatever addresses the
    environment has. It needs Kafka and PostgreSQL as local processes.

    For example:
        partita chaos --seed 1 --minutes 10

        partita chaos --minutes 1 --json | tail -1

    Parameters
    ----------
    seed:
        of the commands, the faults and their timing (without it, one is drawn)
    minutes:
        how long faults strike; a minute has the required ones and some more
    history:
        a directory that keeps everything that was sent, told, read and struck
    as_json:
        the last line is one JSON object
    """
    settle_garbage()
    set_up_logging(level="ERROR")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # outages are what was asked for
    folder = _folder(history)
    judged, told = await _run(secrets.randbelow(SEED_BELOW) if seed is None else seed, minutes * 60, folder)
    verdict = verdict_of(judged)
    if history is None and verdict is Verdict.PASS:
        told["history"] = None
        shutil.rmtree(folder)
    _show(told, judged, Console(stderr=as_json))
    if as_json:
        print(json.dumps(told))
    return EXIT[verdict]


async def _run(seed: int, main_s: float, folder: Path) -> tuple[list[Judged], dict[str, Any]]:
    """Show a run while it lasts, and return what was found and what is to be told of it."""
    console = Console(stderr=True)
    with progress(console) as bars:
        stages = Stages(bars, console)
        stages.say(f"seed {seed}; history in {folder}")
        settings = load_settings()
        order = Order(seed=seed, main_s=main_s, folder=folder, settings=settings, on_phase=stages.show, say=stages.say)
        outcome = await conduct(order)
        stages.show("checks", 0, 1)
        judged = await asyncio.to_thread(judge, outcome.case)
        told = await asyncio.to_thread(line, order, outcome, judged)
        stages.show("checks", 1, 1)
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n")
    return judged, told


def _folder(history: Path | None) -> Path:
    if history is None:
        return Path(tempfile.mkdtemp(prefix="partita-chaos-"))
    try:
        history.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotPrepared(f"--history {history} cannot be made ({error.strerror}); name another directory.") from error
    return history.resolve()


def _show(told: dict[str, Any], judged: list[Judged], console: Console) -> None:
    for table in tables(told, judged):
        if table.row_count:
            console.print(table)
    for each in judged:
        for finding in each.findings:
            console.print(f"{each.name}: {finding}", markup=False, highlight=False, soft_wrap=True)
    for missed in told["faults_missed"]:
        console.print(f"missed: {missed}", markup=False, highlight=False, soft_wrap=True)
    if told["history"]:
        console.print(f"The history is in {told['history']}", markup=False, highlight=False, soft_wrap=True)
    verdict = Verdict(told["verdict"])
    console.print(f"Verdict of seed {told['seed']}: [{COLOURS[verdict]}]{verdict.value}")
