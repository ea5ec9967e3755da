"""The case: everything that was read after a run, and the verdicts that follow from it.

Invariant What could not be read is None, and every check that needs it says unknown: never pass.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from partita.chaos.items import Movement
from partita.chaos.sender import Published
from partita.chaos.topics import Record
from partita.oracle.history import History

FINDINGS_MAX: Final = 10


class Verdict(StrEnum):
    """What a check says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is judged. The books and the oracle's findings come from files, all else from memory.

    *audit* names failed checks of the program's own audit, *allowed* statements against the append-only rule that were
    not refused, *unrest* what a system at rest has not, *alarms* what the roles said or did that no fault explains.
    """

    published: Sequence[Published]
    movements: Mapping[str, Movement]
    records: Sequence[Record] | None
    results: Sequence[Record] | None
    dead: Sequence[Record] | None
    books: History | None
    findings: Sequence[str] | None
    audit: Sequence[str] | None
    allowed: Sequence[str] | None
    unrest: Sequence[str] | None
    alarms: Sequence[str]
    sometimes: Mapping[str, int]


class CannotTell(Exception):
    """What was read does not decide the question."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise, what has to be read to judge it, and how; *find* yields what breaks it."""

    name: str
    promise: str
    needs: Sequence[str]
    find: Callable[[Case], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a check found."""

    name: str
    promise: str
    verdict: Verdict
    findings: Sequence[str]


def judge(case: Case, checks: Sequence[Check]) -> list[Judged]:
    """Run all *checks*."""
    return [_judged(case, check) for check in checks]


def _judged(case: Case, check: Check) -> Judged:
    missing = [name for name in check.needs if getattr(case, name) is None]
    if missing:
        return _said(check, Verdict.UNKNOWN, [f"not read: {', '.join(missing)}"])
    try:
        findings = list(islice(check.find(case), FINDINGS_MAX))
    except CannotTell as error:
        return _said(check, Verdict.UNKNOWN, [str(error)])
    return _said(check, Verdict.FAIL if findings else Verdict.PASS, findings)


def _said(check: Check, verdict: Verdict, findings: Sequence[str]) -> Judged:
    return Judged(name=check.name, promise=check.promise, verdict=verdict, findings=findings)


def verdict_of(judged: Iterable[Judged]) -> Verdict:
    """Return the verdict on the run: fail if anything fails, else unknown if anything is unknown."""
    counted = Counter(each.verdict for each in judged)
    if counted[Verdict.FAIL]:
        return Verdict.FAIL
    return Verdict.UNKNOWN if counted[Verdict.UNKNOWN] or not counted else Verdict.PASS
