"""Interest on PostgreSQL: what it costs to look back, that no day accrues twice, and what people see of it.

The clock of this module's database stands still, and is moved on from day to day.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest

from contracts.accounts import AccountClose, AccountOpen, AccountSetProduct
from contracts.envelope import Command
from contracts.interest import InterestAccrue, InterestPost
from contracts.products import ProductSet, Tier
from processor.database import Connection, Database
from processor.engine.audit import audit
from processor.ledger.account_reads import read_account
from processor.ledger.bank import Bank
from processor.ledger.families import day_ends
from producers.command_ids import new_command_id
from tests.engine.desk import Desk, moving, names, opening, paying_in
from tests.engine.test_tables import stand_still

# Begin, lanes, answers, accounts, interest, the house's rows and numbers for new ones, clock, products, balances;
# events, accruals, interest, lanes.
ACCRUED = 14
OWN_PRODUCT = 2  # it is locked, and its versions are read
POSTED = 5  # transactions, entries, postings, accounts and the house's new one
RESTING = 9  # as those, without the house's rows, products, balances and accruals
CostOf = Callable[..., Awaitable[int]]
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def said(kind: type[Command], **fields: Any) -> Any:
    return kind(command_id=new_command_id(), **fields)


def saving(account: str, product: str = "savings", kind: str = "SAVINGS") -> AccountOpen:
    return said(AccountOpen, account_id=account, account_type=kind, currency="EUR", product=product)  # type: ignore[no-any-return]


def accrue(account: str, day: date) -> InterestAccrue:
    return said(InterestAccrue, account_id=account, date=day.isoformat())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def days() -> list[date]:
    """Return the days on which the clock has stood so far."""
    return [NOON.date()]


@pytest.fixture
async def pass_day(desk: Desk, days: list[date]) -> Callable[[], Awaitable[date]]:
    """Return what lets a day end, and says which; a test begins on a day of its own."""

    async def passed() -> date:
        ended = days[-1]
        days.append(ended + timedelta(days=1))
        await stand_still(desk.connection, datetime.combine(days[-1], NOON.timetz()))
        return ended

    await passed()
    return passed


PassDay = Callable[[], Awaitable[date]]


@pytest.mark.parametrize("size", [1, 10, 300])
async def test_accruing_costs_the_same_statements_however_many_accounts_there_are(
    desk: Desk, statements: list[str], cost_of: CostOf, pass_day: PassDay, size: int
) -> None:
    accounts = names(size)
    await desk.tell(*map(saving, accounts), *(paying_in(each, "100") for each in accounts))
    await desk.one(accrue(saved := accounts[0], await pass_day()))  # by now every statement is prepared
    day = await pass_day()

    assert await cost_of(*(accrue(each, day) for each in accounts)) == ACCRUED, statements
    assert await rows(desk, saved) == [day - timedelta(days=1), day]


async def test_an_own_product_and_a_posting_cost_their_few_more(
    desk: Desk, statements: list[str], cost_of: CostOf, pass_day: PassDay
) -> None:
    accounts = names(20)
    rate = {"interest": "simple", "tiers": [Tier(start="0", rate="0.365")]}
    own = said(ProductSet, product=accounts[0], account_type="SAVINGS", currency="EUR", **rate)
    await desk.tell(
        own, *(saving(each, accounts[0]) for each in accounts), *(paying_in(each, "1000") for each in accounts)
    )
    await desk.one(accrue(accounts[0], await pass_day()))
    day = await pass_day()

    assert await cost_of(*(accrue(each, day) for each in accounts)) == ACCRUED + OWN_PRODUCT, statements
    while (day := await pass_day()).month == (await today(desk)).month:
        pass
    posts = [said(InterestPost, account_id=each, month=f"{day:%Y-%m}") for each in accounts]
    assert await cost_of(*posts) == ACCRUED + OWN_PRODUCT + POSTED, statements
    paid = sum([await desk.balance(each) for each in accounts]) - len(accounts) * 100_000
    assert await desk.balance("house:interest:EUR") == -paid < 0


async def test_who_has_never_earned_costs_no_look_back(
    desk: Desk, statements: list[str], cost_of: CostOf, pass_day: PassDay
) -> None:
    (account,) = names(1)
    await desk.one(opening(account))
    day = [await pass_day() for _ in range(3)][-1]

    # No products and no balances, and no accruals either.
    assert await cost_of(accrue(account, day)) == RESTING, statements


async def test_balances_of_the_past_are_looked_up_by_the_primary_key(desk: Desk, pass_day: PassDay) -> None:
    a, b = names(2)
    await desk.tell(saving(a), opening(b), paying_in(a, "500"))
    await desk.tell(*(moving(a, b, "0.01") for _ in range(1000)))
    day = await pass_day()
    await desk.tell(*(moving(a, b, "0.01") for _ in range(1000)))

    session = await desk.database.connection()
    async with session.transaction():
        (account,) = await session.fetch("SELECT * FROM account WHERE account_id = $1", a)
        before = await scans(session)
        balances = await session.fetchval(
            "SELECT balances_before($1, $2, $3, $4)",
            *(account["account_no"], account["last_entry_no"], account["ledger_minor"]),
            [Bank().ends(day - timedelta(days=1)), Bank().ends(day), Bank().ends(day + timedelta(days=1))],
        )
        after = await scans(session)

    assert balances == [0, 49_000, 48_000]
    assert after["seq_scan"] == before["seq_scan"]
    assert after["idx_scan"] - before["idx_scan"] < 70  # of 2,001 entries
    assert after["idx_tup_fetch"] - before["idx_tup_fetch"] < 70


async def scans(session: Connection) -> dict[str, int]:
    row = await session.fetchrow("SELECT * FROM pg_stat_xact_user_tables WHERE relname = 'entry'")
    assert row is not None
    return dict(row)


async def test_an_entry_before_an_instant_is_found_wherever_it_lies(desk: Desk, pass_day: PassDay) -> None:
    (account,) = names(1)
    await desk.one(opening(account))
    seeded, posted = random.Random(7), list[datetime]()
    day = (await pass_day()) + timedelta(days=1)
    for _ in range(12):
        posted += [told.occurred_at for told in await desk.tell(*(paying_in(account, "1"),) * seeded.choice([1, 2, 5]))]
        await desk.connection.execute("SELECT 1")
    number = await desk.connection.fetchval("SELECT account_no FROM account WHERE account_id = $1", account)
    asked = {instant + timedelta(microseconds=by) for instant in posted for by in (-1, 0, 1)}
    asked |= {Bank().ends(day - timedelta(days=1)), Bank().ends(day)}
    for last in (len(set(posted)), 1, 0):
        found = await desk.connection.fetch(
            "SELECT instant, entry_before($1, $2, instant) AS found FROM unnest($3::timestamptz[]) AS instant",
            *(number, last, sorted(asked)),
        )
        entries = [
            row["posted_at"]
            for row in await desk.connection.fetch(
                "SELECT posted_at FROM entry WHERE account_no = $1 AND entry_no <= $2", number, last
            )
        ]
        assert [row["found"] for row in found] == [sum(at < row["instant"] for at in entries) for row in found]


async def test_what_is_missing_is_read_in_parts_where_it_is_much(
    desk: Desk, pass_day: PassDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = names(5)
    await desk.tell(*map(saving, accounts))
    passed = list[date]()
    for number, account in enumerate(accounts, start=1):
        await desk.one(paying_in(account, f"{number}000"))
        passed.append(await pass_day())
    monkeypatch.setattr(day_ends, "DAYS_MAX", 6)
    told = await desk.tell(*(accrue(each, passed[-1]) for each in accounts))

    assert [each.body["days"] for each in told] == [5] * 5
    assert [each.body["accrued"] for each in told] == ["0.273973", "0.438356", "0.493151", "0.438356", "0.273973"]


async def test_no_day_accrues_twice_whoever_asks_for_it_and_how_often(
    desk: Desk, database_url: str, pass_day: PassDay
) -> None:
    accounts = names(10)
    await desk.tell(*map(saving, accounts), *(paying_in(each, "1000") for each in accounts))
    day = [await pass_day() for _ in range(3)][-1]
    asked = [accrue(each, day - timedelta(days=back)) for back in (2, 0, 1, 0) for each in accounts]
    parts = [desk.part(*asked, *asked[::-1], partition=partition) for partition in (0, 1)]
    parts += [desk.part(*(accrue(each, day) for each in accounts), partition=partition) for partition in (2, 3)]
    async with Database(database_url, role="one") as one, Database(database_url, role="two") as two:
        both = (desk.run(parts[::2], database=one), desk.run(parts[1::2], database=two))
        await asyncio.gather(*both)

    for account in accounts:
        assert await covered(desk, account) == [day - timedelta(days=back) for back in (2, 1, 0)]


async def test_an_accrual_lies_behind_the_last_though_the_clock_stands_still(desk: Desk, pass_day: PassDay) -> None:
    (account,) = names(1)
    await desk.one(saving(account))
    day = await pass_day()
    last = await pass_day()
    first = await desk.one(accrue(account, day), partition=0)
    second = await desk.one(accrue(account, last), partition=1)
    third = await desk.one(said(AccountClose, account_id=account), partition=2)

    assert first.occurred_at < second.occurred_at < third.occurred_at


async def test_a_day_that_ended_is_not_changed_by_what_comes_in_the_same_batch(desk: Desk, pass_day: PassDay) -> None:
    (account,) = names(1)
    await desk.tell(saving(account), paying_in(account, "999.99"))
    day = await pass_day()
    told = await desk.tell(
        paying_in(account, "9000.01"),
        said(AccountSetProduct, account_id=account, product="plain"),
        accrue(account, day),
        accrue(account, day),
    )

    assert [each.type for each in told][2:] == ["interest.accrued", "interest.rejected"]
    assert told[2].body["accrued"] == "0.027397"


async def test_people_see_the_rate_of_the_balance_and_what_has_accrued(desk: Desk, pass_day: PassDay) -> None:
    savings, own, plain = names(3)
    rate = {"interest": "compound", "tier_mode": "marginal", "tiers": [Tier(start="0", rate="0.0125")]}
    await desk.tell(
        *(saving(savings), paying_in(savings, "1000"), opening(plain)),
        said(ProductSet, product=own, account_type="SAVINGS", currency="EUR", **rate),
        *(saving(own, own), paying_in(own, "10")),
    )
    day = await pass_day()
    await desk.tell(accrue(savings, day), accrue(own, day), accrue(plain, day))
    seen = {}
    for account in (savings, own, plain):
        found = await read_account(desk.connection, account, bank=Bank(), days=5)
        assert found is not None
        seen[account] = (found.account["interest_rate"], found.account["interest_accrued"])

    assert seen == {savings: ("0.02", "0.054795"), own: ("0.0125", "0.000342"), plain: ("0", "0.000000")}


async def test_the_books_that_all_these_tests_leave_behind_are_right(desk: Desk) -> None:
    report = await audit(desk.connection, desk.context.checks)
    assert report.holds, report.failed


async def today(desk: Desk) -> date:
    now: datetime = await desk.connection.fetchval("SELECT partita_clock()")
    return now.date()


async def rows(desk: Desk, account: str) -> list[date]:
    """Return the last days of all runs that have accrued."""
    return [last for _, last in await runs(desk, account)]


async def covered(desk: Desk, account: str) -> list[date]:
    """Return every day that has accrued, as often as it has."""
    found = await runs(desk, account)
    return sorted(first + timedelta(days=by) for first, last in found for by in range((last - first).days + 1))


async def runs(desk: Desk, account: str) -> list[tuple[date, date]]:
    found = await desk.connection.fetch(
        "SELECT first_day, last_day FROM interest_accrual JOIN account USING (account_no)"
        " WHERE account_id = $1 ORDER BY first_day",
        account,
    )
    return [(row["first_day"], row["last_day"]) for row in found]
