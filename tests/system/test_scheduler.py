"""Schedulers as processes, beside each other and killed, while the clock runs ahead: everything due is done, once."""

import asyncio
import os
import signal
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from producers.command_ids import new_command_id
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import send, until, until_applied
from tests.system.test_postgres_faults import until_stopped, woken

ACCOUNTS: Final = 8
HOLDS: Final = 5  # of each account, expiring a day after one another
PAYMENTS: Final = 6  # of each account's advance, a week after one another

# Nothing is due by the clock that schedulers read, and that is noted.
NOTHING_DUE: Final = """
SELECT NOT EXISTS (SELECT FROM hold WHERE status = 1 AND expires_at <= partita_clock())
   AND NOT EXISTS (SELECT FROM interest WHERE NOT idle AND accrued_until < today - 1)
   AND NOT EXISTS (SELECT FROM interest WHERE NOT idle AND posted_until < date_trunc('month', today)::date - 1)
   AND NOT EXISTS (SELECT FROM advance_payment WHERE status = 1 AND due <= today)
   AND EXISTS (SELECT FROM job_run WHERE job = 'interest-accrual' AND (last_period AT TIME ZONE 'UTC')::date = today)
  FROM (SELECT (partita_clock() AT TIME ZONE 'UTC')::date AS today) AS calendar"""
DAYS: Final = "SELECT DISTINCT sum(last_day - first_day + 1) FROM interest_accrual GROUP BY account_no"
ANSWERS: Final = "SELECT type, count(*) FROM event WHERE kind = 1 GROUP BY type"


def command(kind: str, account: str, **fields: Any) -> dict[str, Any]:
    return {"command_id": new_command_id(), "type": kind, "account_id": account, **fields}


def opening(account: str, now: datetime) -> list[dict[str, Any]]:
    """Return what an account begins with: money that bears interest, holds, and an advance."""
    expiries = [now + timedelta(days=number + 1) for number in range(HOLDS)]
    return [
        command("account.open", account, account_type="SAVINGS", currency="EUR", product="savings"),
        command("transfer.deposit", account, amount="1000.00"),
        *(
            command("hold.place", account, hold_id=f"h{number}", amount="1.00", reason="PENDING_ACH", expires_at=at)
            for number, at in enumerate(each.isoformat() for each in expiries)
        ),
        command("advance.request", account, advance_id="v", amount="60.00", payments=PAYMENTS),
    ]


async def opened(at: Installation) -> datetime:
    """Open all accounts at a noon, and return it."""
    await at.fetch(
        "UPDATE clock SET ahead = date_trunc('day', clock_timestamp(), 'UTC') + interval '36 hours' - clock_timestamp()"
    )
    ((now,),) = await at.fetch("SELECT partita_clock()")
    commands = [each for number in range(ACCOUNTS) for each in opening(f"S-{number}", now)]
    await send(at, commands)
    await until_applied(at, len(commands))
    return datetime.fromisoformat(now.isoformat())


async def after(at: Installation, **time: float) -> None:
    """Move the clock ahead, and wait until nothing is due."""
    await at.fetch("UPDATE clock SET ahead = ahead + $1", timedelta(**time))
    await until(at, NOTHING_DUE)


async def judge(at: Installation, began: datetime) -> None:
    """Hold what was done against the calendar: each hold, day, month and payment once, and nothing refused."""
    ((now,),) = await at.fetch("SELECT partita_clock()")
    days = (now.date() - began.date()).days
    months = 12 * (now.year - began.year) + now.month - began.month
    answers: Counter[str] = Counter(dict(await at.fetch(ANSWERS)))
    assert [name for name in answers if name.endswith("rejected")] == []
    assert answers["hold.expired"] == ACCOUNTS * HOLDS
    assert answers["interest.posted"] == ACCOUNTS * months
    assert answers["advance.payment_collected"] == ACCOUNTS * PAYMENTS
    assert await at.fetch(DAYS) == [(days,)]
    assert await at.fetch("SELECT count(*) FROM dead_letter") == [(0,)]
    assert await at.fetch("SELECT DISTINCT status FROM advance") == [(2,)]
    audit = await asyncio.to_thread(at.door, "audit")
    assert audit.returncode == 0, audit.stdout


async def test_schedulers_do_everything_once_through_days_and_months_however_one_of_them_ends(install: Install) -> None:
    """The first is killed between publishing and noting that it has; two others go on, one of them standing by."""
    at = await install(partitions=1)
    with at.role("consumer"):
        began = await opened(at)
        with at.role("scheduler", PARTITA_FAULT="scheduled:1") as doomed:
            await asyncio.to_thread(doomed.says, "scheduler_leads")
            await at.fetch("UPDATE clock SET ahead = ahead + '1 day'")
            assert "PARTITA_FAULT reached scheduled" in await asyncio.to_thread(doomed.died)
        with at.role("scheduler"), at.role("scheduler"):
            await until(at, NOTHING_DUE)
            await after(at, days=32)
            await after(at, days=70)
        assert await at.fetch("SELECT missed FROM job_run WHERE job = 'interest-accrual'") == [(31 + 69,)]
    await judge(at, began)


async def test_a_leader_that_is_frozen_loses_its_lead_and_says_nothing_new_when_it_wakes(install: Install) -> None:
    at = await install(partitions=1)
    with at.role("consumer"):
        began = await opened(at)
        with at.role("scheduler", PARTITA_FAULT="scheduled:1:stop") as frozen, woken(frozen):
            await asyncio.to_thread(frozen.says, "scheduler_leads")
            await at.fetch("UPDATE clock SET ahead = ahead + '50 days'")
            await until_stopped(frozen, "scheduled")
            with at.role("scheduler") as other:
                await asyncio.to_thread(other.says, "scheduler_leads")
                await until(at, NOTHING_DUE)
                os.kill(frozen.pid, signal.SIGCONT)
                await asyncio.to_thread(frozen.says, "scheduler_cannot_read")
                await after(at, days=1)
    await judge(at, began)
