"""Reads of a year of expenses at 100 a second while commands are applied, and, if asked for, while something fails.

Promise   Reads are on schedule and counted from it; commands come at ten times the rate of an average day of 25,000
          users. Unless the audit holds before and after, and no command that Kafka has taken is lost, there are no
          figures.
          What reads come to has been read once before them, as it has where a server has been at work for a while.
Cost      Two minutes for three million expenses, most of it to build them; 2 kB of disk each.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from partita.bench import meters
from partita.bench.expenses_books import EXPENSES_A_MONTH, MONTHS, Grown, grow, warm_up
from partita.bench.expenses_drills import DRILLS, LONGER_S, Felt, Stand, felt, is_back, stand
from partita.bench.expenses_reading import RATE, Readers, Seen, by_kind, schedule
from partita.bench.expenses_reports import reports
from partita.bench.expenses_writing import Writing, require_kept, write
from partita.bench.found import Burnt, OnPart, Order, Unmeasured, line, quantile
from partita.bench.sending import PARTITIONS
from partita.exchange import exchange
from partita.settings import load_settings
from processor.database import Connection
from processor.engine.audit import ENGINE_CHECKS, Check, Slice, Slicing, audit
from processor.expenses.checks import EXPENSES_CHECKS, by_user, with_money, with_zones
from processor.expenses.context import EXPENSES

SCALE: Final = 30_000_000  # expenses of 25,000 users
SECONDS: Final = 30.0
GOAL_MS: Final = 200
GOAL_REPORT_S: Final = 1
QUANTILES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
AUDITED_MAX: Final = 60_000  # expenses; of more a sample is audited
SAMPLE: Final = 25  # users


@dataclass(frozen=True, kw_only=True)
class Expenses:
    """What was measured. In a drill there are no reports, and what was felt."""

    grown: Grown
    seen: Sequence[Seen]
    writing: Writing
    reports: Mapping[str, Sequence[float]]
    burnt: Burnt | None
    drill: str
    felt: Felt | None

    @property
    def availability(self) -> float:
        """Return the part of the reads that were answered in time."""
        return sum(each.answered for each in self.seen) / len(self.seen)

    @property
    def longest_report_s(self) -> float:
        """Return what the slowest report took; 0 for none."""
        return max((seconds for each in self.reports.values() for seconds in each), default=0.0)

    def line(self) -> dict[str, Any]:
        """Return what scripts are told; the value is p99 of all reads that were answered."""
        rows, indexes = self.grown.bytes_each
        return line(
            *("expenses", _quantiles(self.seen)["p99_ms"], "ms"),
            burnt=self.burnt,
            drill=self.drill or None,
            users=self.grown.users,
            expenses=self.grown.expenses,
            built_s=self.grown.seconds,
            row_bytes_per_expense=rows,
            index_bytes_per_expense=indexes,
            reads=len(self.seen),
            availability=self.availability,
            all=_quantiles(self.seen),
            kinds={kind: _quantiles(seen) for kind, seen in by_kind(self.seen).items() if seen},
            hops=self._hops(),
            reports={kind: max(seconds, default=0.0) for kind, seconds in self.reports.items()},
            writes=self.writing.line(),
            felt=self.felt and self.felt.line(),
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        rows, indexes = self.grown.bytes_each
        yield "users, expenses, built in s", f"{self.grown.users:,}  {self.grown.expenses:,}  {self.grown.seconds:.0f}"
        yield "bytes an expense takes: tables, indexes", f"{rows:,.0f}  {indexes:,.0f}"
        for kind, seen in by_kind(self.seen).items():
            if seen:
                yield f"{kind}: p50, p95, p99, ms", _told(_quantiles(seen))
        yield f"all {len(self.seen):,} reads: p50, p95, p99, ms (goal: below {GOAL_MS})", _told(_quantiles(self.seen))
        for hop, quantiles in self._hops().items():
            yield f"of that {hop}: p50, p95, p99, ms", _told(quantiles)
        for kind, seconds in self.reports.items():
            yield f"longest of {len(seconds)} reports, {kind}, s (goal: below {GOAL_REPORT_S})", f"{max(seconds):.2f}"
        yield "commands, command to result: p50, p95, p99, ms", f"{len(self.writing.command_ids):,}  {self._writes()}"
        yield "reads answered in time, commands lost", f"{self.availability:.2%}  0"
        if self.felt is not None:
            yield f"{self.drill}: out for s", f"{self.felt.out_s:.1f}"
            yield (
                "then reads failed for s, results came after s",
                (f"{self.felt.reads_back_s:.1f}  {self.felt.answers_back_s:.1f}"),
            )
        yield from self.burnt.figures() if self.burnt else ()

    def _hops(self) -> dict[str, dict[str, float]]:
        """Return where the time of an answered read goes."""
        hops: Mapping[str, Callable[[Seen], float]] = {
            "waiting for a session": lambda each: each.waited_s,
            "PostgreSQL": lambda each: each.server_s,
            "rendering": lambda each: each.seconds - each.waited_s - each.server_s,
        }
        return {hop: _quantiles(self.seen, of) for hop, of in hops.items()}

    def _writes(self) -> str:
        return _told({name: self.writing.ms(fraction) for name, fraction in QUANTILES.items()})


def _quantiles(seen: Sequence[Seen], of: Callable[[Seen], float] = lambda each: each.seconds) -> dict[str, float]:
    values = [of(each) * 1000 for each in seen if each.answered]
    return {name: quantile(values, fraction) for name, fraction in QUANTILES.items()}


def _told(quantiles: Mapping[str, float]) -> str:
    return "  ".join(f"{ms:.0f}" for ms in quantiles.values())


async def measure(order: Order) -> Expenses:
    """Measure a fresh system, whose books have a year of expenses before its roles begin.

    Raises:
        Unmeasured: The audit does not hold, a command is lost, or the service does not come back.
    """
    settings = load_settings().model_copy(update={"partitions": PARTITIONS, "topic_prefix": ""})
    async with stand(settings, EXPENSES.name, order.drill, order.say) as at:
        url = at.system.stack.database_url
        users = max(order.commands // (EXPENSES_A_MONTH * MONTHS), 1)
        grown = await grow(url, users=users, partitions=PARTITIONS, on_part=order.on_part)
        await _require_sound(at, grown, order.on_part)
        await warm_up(url, order.on_part)
        await at.man(order.workers)
        found = await _measured(order, at, grown)
        await _require_sound(at, grown, order.on_part, found.writing)
    return found


async def _measured(order: Order, at: Stand, grown: Grown) -> Expenses:
    seconds = order.seconds or SECONDS
    asked = schedule(grown, seconds + (LONGER_S if order.drill else 0.0))
    readers = Readers(at.readers, lambda done: order.on_part("reads", done, round(RATE * seconds)))
    pids = meters.pids_of(at.system)
    async with exchange(at.system.app) as market, asyncio.TaskGroup() as tasks:
        before = meters.cpu_seconds(pids)
        began = await readers.open()
        drill = tasks.create_task(DRILLS[order.drill](at, began, seconds)) if order.drill else None
        reading = tasks.create_task(
            readers.ask(
                asked, is_over=lambda due_s: due_s >= seconds and (drill is None or is_back(drill, readers.seen))
            )
        )
        writing = tasks.create_task(write(market, grown, seconds))
        reporting = None if drill else tasks.create_task(reports(at.readers, grown, seconds))
    burnt = Burnt(seconds=meters.spent(before, meters.cpu_seconds(pids)), commands=len(readers.seen))
    return Expenses(
        grown=grown,
        seen=reading.result(),
        writing=writing.result(),
        reports=reporting.result() if reporting else {},
        burnt=None if drill else burnt,
        drill=order.drill,
        felt=felt(drill.result(), reading.result(), writing.result().heard_at) if drill else None,
    )


async def _require_sound(at: Stand, grown: Grown, on_part: OnPart, writing: Writing | None = None) -> None:
    """Make sure that the audit holds, on a sample of books that are large, and that what was written is there."""
    connection = await at.system.app.connect("bench")
    try:
        if writing is not None:
            await require_kept(connection, writing)
        is_small = grown.expenses <= AUDITED_MAX
        checks = (*ENGINE_CHECKS, *EXPENSES_CHECKS) if is_small else sampled(EXPENSES_CHECKS)
        report = await audit(
            connection,
            checks,
            on_progress=lambda _, done, total: on_part("audit after it" if writing else "audit", done, total),
            rows_per_slice=AUDITED_MAX if is_small else grown.expenses * 2,
        )
    finally:
        await connection.close()
    if not report.holds:
        findings = [finding for result in report.results for finding in result.findings]
        raise Unmeasured(f"The audit does not hold: {'; '.join(findings[:3])}.")


def sampled(checks: Sequence[Check]) -> list[Check]:
    """Return *checks* for the first users alone, without what is not cut by users."""
    cuts = {slicing: _of_sample(slicing) for slicing in (by_user, with_money, with_zones)}
    parts = {
        check: tuple(replace(part, slicing=cuts[part.slicing]) for part in check.parts if part.slicing in cuts)
        for check in checks
    }
    return [replace(check, parts=kept) for check, kept in parts.items() if kept]


def _of_sample(slicing: Slicing) -> Slicing:
    async def cut(connection: Connection, rows: int) -> Sequence[Slice]:
        first, *_ = await slicing(connection, rows)
        return [(1, 1 + SAMPLE, *first[2:])]

    return cut
