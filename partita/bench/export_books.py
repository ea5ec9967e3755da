"""Books of revenue that have grown for five years: written by sets, as if their commands had come one after the other.

Promise   The audit holds on them: each row has the event that answers it. An account has a record for each month, three
          of which were corrected; two accounts of three are of the tier that is exported. Nothing is random.
Cost      Half a minute for a million records on two cores; 1.3 kB of disk each.
Invariant Rows lie in the order of time, as they do where they were written: those of an account are far from another.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from partita.bench.found import OnPart
from processor.database import Connection, Timeouts, connect, named_queries
from producers.kafka import Partitioner

YEARS: Final = 5
MONTHS: Final = 12 * YEARS
CORRECTED: Final = 3  # of an account's records
SLOTS: Final = 1 + MONTHS + CORRECTED
TIER: Final = "enterprise"
SESSIONS: Final = 4  # one often waits for the disk
ROWS_AT_ONCE: Final = 50_000

_SQL = named_queries("partita.bench", "exports.sql")
_PATIENT: Final = Timeouts(statement_s=3600.0)
_LAVISH: Final = {"synchronous_commit": "off", "work_mem": "256MB", "maintenance_work_mem": "256MB"}


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What was built: the accounts that are exported, those of other tiers, and the year that records begin with."""

    exported: int
    others: int
    year: int

    @property
    def rows(self) -> int:
        """Return how many records the accounts that are exported have."""
        return self.exported * MONTHS


@dataclass(frozen=True, kw_only=True)
class _Lane:
    """A lane and its accounts."""

    lane_no: int
    accounts: int


async def grow(url: str, *, accounts: int, partitions: int, on_part: OnPart) -> Grown:
    """Fill the database at *url*, which has no revenue, with the five years before this one.

    Two of three *accounts* are of the tier that is exported.
    """
    async with AsyncExitStack() as stack:
        sessions = [await _session(url, stack) for _ in range(SESSIONS)]
        begins = datetime(datetime.now(UTC).year - YEARS, 1, 1, tzinfo=UTC)
        lanes = await _founded(sessions[0], begins, accounts, partitions)
        shares = [lanes[number::SESSIONS] for number in range(SESSIONS)]
        done = _Progress(on_part=on_part, total=accounts * (SLOTS - 1))
        await asyncio.gather(
            *(_filled(session, begins, share, done) for session, share in zip(sessions, shares, strict=True))
        )
        await asyncio.gather(
            sessions[0].execute(_SQL["vacuum_revenue"]), sessions[1].execute(_SQL["analyze_events_of_revenue"])
        )
        await sessions[0].execute(_SQL["write_down"])
    others = sum(number % 3 == 0 for number in range(1, accounts + 1))
    return Grown(exported=accounts - others, others=others, year=begins.year)


async def _session(url: str, stack: AsyncExitStack) -> Connection:
    connection = await connect(url, role="bench", timeouts=_PATIENT, planning=_LAVISH)
    stack.push_async_callback(connection.close)
    return connection


async def _founded(connection: Connection, begins: datetime, accounts: int, partitions: int) -> list[_Lane]:
    """Add lanes and accounts."""
    ids = [f"bench-{number:06}" for number in range(1, accounts + 1)]
    of_accounts = [Partitioner().partition_of(each.encode(), partitions) for each in ids]
    ends = begins.replace(year=begins.year + YEARS - 1, month=12, day=21, hour=CORRECTED)
    lanes: list[_Lane] = []
    for partition in range(partitions):
        count = of_accounts.count(partition)
        lane_no = await connection.fetchval(_SQL["add_lane"], partition, count * SLOTS, ends)
        lanes.append(_Lane(lane_no=lane_no, accounts=count))
    seqs = [0] * partitions
    stamps: list[tuple[int, int]] = []
    for partition in of_accounts:
        seqs[partition] += 1
        stamps.append((lanes[partition].lane_no, seqs[partition]))
    columns = map(list, zip(*stamps, strict=True))
    await connection.execute(_SQL["add_accounts"], *columns, begins - timedelta(hours=1), ends)
    await connection.execute(_SQL["send_everything_of_revenue"])
    return lanes


async def _filled(connection: Connection, begins: datetime, lanes: Sequence[_Lane], done: "_Progress") -> None:
    accounts = sum(lane.accounts for lane in lanes)
    step = max(ROWS_AT_ONCE // max(accounts, 1), 1)
    asked = ([lane.lane_no for lane in lanes], [lane.accounts for lane in lanes])
    for first, behind in pairwise([*range(1, SLOTS, step), SLOTS]):
        await connection.execute(_SQL["add_records"], *asked, begins, first, behind)
        done.add(accounts * (behind - first))


@dataclass(kw_only=True)
class _Progress:
    """How many rows are there, of all sessions."""

    on_part: OnPart
    total: int
    rows: int = 0

    def add(self, rows: int) -> None:
        self.rows += rows
        self.on_part("five years of revenue", self.rows, self.total)
