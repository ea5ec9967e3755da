"""The ledger's jobs: what is due as of an instant, by which index; and that what was applied is due no more."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from contracts.accounts import AccountClose, AccountOpen
from contracts.advances import AdvanceRequest
from contracts.envelope import Command, type_of
from contracts.holds import HoldExtend, HoldPlace
from partita.local.stack import LocalStack
from processor.database import Connection, connect, named_queries
from processor.engine.jobs import Due, Job
from processor.ledger.bank import Bank
from processor.ledger.jobs import jobs_of
from processor.telemetry import COUNTERS
from producers.command_ids import new_command_id, scheduled_command_id
from producers.scheduling.job_runs import clock
from tests.conftest import fresh_database
from tests.engine.desk import Desk, paying_in
from tests.engine.test_plans import reads, session

__all__ = ["session"]

JOBS: Final = {job.name: job for job in jobs_of(Bank()) if isinstance(job, Job)}
PAGE: Final = 2


@dataclass
class Office(Desk):
    """A desk on a database of the test's own, whose time flies."""

    async def after(self, **time: float) -> datetime:
        await self.connection.execute("UPDATE clock SET ahead = ahead + $1", timedelta(**time))
        return await clock(self.connection)

    async def to_noon(self) -> datetime:
        """Go to the next noon of the bank, so that no test runs over midnight."""
        now = await clock(self.connection)
        noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
        await self.after(seconds=((noon - now) % timedelta(days=1)).total_seconds())
        return (await clock(self.connection)).replace(second=0, microsecond=0)

    async def open(self, *names: str, on_each: str = "100", **more: Any) -> None:  # type: ignore[override]
        fields = {"account_type": "SAVINGS", "currency": "EUR", "product": "savings"} | more
        await self.tell(*(AccountOpen(command_id=new_command_id(), account_id=name, **fields) for name in names))
        await self.tell(*(paying_in(name, on_each) for name in names))

    async def due(self, name: str, as_of: datetime | None = None) -> list[Due]:
        """Return what is due, read page by page; no page is larger than it may be."""
        job, found = JOBS[name], list[Due]()
        as_of, place = as_of or await clock(self.connection), job.first
        while page := await job.due(self.connection, as_of, place, PAGE):
            assert len(page) <= PAGE
            found += page
            place = page[-1].place
        assert len({(each.period, each.subject) for each in found}) == len(found)
        assert [each.place for each in found] == sorted(each.place for each in found)
        return found

    async def do(self, found: Sequence[Due]) -> list[str]:
        """Have what was found due applied, and return the types of the answers."""
        told = await self.tell(*(each.says(command_id=new_command_id()) for each in found))
        return [each.type for each in told]


@pytest.fixture
async def office(stack: LocalStack, migrated_database: str) -> AsyncIterator[Office]:
    async with fresh_database(stack, migrated_database) as url:
        connection = await connect(url, role="test")
        desk = await Desk.open(connection, url)
        yield Office(connection=connection, database=desk.database, offsets=desk.offsets)
        await desk.database.close()
        await connection.close()


def said(due: Due) -> Command:
    return due.says(command_id=new_command_id())


def placed(account_id: str, hold_id: str, **more: Any) -> Command:
    fields = {"amount": "1", "reason": "PENDING_ACH"} | more
    return HoldPlace(command_id=new_command_id(), account_id=account_id, hold_id=hold_id, **fields)


def subjects(found: Sequence[Due]) -> list[str]:
    return [each.subject for each in found]


async def test_holds_are_due_once_they_have_expired(office: Office) -> None:
    now = await office.to_noon()
    await office.open("a", "b")
    await office.tell(
        *(placed("a", f"h{number}", expires_at=now + timedelta(hours=number)) for number in range(1, 5)),
        placed("b", "h1", expires_at=now + timedelta(hours=1)),
        placed("b", "for-ever"),
    )
    assert await office.due("hold-expiry") == []
    as_of = await office.after(hours=3, minutes=30)
    found = await office.due("hold-expiry", as_of)
    assert subjects(found) == ["a/h1", "b/h1", "a/h2", "a/h3"]
    assert [each.period for each in found] == [now + timedelta(hours=number) for number in (1, 1, 2, 3)]
    assert subjects(await office.due("hold-expiry", now + timedelta(hours=2))) == ["a/h1", "b/h1", "a/h2"]

    assert await office.do(found) == ["hold.expired"] * 4
    assert await office.due("hold-expiry") == []


async def test_a_hold_that_was_extended_is_due_anew(office: Office) -> None:
    now = await office.to_noon()
    await office.open("a")
    first, second = now + timedelta(hours=1), now + timedelta(hours=2)
    await office.tell(
        placed("a", "h", expires_at=first),
        HoldExtend(command_id=new_command_id(), account_id="a", hold_id="h", expires_at=second),
    )
    await office.after(hours=3)
    assert [each.period for each in await office.due("hold-expiry")] == [second]


async def test_each_account_that_bears_interest_lacks_the_days_that_have_ended(office: Office) -> None:
    now = await office.to_noon()
    await office.open("a", "b", "c", "closed")
    await office.open("plain", product="plain")
    await office.tell(AccountClose(command_id=new_command_id(), account_id="closed", payout_account_id="plain"))
    assert await office.due("interest-accrual") == []
    await office.after(days=1)
    found = await office.due("interest-accrual")
    assert subjects(found) == ["a", "b", "c"]
    midnight = (now + timedelta(days=1)).replace(hour=0, microsecond=0)
    assert {each.period for each in found} == {midnight}
    assert {said(each).date for each in found} == {now.date().isoformat()}  # type: ignore[attr-defined]

    assert await office.do(found[:1]) == ["interest.accrued"]
    await office.after(days=5)
    behind = await office.due("interest-accrual")
    assert subjects(behind) == ["b", "c", "a"]  # what lacks most comes first
    assert await office.do(behind) == ["interest.accrued"] * 3
    assert await office.due("interest-accrual") == []


async def test_months_that_have_ended_are_posted_one_after_another(office: Office) -> None:
    now = await office.to_noon()
    await office.open("a", "b", "c")
    assert await office.due("interest-posting") == []
    months = [now.date().replace(day=1)]
    for _ in range(2):
        months.append((months[-1] + timedelta(days=31)).replace(day=1))
    await office.after(days=((months[-1] + timedelta(days=31)).replace(day=1) - now.date()).days)

    posted = []
    while found := await office.due("interest-posting"):
        posted.append(sorted(subjects(found)))
        assert {each.period.date() for each in found} == {(months[len(posted) - 1] + timedelta(days=31)).replace(day=1)}
        assert await office.do(found) == ["interest.posted"] * 3
    assert posted == [[f"{name}/{month:%Y-%m}" for name in ("a", "b", "c")] for month in months]


async def test_payments_of_advances_are_due_from_their_day_on(office: Office) -> None:
    now = await office.to_noon()
    today = now.date()
    await office.open("a", "b")
    await office.tell(
        *(
            AdvanceRequest(
                command_id=new_command_id(),
                account_id=account,
                advance_id="v",
                amount="30",
                payments=3,
                first_due=first_due.isoformat(),
            )
            for account, first_due in [("a", today), ("b", today - timedelta(days=7))]
        )
    )
    found = await office.due("advance-collection")
    assert subjects(found) == ["b/v/1", "a/v/1", "b/v/2"]
    assert [each.period.date() for each in found] == [today - timedelta(days=7), today, today]
    assert await office.do(found) == ["advance.payment_collected"] * 3
    assert await office.due("advance-collection") == []
    await office.after(days=7)
    assert subjects(await office.due("advance-collection")) == ["a/v/2", "b/v/3"]


@pytest.mark.parametrize("first_due", ["1900-01-01", "1969-12-31"])
async def test_payments_that_fell_due_long_ago_are_collected_like_any_other(office: Office, first_due: str) -> None:
    await office.to_noon()
    await office.open("a")
    fields = {"type": "advance.request", "account_id": "a", "amount": "30", "payments": 3, "interval_days": 1}
    fields |= {"first_due": first_due}
    asked = msgspec.convert(fields | {"command_id": new_command_id(), "advance_id": "v"}, AdvanceRequest)
    (told,) = await office.tell(asked)
    assert told.type == "advance.granted"
    found = await office.due("advance-collection")
    assert sorted(subjects(found)) == ["a/v/1", "a/v/2", "a/v/3"]
    ids = {scheduled_command_id(period=each.period, job="advance-collection", subject=each.subject) for each in found}
    assert len(ids) == 3
    assert await office.do(found) == ["advance.payment_collected"] * 3
    assert await office.due("advance-collection") == []


async def test_an_advance_that_does_not_sum_up_is_audited_and_an_alarm(office: Office) -> None:
    await office.to_noon()
    await office.open("a", "b")
    await office.tell(
        *(
            AdvanceRequest(command_id=new_command_id(), account_id=account, advance_id="v", amount="30", payments=3)
            for account in ("a", "b")
        )
    )
    assert await office.due("advance-watchdog") == []
    await office.connection.execute(
        "UPDATE advance_payment SET amount_minor = amount_minor + 1 FROM account"
        " WHERE account.account_no = advance_payment.account_no AND account_id = 'b' AND payment_no = 2"
    )
    found = await office.due("advance-watchdog")
    assert [type_of(said(each)) for each in found] == ["advance.audit"]
    assert subjects(found) == ["b/v"]
    before = COUNTERS["advance_audits_failed"]
    assert await office.do(found) == ["advance.audit_failed"]
    assert COUNTERS["advance_audits_failed"] == before + 1
    assert JOBS["advance-watchdog"].once  # it stays as it is, and one answer a day is enough


# Plans ----------------------------------------------------------------------------------------------------------------

INDEXES: Final = {
    "due_holds": ["hold_due", "account_pkey"],
    "due_accruals": ["interest_to_accrue", "account_pkey"],
    "due_postings": ["interest_to_post", "account_pkey"],
    "due_payments": ["advance_payment_due", "account_pkey"],
}
A_FEW_ROWS: Final = """
INSERT INTO account (account_no, account_id, account_type, currency, product, decided_at, opened_at)
SELECT n, 'A' || n, 1, 'EUR', 'plain', now(), now() FROM generate_series(1, 3) AS n;
INSERT INTO hold SELECT n, 'H', 1, 1, 5, 0, 0, 0, now(), false, 1, now(), now(), 1, n FROM generate_series(1, 3) AS n;
ANALYZE"""


@pytest.mark.parametrize("tables", ["SELECT", "VACUUM ANALYZE", A_FEW_ROWS], ids=["unknown", "empty", "a few rows"])
async def test_what_is_due_is_found_by_index(session: Connection, tables: str) -> None:
    await session.execute(tables)
    queries = named_queries("processor.ledger", "jobs.sql")
    found = {name: await reads(session, name, queries[name]) for name in INDEXES}
    assert found == {name: sorted((index, True) for index in indexes) for name, indexes in INDEXES.items()}


async def test_what_was_answered_is_found_by_index(session: Connection) -> None:
    found = await reads(session, "ended", named_queries("producers.scheduling", "scheduler.sql")["ended"])
    hot_and_cold = ["event_one_answer_per_command", "event_command_id_idx", "event_pkey", "event_pkey"]
    assert found == sorted((index, True) for index in [*hot_and_cold, "dead_letter_by_command"])


async def test_no_sort_stands_before_a_page(session: Connection) -> None:
    """A page of what is due costs the same however much is due: its order is the index's."""
    for name, query in named_queries("processor.ledger", "jobs.sql").items():
        parameters = len((await session.prepare(query)).get_parameters())
        await session.execute(f"PREPARE {name} AS {query}")
        rows = await session.fetch(f"EXPLAIN EXECUTE {name}({', '.join(['NULL'] * parameters)})")
        plan = "\n".join(row[0] for row in rows)
        _, _, under_limit = plan.partition("Limit")
        assert "Sort" not in under_limit, plan
