"""The jobs of the ledger: what a bank does because time has passed.

Cost      Each query reads an index from a place on; where nothing is due it reads one page of it.
Invariant What is due is due because of its row alone, so what was applied is due no more. A row is named by its account
          and its own id, and falls due at one instant: the same thing is said under the same command id by everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

from contracts.advances import AdvanceAudit, AdvanceCollect
from contracts.holds import HoldExpire
from contracts.interest import InterestAccrue, InterestPost
from processor.database import Connection, named_queries
from processor.engine.jobs import Calendar, Chore, Due, Every, Job, Place
from processor.ledger import cold
from processor.ledger.bank import Bank
from processor.ledger.families.advances import suspects

_SQL: Final = named_queries("processor.ledger", "jobs.sql")
_DAY: Final = timedelta(days=1)
_BEFORE_ALL: Final = date.min  # which the driver writes as -infinity
_BEFORE_ALL_AT: Final = datetime(1970, 1, 1, tzinfo=UTC)


def jobs_of(bank: Bank) -> Sequence[Job | Chore]:
    """Return the jobs of *bank*, in the order in which they are looked at."""
    at = _Jobs(Calendar(zone=bank.zone))
    return (
        Job(name="hold-expiry", every=Every.MINUTE, first=(_BEFORE_ALL_AT, 0, ""), due=at.expiries),
        Job(name="interest-accrual", every=Every.DAY, first=(_BEFORE_ALL, 0), due=at.accruals),
        Job(name="interest-posting", every=Every.MONTH, first=(_BEFORE_ALL, 0), due=at.postings),
        Job(name="advance-collection", every=Every.DAY, first=(_BEFORE_ALL, 0, "", 0), due=at.collections),
        Job(name="advance-watchdog", every=Every.DAY, first=(0, ""), due=at.suspects, once=True),
        cold.chore(bank.zone, bank.hot_months),
    )


@dataclass(frozen=True)
class _Jobs:
    """What is due, by the calendar of one bank."""

    calendar: Calendar

    async def expiries(self, connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
        """Return the holds that have expired. An expiry that was put off is another period, hence another command."""
        rows = await connection.fetch(_SQL["due_holds"], as_of, *place, limit)
        return [
            Due(
                subject=f"{account_id}/{hold_id}",
                period=expires_at,
                place=(expires_at, account_no, hold_id),
                says=partial(HoldExpire, account_id=account_id, hold_id=hold_id),
            )
            for expires_at, account_no, hold_id, account_id in rows
        ]

    async def accruals(self, connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
        """Return the accounts that lack a day that has ended. One command accrues all days up to yesterday."""
        today = self.calendar.day(as_of)
        period, yesterday = self.calendar.start_of(today), today - _DAY
        rows = await connection.fetch(_SQL["due_accruals"], yesterday, *place, limit)
        return [
            Due(
                subject=account_id,
                period=period,
                place=(accrued_until, account_no),
                says=partial(InterestAccrue, account_id=account_id, date=yesterday.isoformat()),
            )
            for accrued_until, account_no, account_id in rows
        ]

    async def postings(self, connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
        """Return the accounts that lack a month that has ended, each with the first that it lacks."""
        last_ended = self.calendar.day(as_of).replace(day=1) - _DAY
        rows = await connection.fetch(_SQL["due_postings"], last_ended, *place, limit)
        return [
            Due(
                subject=f"{account_id}/{first_day:%Y-%m}",
                period=self.calendar.following(Every.MONTH, self.calendar.start_of(first_day)),
                place=(posted_until, account_no),
                says=partial(InterestPost, account_id=account_id, month=f"{first_day:%Y-%m}"),
            )
            for posted_until, account_no, account_id in rows
            for first_day in (posted_until + _DAY,)
        ]

    async def collections(self, connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
        """Return the payments of advances that are to be collected."""
        rows = await connection.fetch(_SQL["due_payments"], self.calendar.day(as_of), *place, limit)
        return [
            Due(
                subject=f"{account_id}/{advance_id}/{number}",
                period=self.calendar.start_of(due),
                place=(due, account_no, advance_id, number),
                says=partial(AdvanceCollect, account_id=account_id, advance_id=advance_id, payment_no=number),
            )
            for due, account_no, advance_id, number, account_id in rows
        ]

    async def suspects(self, connection: Connection, as_of: datetime, place: Place, limit: int) -> Sequence[Due]:
        """Return the advances whose payments do not sum to them, by one pass over all."""
        account_no, advance_id = place
        today = self.calendar.period(Every.DAY, as_of)
        return [
            Due(
                subject=f"{account_id}/{advance_id}",
                period=today,
                place=(account_no, advance_id),
                says=partial(AdvanceAudit, account_id=account_id, advance_id=advance_id),
            )
            for account_no, advance_id, account_id in await suspects(connection, (account_no, advance_id), limit)
        ]
