"""Books of expenses that have grown for a year: written by sets, as if their commands had come one after the other.

Promise   The audit holds on them: each row has the event that answers it, and sums are those of the rows. A user has
          100 expenses a month, five of them changed once, two recurring entries and eight budgets; one in ten is spent
          in another currency. Nothing is random: the same size makes the same books.
Cost      A minute for three million expenses on two cores; 2 kB of disk each.
Invariant Rows lie in the order of time, as they do where they were written: those of a user are far from one another.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from partita.bench.found import OnPart
from processor.database import Connection, Timeouts, connect, named_queries
from producers.kafka import Partitioner

MONTHS: Final = 12
EXPENSES_A_MONTH: Final = 100
SLOTS_A_MONTH: Final = 105
SLOT_S: Final = 22_217
FIRST_SLOT: Final = 3
BUDGETS: Final = 8
RATES: Final = 36
SLOTS: Final = FIRST_SLOT + MONTHS * SLOTS_A_MONTH + BUDGETS
SESSIONS: Final = 4  # one often waits for the disk
ROWS_AT_ONCE: Final = 50_000


# What reads of expenses come to, indexes first: events are in it only by their index on users.
READ_BY_USERS: Final = (
    *("expense_user", "expense_user_pkey", "user_exists", "expense_exists", "expense_by_date", "expense_version_pkey"),
    *("expense_summary", "expense_summary_exists", "budget", "budget_exists", "budget_by_month"),
    *("expense", "expense_version"),
)

_SQL = named_queries("partita.bench", "expenses.sql")
_PATIENT: Final = Timeouts(statement_s=3600.0)
_LAVISH: Final = {"synchronous_commit": "off", "work_mem": "256MB", "maintenance_work_mem": "256MB"}


def user_id(number: int) -> str:
    """Return the id of a user; the first is 1."""
    return f"bench-{number:06}"


def expense_id(year: int, month: int, slot: int, user: int) -> str:
    """Return the id of the expense that slot 1 to 100 of a month has added, if no recurring entry has."""
    at_ms = int(datetime(year, month, 1, tzinfo=UTC).timestamp() + (slot - 1) * SLOT_S) * 1000
    return f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7001-8000-{user:012x}"


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What was built: so many users, each with the expenses of *year*; bytes of rows and of indexes by table."""

    users: int
    year: int
    seconds: float
    sizes: Mapping[str, tuple[int, int]]

    @property
    def expenses(self) -> int:
        """Return how many expenses there are."""
        return self.users * MONTHS * EXPENSES_A_MONTH

    @property
    def bytes_each(self) -> tuple[float, float]:
        """Return what an expense takes in rows and in indexes, with its versions, events, sums, and all the rest."""
        rows, indexes = (sum(column) for column in zip(*self.sizes.values(), strict=True))
        return rows / self.expenses, indexes / self.expenses


@dataclass(frozen=True, kw_only=True)
class _Lane:
    """A lane and its users."""

    lane_no: int
    users: int


async def grow(url: str, *, users: int, partitions: int, on_part: OnPart) -> Grown:
    """Fill the database at *url*, which is empty and at this version's schema, with the year before this one."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        sessions = [await _session(url, stack) for _ in range(SESSIONS)]
        begins = datetime(datetime.now(UTC).year - 1, 1, 1, tzinfo=UTC)
        lanes = await _founded(sessions[0], begins, users, partitions)
        done = _Progress(on_part=on_part, total=users * MONTHS * SLOTS_A_MONTH)
        shares = [lanes[number::SESSIONS] for number in range(SESSIONS)]
        await asyncio.gather(
            *(_filled(session, begins, share, done) for session, share in zip(sessions, shares, strict=True))
        )
        await _closed(*sessions[:2])
        sizes = await sessions[0].fetch(_SQL["sizes"])
    return Grown(
        users=users,
        year=begins.year,
        seconds=time.monotonic() - began,
        sizes={row["name"]: (row["rows_bytes"], row["indexes_bytes"]) for row in sizes},
    )


async def warm_up(url: str, on_part: OnPart) -> None:
    """Read once what reads come to, as it has been read where the books have been read for a while."""
    async with AsyncExitStack() as stack:
        connection = await _session(url, stack)
        for number, name in enumerate(READ_BY_USERS, start=1):
            await connection.fetchval(_SQL["read_once"], name)
            on_part("what reads come to, read once", number, len(READ_BY_USERS))


async def _session(url: str, stack: AsyncExitStack) -> Connection:
    connection = await connect(url, role="bench", timeouts=_PATIENT, planning=_LAVISH)
    stack.push_async_callback(connection.close)
    return connection


async def _founded(connection: Connection, begins: datetime, users: int, partitions: int) -> list[_Lane]:
    """Add lanes, rates, users, and their recurring entries and budgets."""
    of_users = [Partitioner().partition_of(user_id(number).encode(), partitions) for number in range(1, users + 1)]
    ends = begins.replace(month=MONTHS, day=28, minute=BUDGETS - 1)
    lanes: list[_Lane] = []
    for partition in range(partitions):
        count = of_users.count(partition)
        events = count * SLOTS + (0 if partition else RATES)
        lanes.append(_Lane(lane_no=await connection.fetchval(_SQL["add_lane"], partition, events, ends), users=count))
    await connection.execute(_SQL["add_rates"], lanes[0].lane_no, begins)
    seqs = [0 if partition else RATES for partition in range(partitions)]
    stamps: list[tuple[int, int]] = []
    for partition in of_users:
        seqs[partition] += 1
        stamps.append((lanes[partition].lane_no, seqs[partition]))
    await connection.execute(_SQL["add_users"], *map(list, zip(*stamps, strict=True)), begins, SLOTS - 1)
    await connection.execute(_SQL["add_recurring"], *_asked(lanes), begins)
    await connection.execute(_SQL["add_budgets"], *_asked(lanes), begins, SLOTS - BUDGETS)
    await connection.execute(_SQL["send_everything_of_expenses"])
    return lanes


async def _filled(connection: Connection, begins: datetime, lanes: Sequence[_Lane], done: "_Progress") -> None:
    users = sum(lane.users for lane in lanes)
    step = max(ROWS_AT_ONCE // max(users, 1), 1)
    last = SLOTS - BUDGETS
    for first, behind in pairwise([*range(FIRST_SLOT, last, step), last]):
        await connection.execute(_SQL["add_expenses"], *_asked(lanes), begins, first, behind)
        done.add(users * (behind - first))


async def _closed(events: Connection, others: Connection) -> None:
    """Sum up, and do what a server does in quiet hours."""

    async def summed() -> None:
        await others.execute(_SQL["add_sums"])
        await others.execute(_SQL["vacuum_others"])

    await asyncio.gather(summed(), events.execute(_SQL["analyze_events"]))
    await events.execute(_SQL["checkpoint"])


def _asked(lanes: Sequence[_Lane]) -> tuple[list[int], list[int]]:
    return [lane.lane_no for lane in lanes], [lane.users for lane in lanes]


@dataclass(kw_only=True)
class _Progress:
    """How many rows are there, of all sessions."""

    on_part: OnPart
    total: int
    rows: int = 0

    def add(self, rows: int) -> None:
        self.rows += rows
        self.on_part("a year of expenses", self.rows, self.total)
