"""What has moved to cold storage is reported on as before, by the tokens of before."""

from datetime import datetime, timedelta

import pytest

from partita.local.stack import LocalStack
from processor.ledger.cold import move
from tests.engine.desk import Desk
from tests.ledger.reading import bustling, first_page, opened_desk, page_of, pages_from
from tests.ledger.test_reports import FILTERS
from tests.ledger.test_statements import STORIES, read, rows_of, told

A_WHILE = timedelta(days=400)
ALL_SENT = (
    "INSERT INTO relay_position SELECT lane_no, next_seq - 1 FROM lane"
    " ON CONFLICT (lane_no) DO UPDATE SET sent = excluded.sent"
)


async def freeze(desk: Desk, *, before: datetime) -> None:
    """Move what is older, and make sure that there is something on both sides."""
    await desk.connection.execute(ALL_SENT)
    await desk.connection.execute("UPDATE clock SET ahead = ahead + $1", A_WHILE)  # what is young would stay
    await move(desk.connection, before)
    await desk.connection.execute("UPDATE clock SET ahead = ahead - $1", A_WHILE)
    for table in ("transaction", "entry", "event"):
        counts = f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM cold.{table})"
        hot, cold = await desk.connection.fetchrow(counts)  # type: ignore[misc]
        assert hot > 0, table
        assert cold > 0, table


async def test_reports_are_the_same_when_half_of_their_rows_are_cold(stack: LocalStack, migrated_database: str) -> None:
    async with opened_desk(stack, migrated_database) as desk:
        bustle = await bustling(desk, seed=13, batches=30)
        asked = [
            {"limit": 20, "account_id": account_id, **filters}
            for filters in FILTERS[:6]
            for account_id in ("", bustle.accounts[0])
        ]
        pages = [await pages_from(desk, await first_page(desk, **each)) for each in asked]
        instants = [datetime.fromisoformat(row.decided_at) for page in pages[0] for row in page.transactions]
        ids = [row.transaction_id for page in pages[0] for row in page.transactions][::17]
        one_by_one = [(await first_page(desk, transaction_id=each)).transactions for each in ids]

        await freeze(desk, before=instants[len(instants) // 2])

        for query, found in zip(asked, pages, strict=True):
            assert [await page_of(desk, page.token) for page in found] == found
            again = await pages_from(desk, await first_page(desk, **query))
            assert [page.transactions for page in again] == [page.transactions for page in found]
            assert (again[0].total_amount, again[0].sums) == (found[0].total_amount, found[0].sums)
        assert [(await first_page(desk, transaction_id=each)).transactions for each in ids] == one_by_one


@pytest.mark.parametrize(("story", "before"), [("late", "2026-02-11T00:00:00Z"), ("berlin", "2026-07-01T00:00:00Z")])
async def test_statements_and_balances_are_the_same_when_their_entries_are_cold(
    stack: LocalStack, migrated_database: str, story: str, before: str
) -> None:
    expected = rows_of(STORIES[story], reads=True)
    async with told(STORIES[story], stack, migrated_database) as (desk, bank):
        await freeze(desk, before=datetime.fromisoformat(before))
        asked = [row for row in expected if row.startswith(("statement", "balance"))]
        assert [line for row in asked for line in await read(desk, bank, row)] == expected
