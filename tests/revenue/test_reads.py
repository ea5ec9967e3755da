"""What is read of revenue: lists by month and page, and summaries, of accounts that are there and no others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection
from processor.errors import Declined
from processor.revenue.reads import (
    AccountsQuery,
    RecordsQuery,
    account,
    accounts,
    accounts_seal,
    records,
    records_seal,
)
from processor.revenue.summaries import summary
from tests.revenue.keepers import Json, engine, saying

ACCOUNTS: Final = accounts_seal(b"secret")
RECORDS: Final = records_seal(b"secret")


def told() -> Iterator[Json]:
    """Yield what was said: accounts a0 to a9 of two tiers, one of them gone, and acme with records."""
    for number in range(10):
        yield saying("create_account", account_id=f"a{number}", name="N", tier=("free", "pro")[number % 2])
    yield saying("delete_account", account_id="a4")
    yield saying("create_account", account_id="acme", name="Acme", tier="enterprise")
    for name, amount, currency, day in (
        ("r1", "100", "EUR", "2026-01-31"), ("r2", "50", "EUR", "2026-02-01"), ("r3", "-150", "EUR", "2026-02-28"),
        ("r4", "40.01", "EUR", "2026-05-01"), ("r5", "30", "EUR", "2026-06-30"), ("r6", "7", "JPY", "2026-06-01"),
        ("r7", "999", "EUR", "2026-07-01"), ("r8", "-0.01", "EUR", "2026-06-15"),
    ):  # fmt: skip
        period = {"period_start": day, "period_end": "2026-12-31"}
        yield saying("record", account_id="acme", record_id=name, amount=amount, currency=currency, **period)
    yield saying("delete_record", account_id="acme", record_id="r7")
    yield saying("record", account_id="a5", record_id="r1", amount="1", currency="EUR", period_start="2026-01-01",
                 period_end="2026-01-01")  # fmt: skip
    yield saying("delete_account", account_id="a5")


@pytest.fixture(scope="module", autouse=True)
def _books(database_url: str) -> None:
    async def write() -> None:
        async with engine(database_url) as keeper:
            answers = [body["type"] for *_, body in await keeper.decide(list(told()))]
            assert "revenue.rejected" not in answers

    asyncio.run(write())


async def test_the_views_show_nothing_that_was_deleted(connection: Connection) -> None:
    kept = ["r1", "r2", "r3", "r4", "r5", "r6", "r8"]
    rows = await connection.fetch("SELECT account_id, record_id FROM live_revenue ORDER BY record_id")
    assert [tuple(row) for row in rows] == [("acme", name) for name in kept]
    rows = await connection.fetch("SELECT account_id FROM live_revenue_account ORDER BY account_id")
    assert [row["account_id"] for row in rows] == [*(f"a{number}" for number in (0, 1, 2, 3, 6, 7, 8, 9)), "acme"]
    whole = (
        "SELECT (SELECT count(*) FROM revenue_account) AS accounts, (SELECT count(*) FROM revenue_record) AS records"
    )
    assert tuple(await connection.fetchrow(whole) or ()) == (11, 9)


async def test_an_account_is_read_as_it_is(connection: Connection) -> None:
    found = await account(connection, "acme")
    assert (found.name, found.tier, found.version, found.records) == ("Acme", "enterprise", 1, 7)


@pytest.mark.parametrize(("tier", "names"), [("", "0 1 2 3 6 7 8 9 cme"), ("free", "0 2 6 8"), ("enterprise", "cme")])
async def test_accounts_are_listed_once_each_page_by_page(connection: Connection, tier: str, names: str) -> None:
    page = await accounts(connection, AccountsQuery(tier=tier, limit=3), seal=ACCOUNTS)
    pages = [page.accounts]
    while page.next_token is not None:
        page = await accounts(connection, page.next_token, seal=ACCOUNTS)
        pages.append(page.accounts)
    assert [each.account_id for page in pages for each in page] == [f"a{name}" for name in names.split()]
    assert all(len(each) == 3 for each in pages[:-1])


@pytest.mark.parametrize(
    ("period", "names"), [("", "r1 r2 r3 r4 r6 r8 r5"), ("2026-02", "r2 r3"), ("2026-06", "r6 r8 r5"), ("2026-03", "")]
)
async def test_a_period_is_the_month_that_records_begin_in(connection: Connection, period: str, names: str) -> None:
    page = await records(connection, "acme", RecordsQuery(period=period, limit=2), seal=RECORDS)
    found = page.records
    while page.next_token is not None:
        page = await records(connection, "acme", page.next_token, seal=RECORDS)
        found += page.records
    assert [each.record_id for each in found] == names.split()


async def test_a_summary_counts_empty_months_and_has_no_growth_over_nothing(connection: Connection) -> None:
    euros, yen = (await summary(connection, "acme")).currencies
    assert (euros.total, euros.average_per_period, euros.latest_growth) == ("70.00", "11.67", "-0.2504")
    assert [(each.month, each.amount, each.growth) for each in euros.months] == [
        ("2026-01", "100.00", None),
        ("2026-02", "-100.00", "-2.0000"),
        ("2026-03", "0.00", "-1.0000"),
        ("2026-04", "0.00", None),
        ("2026-05", "40.01", None),
        ("2026-06", "29.99", "-0.2504"),
    ]
    assert (yen.total, yen.records, yen.average_per_period, yen.latest_growth) == ("7", 1, "7", None)


async def test_an_account_without_records_has_nothing_to_show_and_that_is_no_error(connection: Connection) -> None:
    assert (await summary(connection, "a0")).currencies == []
    assert (await records(connection, "a0", RecordsQuery(), seal=RECORDS)).records == []


def _asked(account_id: str) -> dict[str, Callable[[Connection], Awaitable[Any]]]:
    return {
        "account": lambda connection: account(connection, account_id),
        "records": lambda connection: records(connection, account_id, RecordsQuery(), seal=RECORDS),
        "summary": lambda connection: summary(connection, account_id),
    }


@pytest.mark.parametrize("read", ["account", "records", "summary"])
@pytest.mark.parametrize("account_id", ["nobody", "a4", "a5"])
async def test_a_deleted_account_is_read_as_one_that_never_was(
    connection: Connection, read: str, account_id: str
) -> None:
    with pytest.raises(Declined) as caught:
        await _asked(account_id)[read](connection)
    assert caught.value.code == "account_not_found"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (RecordsQuery(period="2026-13"), "month_invalid"),
        (RecordsQuery(period="2026-1"), "month_invalid"),
        (RecordsQuery(period="20261"), "month_invalid"),
        (RecordsQuery(period="1899-12"), "month_invalid"),
        (RecordsQuery(limit=0), "limit_invalid"),
        (RecordsQuery(limit=1001), "limit_invalid"),
        ("1token", "token_invalid"),
    ],
)
async def test_what_cannot_be_listed_is_declined(connection: Connection, query: Any, code: str) -> None:
    with pytest.raises(Declined) as caught:
        await records(connection, "acme", query, seal=RECORDS)
    assert caught.value.code == code


async def test_a_token_serves_one_account_and_one_list(connection: Connection) -> None:
    token = (await records(connection, "acme", RecordsQuery(limit=1), seal=RECORDS)).next_token
    assert token is not None
    with pytest.raises(Declined, match="another account"):
        await records(connection, "a0", token, seal=RECORDS)
    with pytest.raises(Declined, match="token"):
        await accounts(connection, token, seal=ACCOUNTS)


@pytest.mark.parametrize(
    ("query", "code"), [(AccountsQuery(tier="gold"), "tier_unknown"), (AccountsQuery(limit=0), "limit_invalid")]
)
async def test_a_list_of_accounts_that_cannot_be_is_declined(
    connection: Connection, query: AccountsQuery, code: str
) -> None:
    with pytest.raises(Declined) as caught:
        await accounts(connection, query, seal=ACCOUNTS)
    assert caught.value.code == code


async def test_what_is_read_can_be_written_as_json(connection: Connection) -> None:
    shown = msgspec.json.decode(msgspec.json.encode(await summary(connection, "acme")))
    assert shown["currencies"][0]["months"][0] == {"month": "2026-01", "amount": "100.00", "records": 1, "growth": None}
