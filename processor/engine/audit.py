"""The audit: what the books promise, recomputed from their raw rows.

Promise   A report names every check, says whether it holds, and names up to ten rows that break it. Nothing is trusted
          that the engine computed: SQL sums, numbers and hashes again.
Cost      A few passes over events, transactions and entries, in slices of ``rows_per_slice``.
Invariant A slice is one statement, hence one snapshot: it is right on running books, and no snapshot grows old. Where
          slices are cut never changes the verdict.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from processor.database import Connection, named_queries

FINDINGS_MAX: Final = 10
ROWS_PER_SLICE: Final = 50_000
END: Final = 2**63 - 1  # "up to the end", where a slice's bound is a bigint
_BEGIN: Final = -(10**18)

_SQL = named_queries("processor.engine", "audit.sql")

Slice = tuple[Any, ...]
Slicing = Callable[[Connection, int], Awaitable[Sequence[Slice]]]
OnProgress = Callable[[str, int, int], None]
"""Called after each slice with the check's name, the slices done and the slices in all, over all checks."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One statement and the slices it is asked for; it returns ``examined``, ``broken`` and ``findings``.

    A statement that ``carries`` also returns ``carried``, and is handed that of the slice before as its last argument,
    as long as the slices begin with the same value (a lane): 0 at first.
    """

    statement: str
    slicing: Slicing
    carries: bool = False


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise and how it is proved. The name is stable: operators and scripts know it."""

    name: str
    promise: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check found: rows ``examined`` and ``broken``, and the first findings, which name the rows."""

    name: str
    promise: str
    examined: int
    broken: int
    findings: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Say whether the promise is kept."""
        return self.broken == 0


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """All checks' results, in the order in which they were asked for."""

    results: tuple[CheckResult, ...]

    @property
    def holds(self) -> bool:
        """Say whether every check holds."""
        return all(result.holds for result in self.results)

    @property
    def failed(self) -> tuple[str, ...]:
        """Name the checks that do not hold."""
        return tuple(result.name for result in self.results if not result.holds)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A check with the slices of each of its parts."""

    check: Check
    slices: tuple[Sequence[Slice], ...]


async def audit(
    connection: Connection,
    checks: Sequence[Check],
    *,
    on_progress: OnProgress | None = None,
    rows_per_slice: int = ROWS_PER_SLICE,
) -> AuditReport:
    """Run *checks* one after another and report on all of them, whatever they find."""
    work = await _planned(connection, checks, rows_per_slice)
    total = sum(len(slices) for one in work for slices in one.slices)
    done = 0

    def advance(name: str) -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(name, done, total)

    return AuditReport(results=tuple([await _run(connection, one, advance) for one in work]))


async def _planned(connection: Connection, checks: Sequence[Check], rows: int) -> list[_Work]:
    """Cut the slices, once for all checks that share a slicing."""
    cut: dict[Slicing, Sequence[Slice]] = {}
    for slicing in dict.fromkeys(part.slicing for check in checks for part in check.parts):
        cut[slicing] = await slicing(connection, rows)
    return [_Work(check=check, slices=tuple(cut[part.slicing] for part in check.parts)) for check in checks]


async def _run(connection: Connection, work: _Work, advance: Callable[[str], None]) -> CheckResult:
    examined, broken, findings = 0, 0, list[str]()
    for part, slices in zip(work.check.parts, work.slices, strict=True):
        before: Slice = ()
        carried = 0
        for one in slices:
            carried = carried if part.carries and before[:1] == one[:1] else 0
            row = await _judge(connection, part.statement, (*one, carried) if part.carries else one)
            before, carried = one, row["carried"] if part.carries else 0
            examined, broken = examined + row["examined"], broken + row["broken"]
            findings += row["findings"]
            advance(work.check.name)
    return CheckResult(
        name=work.check.name,
        promise=work.check.promise,
        examined=examined,
        broken=broken,
        findings=tuple(findings[:FINDINGS_MAX]),
    )


async def _judge(connection: Connection, statement: str, arguments: Slice) -> Any:
    """Ask for one slice in a transaction of its own, which cannot write."""
    async with connection.transaction(readonly=True):
        await connection.execute(_SQL["settle_session"])
        row = await connection.fetchrow(statement, *arguments)
    assert row is not None, "an audit statement answers with one row"
    return row


async def once(_connection: Connection, _rows: int) -> Sequence[Slice]:
    """One slice without bounds, for tables with a row per lane."""
    return [()]


def lanes_cut_by(next_slice: str) -> Slicing:
    """Return what cuts each lane into runs of so many rows: (lane_no, first seq, seq after the last).

    *next_slice* takes a lane, the first seq and the rows, and returns the seq after the last, or null.
    """

    async def cut(connection: Connection, rows: int) -> Sequence[Slice]:
        slices: list[Slice] = []
        for (lane_no,) in await connection.fetch(_SQL["lanes"]):
            first = _BEGIN
            while (after := await connection.fetchval(next_slice, lane_no, first, rows)) is not None:
                slices.append((lane_no, first, after))
                first = after
            slices.append((lane_no, first, END))
        return slices

    return cut


by_lane: Final = lanes_cut_by(_SQL["next_event_slice"])


def keys_cut_by(next_slice: str, *, first: Slice, last: Slice, rows_each: int = 1) -> Slicing:
    """Return what cuts a table, in the order of its key, into runs of rows that cost *rows_each*: two keys each.

    The first key of all is *first*, and the key after the last *last*; *next_slice* takes a key and how many rows.
    """

    async def cut(connection: Connection, rows: int) -> Sequence[Slice]:
        slices: list[Slice] = []
        key = first
        while (after := await connection.fetchrow(next_slice, *key, max(1, rows // rows_each))) is not None:
            slices.append((*key, *after))
            key = tuple(after)
        slices.append((*key, *last))
        return slices

    return cut


async def by_command(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut the answers, sorted by command id, into runs of *rows*: (first id, id after the last or None).

    Equal ids never part: a cut stands before the first of them.
    """
    slices: list[Slice] = []
    first = bytes(16)
    while (after := await connection.fetchval(_SQL["next_command_slice"], first, rows)) not in (None, first):
        slices.append((first, after))
        first = after
    slices.append((first, None))
    return slices


def _check(name: str, promise: str, slicing: Slicing = by_lane, *, carries: bool = False) -> Check:
    return Check(name=name, promise=promise, parts=(Part(statement=_SQL[name], slicing=slicing, carries=carries),))


ENGINE_CHECKS: Final = (
    _check(
        "lane_counters",
        "next_seq, next_offset and records of each lane are what its events say.",
        carries=True,
    ),
    _check("event_sequence", "The events of each lane are numbered from 1 to next_seq - 1 without a gap."),
    _check(
        "every_record_answered",
        "Each record applied left exactly one event that answers it, in the order of the log.",
        carries=True,
    ),
    _check("one_answer_per_command", "No command has two answers.", by_command),
    _check("repeats_have_answers", "Each repeat tells its command's answer again, and each reuse speaks of one."),
    _check("dead_letters_kept", "What was dead-lettered is kept as it came, and nothing else is."),
    _check("dead_letters_told", "Each dead letter that names a command is followed by one event that says so."),
    _check("relay_position", "The relay has sent no event that was not written.", once),
)
