"""Revenue through the worker that exports it, in turn with psql, which copies the same slices by the same statements.

Promise   What both write is the same, byte for byte but for the ends of lines; the audit of revenue holds on the books,
          which is looked at on a sample of large ones. Otherwise there are no figures.
          The yardstick has psql do less: it stores one file, hashes nothing, and sums nothing up.
Cost      Three minutes for 600,000 rows, twenty-five for ten million; 2 kB of disk for each.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import msgspec

from consumers.export_files import prefix_of
from contracts.exports import CutShown, ExportRequest, Format
from contracts.specs import EXPORTS
from partita.bench.bulk import Bulk, Done, Turns, bulk, burnt
from partita.bench.export_books import MONTHS, TIER, Grown, grow
from partita.bench.found import OnPart, Order, Unmeasured, line
from partita.bench.psql import Psql
from partita.bench.sending import PARTITIONS
from partita.local.machine import Machine
from processor.database import Connection, named_queries
from processor.engine.audit import ENGINE_CHECKS, Check, Slice, Slicing, audit
from processor.engine.cuts import Cut
from processor.engine.exporting import copied
from processor.exports.cuts import cut_of
from processor.objects import Objects
from processor.revenue.checks import REVENUE_CHECKS, by_account, with_money
from processor.revenue.exports import KINDS
from producers.command_ids import new_command_id

GOAL_RATIO: Final = 0.8
GOAL_MB: Final = 150
PAIRS_OF_GZIP: Final = 2
PART: Final = 10  # the first export is of so small a part
AUDITED_MAX: Final = 60_000  # rows; of more a sample is audited
SAMPLE: Final = 100  # accounts
_CSV: Final[Format] = "csv"
_GZIP: Final[Format] = "csv.gz"
_LEVEL: Final = 6  # that of the exports' files
# Workers plan by indexes; left to itself, psql would read the same slices by plans that take a fifth longer.
_AS_WORKERS: Final = MappingProxyType({"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"})
(_REVENUE,) = KINDS

_SQL = named_queries("partita.bench", "exports.sql")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Seconds of psql, and the export after it."""

    psql_s: float
    done: Done


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was measured: pairs by format, psql's rate for a query without a cut, and the worker's peaks of memory."""

    grown: Grown
    pairs: Mapping[Format, Sequence[Pair]]
    plain: float
    mb_at_a_tenth: float
    mb_at_the_end: float

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        turns, gzipped = self._turns(_CSV), self._turns(_GZIP)
        return line(
            *("export", turns.rate, "rows/s"),
            yardstick=turns.yardstick,
            ratio=turns.ratio,
            burnt=burnt([pair.done for pair in self.pairs[_CSV]], self.grown.rows * len(self.pairs[_CSV])),
            **turns.line(),
            rows=self.grown.rows,
            accounts=self.grown.exported,
            accounts_of_other_tiers=self.grown.others,
            plain_query=self.plain,
            gzip={"value": gzipped.rate, "yardstick": gzipped.yardstick, "ratio": gzipped.ratio},
            mb_at_a_tenth=self.mb_at_a_tenth,
            mb_at_the_end=self.mb_at_the_end,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        told = f"{self.grown.rows:,}  {self.grown.exported:,}  {self.grown.others:,}"
        yield f"rows, {TIER} accounts, others", told
        yield from self._turns(_CSV).figures("rows", "psql", goal=GOAL_RATIO)
        yield from self._turns(_GZIP).figures("rows, compressed", "psql and gzip")
        yield "psql of a query without a cut, rows/s", f"{self.plain:,.0f}"
        mb = f"{self.mb_at_a_tenth:.0f}  {self.mb_at_the_end:.0f}"
        yield f"peak of the worker's memory after a tenth, at the end, MB (goal: below {GOAL_MB})", mb
        yield from burnt([pair.done for pair in self.pairs[_CSV]], self.grown.rows * len(self.pairs[_CSV])).figures()

    def _turns(self, written: Format) -> Turns:
        pairs = self.pairs[written]
        return Turns(
            ours=[self.grown.rows / pair.done.seconds for pair in pairs],
            theirs=[self.grown.rows / pair.psql_s for pair in pairs],
        )


async def measure(order: Order) -> Export:
    """Measure a fresh system, whose books have five years of revenue before its roles begin.

    Raises:
        Unmeasured: The audit does not hold, or an export is not what psql has copied.
    """
    exported = max(round(order.commands / MONTHS), 1)
    accounts = exported + (exported - 1) // 2  # of three the third is of another tier
    with TemporaryDirectory(prefix="partita-bench-") as folder:
        async with bulk(order, context=EXPORTS, role="exports") as at:
            url = at.system.stack.database_url
            grown = await grow(url, accounts=accounts, partitions=PARTITIONS, on_part=order.on_part)
            await _require_sound(at.connection, grown, order.on_part)
            await at.man(order.workers)
            return await _Bench(at, order, grown, Path(folder)).measured()


class _Bench:
    """The system with its books, psql beside it, and the *folder* that psql writes to."""

    def __init__(self, at: Bulk, order: Order, grown: Grown, folder: Path) -> None:
        self._at = at
        self._order = order
        self._grown = grown
        self._to = folder / "copied"
        self._psql = Psql(at.system.stack.database_url, folder)
        self._objects = Objects.at(at.system.app.settings.objects_url)
        self._exports = 0

    async def measured(self) -> Export:
        """Export a small part first, and then all of it again and again."""
        first = await self._exported(_CSV, MONTHS // PART)
        mb_at_a_tenth = self._at.peak_mb()
        slices = await self._slices(cut_of(msgspec.convert(first.told["cut"], CutShown)))
        pairs: dict[Format, list[Pair]] = {}
        for written, number in ((_CSV, self._order.pairs), (_GZIP, min(PAIRS_OF_GZIP, self._order.pairs))):
            pairs[written] = [await self._pair(written, slices) for _ in range(number)]
        plain = [_said(_SQL["plain_query"], (TIER, *self._days(MONTHS)))]
        return Export(
            grown=self._grown,
            pairs=pairs,
            plain=self._grown.rows / await self._copied(plain, planning={}),
            mb_at_a_tenth=mb_at_a_tenth,
            mb_at_the_end=self._at.peak_mb(),
        )

    async def _pair(self, written: Format, slices: Sequence[str]) -> Pair:
        """Have psql copy all slices, and export the same."""
        gzip = [Machine.here().command("gzip") or "gzip", f"-{_LEVEL}"] if written == _GZIP else []
        psql_s = await self._copied(slices, gzip)
        done = await self._exported(written, MONTHS, None if gzip else await asyncio.to_thread(_digest, self._to))
        return Pair(psql_s=psql_s, done=done)

    async def _exported(self, written: Format, months: int, digest: str | None = None) -> Done:
        """Export the records of so many months, which have to be all there are, and of this *digest*."""
        self._exports += 1
        export_id = f"bench-{self._exports}"
        begins, ends = self._days(months)
        filters = {"tier": TIER, "from": begins.isoformat(), "to": ends.isoformat()}
        command = ExportRequest(
            command_id=new_command_id(), export_id=export_id, kind=_REVENUE.name, format=written, filters=filters
        )
        part, rows = f"export {self._exports} ({written})", self._grown.exported * months
        done = await self._at.do(command, export_id, lambda come: self._order.on_part(part, come.get("rows", 0), rows))
        if done.told["rows"] != rows:
            raise Unmeasured(f"{done.told['rows']} rows were exported, and there are {rows}.")
        if digest is not None and await self._digest_of(export_id) != digest:
            raise Unmeasured("What was exported is not what psql has copied.")
        await self._objects.clear(prefix_of(export_id))
        return done

    async def _digest_of(self, export_id: str) -> str:
        """Return the digest of an export's rows as psql would have written them."""
        digest, to_skip = sha256(), 1
        async for facts in self._objects.list(prefix_of(export_id)):
            if facts.key.endswith(".csv"):
                part = b"".join([piece async for piece in self._objects.read(facts.key)])
                digest.update(part.split(b"\r\n", to_skip)[-1].replace(b"\r\n", b"\n"))
                to_skip = 0
        return digest.hexdigest()

    async def _slices(self, cut: Cut) -> list[str]:
        """Return what psql is told, to copy what an export of all does."""
        begins, ends = self._days(MONTHS)
        filters = {"tier": TIER, "from": begins.isoformat(), "to": ends.isoformat()}
        return [_said(each.rows, each.arguments) async for each in _REVENUE.slices(self._at.connection, cut, filters)]

    async def _copied(
        self, statements: Sequence[str], gzip: Sequence[str] = (), planning: Mapping[str, str] = _AS_WORKERS
    ) -> float:
        self._order.on_part("psql", 0, 1)
        copies = [f"\\copy ({each}) to stdout with (format csv)" for each in statements]
        return await self._psql.run(copies, to=self._to, through=gzip, planning=planning)

    def _days(self, months: int) -> tuple[date, date]:
        years, months = divmod(months, 12)
        return date(self._grown.year, 1, 1), date(self._grown.year + years, months + 1, 1)


def _said(statement: str, arguments: Sequence[Any]) -> str:
    """Return a statement with its values in it, in one line, as psql has to have it."""
    text = " ".join(copied(statement).split())
    return re.sub(r"\$(\d+)", lambda found: _literal(arguments[int(found[1]) - 1]), text)


def _literal(value: Any) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    text = f"{{{','.join(map(str, value))}}}" if isinstance(value, list) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


async def _require_sound(connection: Connection, grown: Grown, on_part: OnPart) -> None:
    """Make sure that the audit holds, on a sample of books that are large."""
    is_small = grown.rows <= AUDITED_MAX
    checks = (*ENGINE_CHECKS, *REVENUE_CHECKS) if is_small else _sampled(REVENUE_CHECKS)
    rows = AUDITED_MAX * 2 if is_small else grown.rows * 4
    report = await audit(
        connection, checks, on_progress=lambda _, done, total: on_part("audit", done, total), rows_per_slice=rows
    )
    if not report.holds:
        findings = [finding for result in report.results for finding in result.findings]
        raise Unmeasured(f"The audit does not hold: {'; '.join(findings[:3])}.")


def _sampled(checks: Sequence[Check]) -> list[Check]:
    """Return *checks* for the first accounts alone, without what is not cut by accounts."""
    cuts = {slicing: _of_sample(slicing) for slicing in (by_account, with_money)}
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
