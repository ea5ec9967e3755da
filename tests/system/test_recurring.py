"""What recurs, said by schedulers as processes: beside each other, killed, and away for weeks."""

import asyncio
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.specs import EXPENSES
from producers.command_ids import new_command_id
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import send, until, until_applied

ZONES: Final = ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia")
AWAY: Final = timedelta(days=40)
TO_NOON: Final = "UPDATE clock SET ahead = date_trunc('day', now(), 'UTC') + interval '36 hours' - clock_timestamp()"
NOTHING_BUT: Final = """
SELECT NOT EXISTS (SELECT FROM recurring WHERE next_due_at <= partita_clock() AND recurring_id <> $1)
   AND EXISTS (SELECT FROM job_run WHERE job = 'recurring-expenses'
                  AND last_period = date_trunc('day', partita_clock(), 'UTC'))"""
MADE: Final = """
SELECT user_id, recurring_id, array_agg(entry.date ORDER BY entry.date)
  FROM recurring_entry AS entry JOIN expense_user USING (user_no) GROUP BY user_id, recurring_id"""
REFUSED: Final = "SELECT payload FROM event WHERE kind = 1 AND type LIKE '%.rejected'"


def command(kind: str, **fields: Any) -> dict[str, Any]:
    return {"command_id": new_command_id(), "type": kind, **fields}


def starts(began: date) -> dict[str, tuple[date, str, str]]:
    """Return when each entry of a user starts, how often it recurs, and in which currency."""
    return {
        "daily": (began - timedelta(days=3), "daily", "EUR"),
        "weekly": (began, "weekly", "EUR"),
        "monthly": (date(began.year - 1, 8, 31), "monthly", "EUR"),
        "abroad": (began + timedelta(days=5), "weekly", "USD"),  # for which there is no rate at first
    }


def opening(began: date) -> list[dict[str, Any]]:
    """Return what there is at the beginning: a user in each zone, with all entries."""
    users = [command("user.create", user_id=zone[-4:], base_currency="EUR", timezone=zone) for zone in ZONES]
    return users + [
        command(
            "recurring.set",
            user_id=zone[-4:],
            recurring_id=name,
            amount="9.00",
            currency=currency,
            category="Bills",
            frequency=frequency,
            starts_on=starts_on.isoformat(),
        )
        for zone in ZONES
        for name, (starts_on, frequency, currency) in starts(began).items()
    ]


def days(starts_on: date, frequency: str, last: date) -> Iterator[date]:
    """Yield the days on which an entry recurs, by counting."""
    day, months = starts_on, 0
    while day <= last:
        yield day
        months += 1
        year, month = divmod(starts_on.year * 12 + starts_on.month - 1 + months, 12)
        clamped = date(year, month + 1, min(starts_on.day, monthrange(year, month + 1)[1]))
        day = clamped if frequency == "monthly" else day + timedelta(days=1 if frequency == "daily" else 7)


async def judge(at: Installation, began: date) -> None:
    """Hold what was made against the calendar: each day that has begun for its user, once."""
    ((now,),) = await at.fetch("SELECT partita_clock()")
    assert {(user, name): made for user, name, made in await at.fetch(MADE)} == {
        (zone[-4:], name): list(days(starts_on, frequency, now.astimezone(ZoneInfo(zone)).date()))
        for zone in ZONES
        for name, (starts_on, frequency, _) in starts(began).items()
    }
    audit = await asyncio.to_thread(at.door, "audit")
    assert audit.returncode == 0, audit.stdout


async def test_every_day_that_recurs_is_made_once_however_schedulers_end_and_stay_away(install: Install) -> None:
    at = await install(partitions=1, context=EXPENSES)
    await at.fetch(TO_NOON)
    ((now,),) = await at.fetch("SELECT partita_clock()")
    began = datetime.fromisoformat(now.isoformat()).astimezone(UTC).date()
    commands = opening(began)
    with at.role("consumer"):
        await send(at, commands)
        await until_applied(at, len(commands))
    with at.role("scheduler", PARTITA_FAULT="scheduled:1") as doomed:
        assert "PARTITA_FAULT reached scheduled" in await asyncio.to_thread(doomed.died)
    with at.role("scheduler") as next_one:
        await asyncio.to_thread(next_one.says, "job_run .*recurring-expenses")  # all of it a second time
    with at.role("consumer"):
        with at.role("scheduler"), at.role("scheduler"):
            await until(at, NOTHING_BUT, "abroad")
        assert await at.fetch("SELECT count(*) > 0 FROM event WHERE kind = 2") == [(True,)]
        await at.fetch("UPDATE clock SET ahead = ahead + $1", AWAY)
        with at.role("scheduler"), at.role("scheduler"):
            await until(at, NOTHING_BUT, "abroad")
        assert await at.fetch("SELECT missed FROM job_run WHERE job = 'recurring-expenses'") == [(AWAY.days - 1,)]
        weeks = len(list(days(began, "weekly", began + AWAY - timedelta(days=5))))
        refused = [bytes(payload) for (payload,) in await at.fetch(REFUSED)]
        assert len(refused) == weeks * len(ZONES)  # each day on its own, and once
        assert all(b'"code":"rate_unknown"' in payload for payload in refused)

        rates = [began + timedelta(days=number) for number in (5, 30)]
        await send(at, [command("rate.set", base="USD", quote="EUR", date=f"{day}", rate="0.9") for day in rates])
        await at.fetch("UPDATE clock SET ahead = ahead + interval '1 day'")
        with at.role("scheduler"):
            await until(at, NOTHING_BUT, "")
    assert len(await at.fetch(REFUSED)) == len(refused)
    await judge(at, began)
