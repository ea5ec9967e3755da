"""The checks of a run, one table: the invariants, the oracle, the program's own audit, the run without faults."""

from collections.abc import Iterator
from typing import Final

from partita.chaos import book_checks, steady, topic_checks, variety
from partita.chaos.case import CannotTell, Case, Check, Judged, judge

SOMETIMES: Final = (
    *variety.TOLD,
    *("fenced", "retries", "unknown_commits_resolved", "resent"),
)


def _append_only(case: Case) -> Iterator[str]:
    yield from (f"PostgreSQL allows: {statement}" for statement in case.allowed or ())
    yield from (f"the audit's check {name} fails" for name in case.audit or () if name == "entry_chain")


def _sometimes(case: Case) -> Iterator[str]:
    if missing := [name for name in SOMETIMES if not case.sometimes.get(name)]:
        raise CannotTell(f"never seen: {', '.join(missing)}")
    yield from ()


def _as_without_faults(case: Case) -> Iterator[str]:
    yield from steady.differences(case)


# fmt: off
CHECKS: Final = (
    Check(name="I1", promise="money is conserved", needs=("books",), find=book_checks.conservation),
    Check(name="I2", promise="balances are the sums of entries", needs=("books",), find=book_checks.balances),
    Check(name="I3", promise="each command has one effect", needs=("books",), find=book_checks.one_effect),
    Check(name="I4", promise="a repeat has the same answer", needs=("books", "results"),
        find=topic_checks.same_answer),
    Check(name="I5", promise="nothing is lost", needs=("books", "records"), find=topic_checks.no_loss),
    Check(name="I6", promise="the order of the log is kept", needs=("books",), find=book_checks.order),
    Check(name="I7", promise="every event is published", needs=("books", "results"), find=topic_checks.outbox),
    Check(name="I8", promise="limits hold after every entry", needs=("books",), find=book_checks.limits),
    Check(name="I13", promise="what was said stays said", needs=("allowed", "audit"), find=_append_only),
    Check(name="I14", promise="poison is dead once, its neighbours live", needs=("books", "records", "dead"),
        find=topic_checks.poison),
    Check(name="I15", promise="all is at rest soon after the last fault", needs=("unrest",),
        find=lambda case: case.unrest or ()),
    Check(name="I17", promise="what had to happen has happened", needs=(), find=_sometimes),
    Check(name="oracle", promise="every answer follows from those before it", needs=("books", "findings"),
        find=lambda case: case.findings or ()),
    Check(name="audit", promise="the program's own audit holds", needs=("audit",), find=lambda case: case.audit or ()),
    Check(name="as_without_faults", promise="steady accounts end as plain arithmetic says",
        needs=("books", "records"), find=_as_without_faults),
    Check(name="processes", promise="no role ended but by a fault", needs=(), find=lambda case: case.alarms),
)
# fmt: on


def judged(case: Case) -> list[Judged]:
    """Return what every check says of *case*."""
    return judge(case, CHECKS)
