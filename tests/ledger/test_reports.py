"""The transaction report: what it shows is what the books say as of its cut, page by page, under every filter."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from contracts.specs import CATALOG
from partita.local.stack import LocalStack
from processor.errors import Declined
from processor.ledger import report_search
from processor.ledger.report_rows import HOLD_TYPE, TYPES
from processor.ledger.reports import ReportLimits, ReportQuery, transactions_report
from processor.ledger.values import TransactionKind
from tests.engine.desk import Desk, moving
from tests.ledger.reading import (
    SEAL,
    Bustle,
    bustling,
    desk_at,
    everything,
    expected,
    first_page,
    later,
    opened_desk,
    page_of,
    pages_from,
    posted,
    rows_of,
    told,
)

BATCHES = 60


@pytest.fixture(scope="module")
def bustle(database_url: str) -> Bustle:
    """Write the books that most tests read, once."""

    async def write() -> Bustle:
        async with desk_at(database_url) as desk:
            return await bustling(desk, seed=7, batches=BATCHES)

    return asyncio.run(write())


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with desk_at(database_url) as opened:
        yield opened


FILTERS: list[dict[str, str]] = [
    {},
    {"status": "POSTED"},
    {"status": "REVERSED"},
    {"status": "FAILED"},
    {"status": "PENDING"},
    {"reason": "insufficient_funds"},
    {"status": "FAILED", "reason": "account_not_found"},
    {"reason": "DEBIT_CARD_AUTH"},
    {"status": "POSTED", "reason": "insufficient_funds"},
    {"reason": "nobody_says_so"},
]


def lets_through(row: Any, filters: dict[str, str], account_id: str = "") -> bool:
    wanted = all(row[name] == value for name, value in filters.items())
    return wanted and (not account_id or account_id in row["accounts"])


@pytest.mark.parametrize("of_account", [False, True], ids=["all", "account"])
@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: "-".join(filters.values()) or "everything")
async def test_pages_have_every_row_once_in_order_and_what_they_sum_up_to(
    desk: Desk, bustle: Bustle, filters: dict[str, str], *, of_account: bool
) -> None:
    account_id = bustle.accounts[0] if of_account else ""
    page = await first_page(desk, account_id=account_id, limit=9, **filters)
    pages = await pages_from(desk, page)
    rows = [row for row in await everything(desk.connection, page) if lets_through(row, filters, account_id)]

    assert told(rows_of(pages)) == expected(rows)
    assert {(each.total_amount, each.total_pages, str(each.sums)) for each in pages} == {
        (len(rows), -(-len(rows) // 9), str(posted(rows)))
    }
    assert [each.page for each in pages] == list(range(1, len(pages) + 1))
    assert all(len(each.transactions) == 9 for each in pages[:-1])


async def test_the_rows_that_are_compared_have_everything_in_them(desk: Desk, bustle: Bustle) -> None:
    rows = await everything(desk.connection, await first_page(desk))
    for filters in FILTERS[:8]:
        assert sum(lets_through(row, filters, bustle.accounts[0]) for row in rows) > 0, filters
    instants = [(row["decided_at"], row["partition"]) for row in rows]
    assert any(one[0] == other[0] and one[1] != other[1] for one, other in pairwise(instants)), "lanes share instants"


@pytest.mark.parametrize("filters", FILTERS[:6], ids=lambda filters: "-".join(filters.values()) or "everything")
async def test_where_slices_end_changes_nothing(
    desk: Desk, bustle: Bustle, filters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for account_id in ("", bustle.accounts[1]):
        whole = await first_page(desk, account_id=account_id, limit=40, **filters)
        monkeypatch.setattr(report_search, "SLICE", 7)
        sliced = await first_page(desk, account_id=account_id, limit=40, **filters)
        found = told(rows_of(await pages_from(desk, sliced)))
        monkeypatch.undo()
        assert found == told(rows_of(await pages_from(desk, whole)))
        assert (sliced.total_amount, sliced.sums) == (whole.total_amount, whole.sums)


async def test_a_window_has_what_was_decided_in_it_from_its_beginning_to_before_its_end(
    desk: Desk, bustle: Bustle
) -> None:
    rows = await everything(desk.connection, await first_page(desk))
    since, until = rows[2 * len(rows) // 3]["decided_at"], rows[len(rows) // 3]["decided_at"]
    within = [row for row in rows if since <= row["decided_at"] < until]
    assert since in {row["decided_at"] for row in within}
    for account_id in ("", bustle.accounts[2]):
        page = await first_page(desk, since=since, until=until, account_id=account_id, limit=50)
        wanted = [row for row in within if lets_through(row, {}, account_id)]
        assert told(rows_of(await pages_from(desk, page))) == expected(wanted)
        assert (page.total_amount, page.sums) == (len(wanted), posted(wanted))


async def test_one_transaction_is_found_by_its_id_where_window_filters_and_account_have_it(
    desk: Desk, bustle: Bustle
) -> None:
    rows = await everything(desk.connection, await first_page(desk))
    for row in rows[::29] + [row for row in rows if row["status"] == "PENDING"][:3]:
        asked = {"transaction_id": row["transaction_id"]}
        for account_id in ("", *bustle.accounts):
            page = await first_page(desk, account_id=account_id, **asked)
            shown = not account_id or account_id in row["accounts"]
            assert told(page.transactions) == (expected([row]) if shown else [])
            assert page.total_amount == shown
        for status in ("POSTED", "REVERSED", "FAILED", "PENDING"):
            assert len((await first_page(desk, status=status, **asked)).transactions) == (status == row["status"])
        assert (await first_page(desk, until=row["decided_at"], **asked)).transactions == []
        since = row["decided_at"] + timedelta(microseconds=1)
        assert (await first_page(desk, since=since, **asked)).transactions == []


# Held still -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_account", [False, True], ids=["all", "account"])
async def test_pages_stand_still_while_the_books_go_on(
    stack: LocalStack, migrated_database: str, *, of_account: bool
) -> None:
    async with opened_desk(stack, migrated_database) as desk:
        bustle = await bustling(desk, seed=11, batches=20)
        account_id = bustle.accounts[0] if of_account else ""
        page = await first_page(desk, limit=30, account_id=account_id)
        rows = [row for row in await everything(desk.connection, page) if lets_through(row, {}, account_id)]
        for _ in range(page.total_pages - 1):
            await bustle.write(desk, 3)  # reverses, captures, releases some of what the report has, and adds to it
            page = await page_of(desk, page.next_token or "")
            assert told(page.transactions) == expected(rows[30 * (page.page - 1) : 30 * page.page])
        now = {
            row["transaction_id"]: row["status"] for row in await everything(desk.connection, await first_page(desk))
        }
        changed = {(row["status"], now.get(row["transaction_id"])) for row in rows}

    assert page.next_token is None
    assert {("POSTED", "REVERSED"), ("PENDING", None)} <= changed, "the books have changed what the report shows"


async def test_a_token_gives_the_same_page_again_whenever_and_wherever_it_is_read(desk: Desk, bustle: Bustle) -> None:
    pages = await pages_from(desk, await first_page(desk, limit=100))
    await bustle.write(desk, 5)
    await later(desk, timedelta(days=30))
    again = [await transactions_report(desk.connection, page.token, seal=SEAL) for page in pages]
    await desk.connection.execute("UPDATE clock SET ahead = ahead - interval '30 days'")
    assert again == pages


async def test_a_lane_that_began_after_the_cut_is_not_in_it(stack: LocalStack, migrated_database: str) -> None:
    async with opened_desk(stack, migrated_database) as desk:
        one, two = (await bustling(desk, seed=3, batches=5)).accounts[:2]
        page = await first_page(desk, limit=1000)
        desk.offsets |= dict.fromkeys([9], 0)
        await desk.connection.execute(
            "INSERT INTO lane (context, partition, start_offset, next_offset) VALUES ('ledger', 9, 0, 0)"
        )
        late = moving(one, two, "1")
        await desk.tell(late, partition=9)
        assert (await page_of(desk, page.token)).transactions == page.transactions
        newest = (await first_page(desk, limit=1)).transactions
        assert [row.transaction_id for row in newest] == [late.command_id]


# Declined -------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("window_too_large", {"since": NOW - timedelta(days=5, microseconds=1), "until": NOW}),
        ("window_too_large", {"since": NOW}),
        ("window_invalid", {"since": NOW, "until": NOW - timedelta(microseconds=1)}),
        ("limit_invalid", {"limit": 0}),
        ("limit_invalid", {"limit": 1001}),
        ("filter_invalid", {"status": "posted"}),
        ("filter_invalid", {"transaction_id": "T1"}),
        ("account_not_found", {"account_id": "nobody"}),
        ("account_not_found", {"account_id": "house:cash:EUR"}),
    ],
)
async def test_what_cannot_be_asked_is_declined_with_its_code(
    desk: Desk, bustle: Bustle, code: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(Declined) as declined:
        await first_page(desk, **asked)
    assert declined.value.code == code


async def test_limits_are_settings_and_a_window_of_exactly_that_many_days_is_given(desk: Desk, bustle: Bustle) -> None:
    query = ReportQuery(since=NOW - timedelta(days=7), until=NOW)
    limits = ReportLimits(days_max=7, rows_max=10)
    page = await transactions_report(
        desk.connection, msgspec.structs.replace(query, limit=10), seal=SEAL, limits=limits
    )
    assert (page.total_amount, page.total_pages, page.next_token, page.sums) == (0, 0, None, {})
    with pytest.raises(Declined, match="1 to 10 rows"):
        await transactions_report(desk.connection, query, seal=SEAL, limits=limits)


def test_every_kind_of_transaction_reads_as_the_command_that_makes_it() -> None:
    assert set(TYPES) == set(TransactionKind)
    assert len(set(TYPES.values())) == len(TYPES)
    assert {*TYPES.values(), HOLD_TYPE} <= {spec.type for spec in CATALOG}
