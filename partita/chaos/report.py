"""The report of a run: one JSON object for scripts, tables for people; the verdict stands last in both."""

import statistics
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from partita.chaos import steady
from partita.chaos.book_checks import ANSWER
from partita.chaos.case import CannotTell, Case, Judged, Verdict, verdict_of
from partita.chaos.conduct import Order, Outcome
from partita.chaos.topic_checks import REPEAT, REUSE, line_of, origin_of

DIGITS: Final = 2
COLOURS: Final = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNKNOWN: "bold yellow"}


def line(order: Order, outcome: Outcome, judged: Sequence[Judged]) -> dict[str, Any]:
    """Return what scripts are told."""
    case, course, hearing = outcome.case, outcome.course, outcome.hearing
    sorts = Counter(one.item.sort for one in case.published)
    again = sum(sorts[sort] for sort in ("repeat", "twice", "reuse", "wrong_key"))
    return {
        "seed": order.seed,
        "git": git_revision(),
        "minutes": round(order.main_s / 60, DIGITS),
        "duration_s": round(outcome.seconds, DIGITS),
        "commands_produced": len(case.published) - again - sorts["garbage"],
        "produced_dup": again,
        "produced_garbage": sorts["garbage"],
        "publishes_unknown": sum(one.unknown for one in case.published),
        "faults": dict(sorted(course.faults.items())),
        "faults_missed": course.missed,
        **_answers(case),
        "redelivered": hearing.fenced_records,
        "fenced_stale_batches": case.sometimes["fenced"],
        "retries": dict(sorted(hearing.retries.items())),
        "unknown_commits_resolved": case.sometimes["unknown_commits_resolved"],
        **_outbox(case),
        "max_outbox_lag_s": round(course.outbox_lag_s, DIGITS),
        "recovery_s": _recovery(course.recovery_s),
        "checker": {each.name: each.verdict.value for each in judged},
        "findings": {each.name: list(each.findings) for each in judged if each.findings},
        **_hashes(case),
        "history": str(order.folder),
        "verdict": verdict_of(judged).value,
    }


def _answers(case: Case) -> dict[str, Any]:
    events = case.books.events if case.books else []
    kinds = Counter(told.kind for told in events)
    codes = Counter((told.payload or {}).get("code") for told in events if told.kind == ANSWER)
    applied = codes.pop(None, 0)
    letters = {origin_of(each): each for each in case.dead or ()}
    reasons = Counter((each.headers.get("dlq-code") or b"").decode() for each in letters.values())
    return {
        "applied": applied,
        "rejected": dict(sorted((str(code), count) for code, count in codes.items())),
        "repeats": kinds[REPEAT],
        "conflicts": kinds[REUSE],
        "dead": None if case.dead is None else dict(sorted(reasons.items())),
    }


def _outbox(case: Case) -> dict[str, Any]:
    if case.results is None or case.dead is None:
        return {"outbox_sent": None, "outbox_resent": None}
    distinct = len(set(map(line_of, case.results))) + len(set(map(origin_of, case.dead)))
    return {"outbox_sent": distinct, "outbox_resent": len(case.results) + len(case.dead) - distinct}


def _recovery(seconds: Sequence[float]) -> dict[str, float | None]:
    if not seconds:
        return {"p50": None, "max": None}
    return {"p50": round(statistics.median(seconds), DIGITS), "max": round(max(seconds), DIGITS)}


def _hashes(case: Case) -> dict[str, str | None]:
    if case.books is None or case.records is None:
        return {"balances_sha256": None, "expected_sha256": None}
    try:
        expected = steady.sha256(steady.expected(case))
    except CannotTell:
        expected = None
    return {"balances_sha256": steady.sha256(steady.found(case)), "expected_sha256": expected}


def git_revision() -> str | None:
    """Return the revision of the program's sources, with a mark where they were changed; None outside a repository."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        said = subprocess.run(  # noqa: S603 - our own words
            asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return said.stdout.strip() or None


def tables(told: dict[str, Any], judged: Sequence[Judged]) -> Iterator[Table]:
    """Yield what people are told."""
    figures = Table("figure", title="Run")
    figures.add_column("value", justify="right")
    for name, value in told.items():
        if isinstance(value, str | int | float) and name not in ("verdict", "history"):
            figures.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    yield figures
    for name in ("faults", "rejected", "dead", "retries", "recovery_s"):
        table = Table(name, title=name.replace("_", " ").capitalize())
        table.add_column("", justify="right")
        for one, count in (told[name] or {}).items():
            table.add_row(one, str(count))
        yield table
    yield _verdicts(judged)


def _verdicts(judged: Sequence[Judged]) -> Table:
    table = Table("check", "promise", "verdict", title="Verdicts")
    for each in judged:
        table.add_row(each.name, each.promise, f"[{COLOURS[each.verdict]}]{each.verdict.value}")
    return table
