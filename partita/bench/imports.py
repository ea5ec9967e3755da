"""Files of merchant activity through the worker that imports them, in turn with COPY of their lines into a bare table.

Promise   Both read the same files from the same disk. What is imported, rejected and a duplicate is what the files were
          made to come to, and the audit of imports holds at the end; otherwise there are no figures.
          The yardstick is the faster of two: a line is one column of text. A COPY into ten is told beside it.
Cost      Three minutes for five million lines, and 3 GB of disk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from contracts.activity import ActivityImport
from contracts.specs import ACTIVITY
from partita.bench.bulk import Bulk, Done, Turns, bulk, burnt
from partita.bench.found import Order, Unmeasured, line, quantile
from partita.bench.import_files import Made, files
from partita.bench.psql import Psql
from processor.activity.checks import ACTIVITY_CHECKS
from processor.activity.metrics import METRICS
from processor.database import named_queries
from processor.engine.audit import audit
from processor.locations import IMPORTS
from processor.objects import Objects
from producers.command_ids import new_command_id

READINGS: Final = 20  # of each metric
GOAL_RATIO: Final = 0.3
GOAL_MB: Final = 150
GOAL_MS: Final = 50
FIRST_PART: Final = 20  # of a pair: so many lines are imported before all others, and their time is not counted

_SQL = named_queries("partita.bench", "bulk.sql")
_ONE, _TEN = "bare_line", "bare_cells"
_COPY: Final = {
    _ONE: "\\copy bare_line from '{}' with (format text, header)",
    _TEN: "\\copy bare_cells from '{}' with (format csv, header)",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Lines per second of each COPY and of the import after them; what that took, and the worker's peak of memory."""

    copied: Mapping[str, float]
    ours: float
    done: Done
    peak_mb: float


@dataclass(frozen=True, kw_only=True)
class Import:
    """What was measured: pairs, and what each reading of a metric took behind the last, in milliseconds."""

    pairs: Sequence[Pair]
    lines: int
    ms: Mapping[str, Sequence[float]]

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        turns, beside = self._turns(_ONE), self._turns(_TEN)
        return line(
            *("import", turns.rate, "lines/s"),
            yardstick=turns.yardstick,
            ratio=turns.ratio,
            burnt=burnt([pair.done for pair in self.pairs], self.lines),
            **turns.line(),
            yardstick_ten_columns=beside.yardstick,
            ratio_ten_columns=beside.ratio,
            lines=self.lines,
            peak_mb=[pair.peak_mb for pair in self.pairs],
            metrics={name: {"p50_ms": quantile(ms, 0.5), "longest_ms": max(ms)} for name, ms in self.ms.items()},
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        yield from self._turns(_ONE).figures("lines", "COPY", goal=GOAL_RATIO)
        beside = self._turns(_TEN)
        yield "COPY into ten columns/s, ratio: medians", f"{beside.yardstick:,.0f}  {beside.ratio:.2f}"
        peaks = "  ".join(f"{pair.peak_mb:.0f}" for pair in self.pairs)
        yield f"peak of the worker's memory up to each pair, MB (goal: below {GOAL_MB})", peaks
        for name, ms in self.ms.items():
            told = f"{quantile(ms, 0.5):.1f}  {max(ms):.1f}"
            yield f"{name} at {self.lines:,} lines: p50, longest of {len(ms)}, ms (goal: below {GOAL_MS})", told
        yield from burnt([pair.done for pair in self.pairs], self.lines).figures()

    def _turns(self, table: str) -> Turns:
        return Turns(ours=[pair.ours for pair in self.pairs], theirs=[pair.copied[table] for pair in self.pairs])


async def measure(order: Order) -> Import:
    """Measure a fresh system, with a part of the lines in each pair.

    Raises:
        Unmeasured: What has become of the lines is not what should have.
    """
    each = order.commands // order.pairs
    with TemporaryDirectory(prefix="partita-bench-") as folder:
        async with bulk(order, context=ACTIVITY, role="imports") as at:
            bench = _Bench(at, order, Psql(at.system.stack.database_url, Path(folder)))
            await at.connection.execute(_SQL["make_bare_tables"])
            await at.man(order.workers)
            await bench.pair(0, each // FIRST_PART)
            pairs = [await bench.pair(number, each) for number in range(1, order.pairs + 1)]
            ms = {name: await bench.read(name) for name in METRICS}
            await bench.require_sound()
    return Import(pairs=pairs, lines=each * order.pairs, ms=ms)


class _Bench:
    """The system, and psql beside it."""

    def __init__(self, at: Bulk, order: Order, psql: Psql) -> None:
        self._at = at
        self._order = order
        self._psql = psql
        self._objects = Objects.at(at.system.app.settings.objects_url)

    async def pair(self, number: int, count: int) -> Pair:
        """Copy the lines of import *number* into both tables, and import them."""
        made = [await self._written(each) for each in files(count, number=number)]
        copied = {}
        for table, copy in _COPY.items():
            self._order.on_part(f"COPY into {table}", number, self._order.pairs)
            copied[table] = count / await self._psql.run([copy.format(self._path(each.name)) for each in made])
        await self._at.connection.execute(_SQL["empty_bare_tables"])
        done = await self._imported(number, made)
        await self._objects.clear(IMPORTS)
        return Pair(copied=copied, ours=count / done.seconds, done=done, peak_mb=self._at.peak_mb())

    async def read(self, name: str) -> list[float]:
        """Return what each reading of a metric took, in milliseconds."""
        ms = list[float]()
        for number in range(READINGS):
            began = perf_counter()
            await METRICS[name](self._at.connection)
            ms.append((perf_counter() - began) * 1000)
            self._order.on_part(name, number + 1, READINGS)
        return ms

    async def require_sound(self) -> None:
        """Make sure that the audit holds."""
        report = await audit(
            self._at.connection,
            ACTIVITY_CHECKS,
            on_progress=lambda _, done, all_: self._order.on_part("audit", done, all_),
        )
        if not report.holds:
            findings = [finding for result in report.results for finding in result.findings]
            raise Unmeasured(f"The audit does not hold: {'; '.join(findings[:3])}.")

    async def _written(self, made: Made) -> Made:
        await self._objects.put(f"{IMPORTS}/{made.name}", made.data)
        return replace(made, data=b"")  # there are many

    def _path(self, name: str) -> Path:
        return Path("/", *self._objects.location.path, IMPORTS, name)

    async def _imported(self, number: int, made: Sequence[Made]) -> Done:
        import_id = f"bench-{number}"
        lines = sum(each.lines for each in made)
        part = f"import {number} of {self._order.pairs}" if number else "a first import"
        command = ActivityImport(
            command_id=new_command_id(), import_id=import_id, files=[each.name for each in made], policy="lenient"
        )
        done = await self._at.do(
            command, import_id, lambda come: self._order.on_part(part, come.get("lines", 0), lines)
        )
        expected = {name: sum(getattr(each, name) for each in made) for name in _COUNTS}
        if (found := {name: done.told[name] for name in _COUNTS}) != expected:
            raise Unmeasured(f"Of the lines has become {found}, and should have {expected}.")
        return done


_COUNTS: Final = ("lines", "imported", "rejected", "duplicate")
