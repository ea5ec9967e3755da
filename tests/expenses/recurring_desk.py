"""A desk for expenses whose clock is set, and the job that says what recurs, fired there without Kafka."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from contracts.recurring import RecurringSet
from contracts.users import UserCreate
from processor.database import Database, connect
from processor.engine import lanes
from processor.engine.jobs import Due, Job
from processor.expenses.context import EXPENSES
from processor.expenses.jobs import EXPENSES_JOBS
from producers.command_ids import new_command_id
from producers.scheduling.attempts import commands_for
from producers.scheduling.job_runs import clock
from tests.engine.desk import PARTITIONS, Desk, Told

(JOB,) = (job for job in EXPENSES_JOBS if isinstance(job, Job))
PAGE: Final = 3
NOON: Final = datetime(2031, 5, 15, 12, tzinfo=UTC)
MADE: Final = """
SELECT entry.date::text, expense.amount_minor
  FROM recurring_entry AS entry JOIN expense USING (user_no, expense_id)
 WHERE entry.recurring_id = $1 ORDER BY entry.date"""


@dataclass
class Office(Desk):
    """The desk."""

    async def at(self, instant: datetime) -> datetime:
        """Set the clock."""
        await self.connection.execute("UPDATE clock SET ahead = $1 - clock_timestamp()", instant)
        return instant

    async def user(self, user_id: str, timezone: str = "UTC") -> None:
        created = UserCreate(command_id=new_command_id(), user_id=user_id, base_currency="EUR", timezone=timezone)
        assert (await self.one(created)).type == "user.created"

    async def set(self, starts_on: str, *, user_id: str = "u", recurring_id: str = "r", **more: Any) -> Told:
        fields: dict[str, Any] = {"amount": "5.00", "currency": "EUR", "category": "Rent", "frequency": "daily"} | more
        asked: dict[str, Any] = {"user_id": user_id, "recurring_id": recurring_id, "starts_on": starts_on}
        return await self.one(RecurringSet(command_id=new_command_id(), **asked, **fields))

    async def due(self, as_of: datetime | None = None, *, page: int = PAGE) -> list[Due]:
        """Return what is due, read page by page; each page but the last is full."""
        as_of, place, found = as_of or await clock(self.connection), JOB.first, list[Due]()
        more = True
        while more:
            read = await JOB.due(self.connection, as_of, place, page)
            more, place, found = len(read) == page, read[-1].place if read else place, [*found, *read]
        assert [each.place for each in found] == sorted(each.place for each in found)
        return found

    async def fire(self) -> list[str]:
        """Do what a scheduler does now, and return the answers' types, or codes, with their days."""
        now = await clock(self.connection)
        commands = await commands_for(self.connection, JOB, await self.due(now), as_of=now)
        return [answer(each) for each in await self.tell(*commands)] if commands else []

    async def made(self, recurring_id: str = "r") -> list[tuple[str, int]]:
        return [tuple(row) for row in await self.connection.fetch(MADE, recurring_id)]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Office]:
    """Open an office at ``NOON``."""
    async with Database(url, role="desk") as database:
        connection = await connect(url, role="test")
        try:
            offsets = await lanes.take_up(connection, EXPENSES.name, dict.fromkeys(range(PARTITIONS), 0))
            office = Office(connection=connection, database=database, context=EXPENSES, offsets=offsets)
            await office.at(NOON)
            yield office
        finally:
            await connection.close()


def answer(told: Told) -> str:
    """Return the day that was asked for, and what became of it."""
    day = told.body.get("date") or told.body["details"]["date"]
    return f"{day} {told.body.get('code', told.type)}"
