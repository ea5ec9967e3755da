"""Exports of transactions and entries: what a file holds is what the books said at its cut, whatever happened since."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from processor.database import Connection, Database
from processor.engine.cuts import Cut
from processor.engine.export_view import view_of
from processor.errors import Declined
from processor.ledger import exports_slices
from processor.ledger.report_rows import Found, Key, ReportRow, View, read_rows
from tests.exports_read_back import Row, said, told, written
from tests.ledger.export_story import ALL, KIND, TEXTS, Books, write
from tests.ledger.reading import EVERYTHING, desk_at
from tests.ledger.test_reports_cold import freeze


@pytest.fixture(scope="module")
def books(database_url: str) -> Books:
    """Write the books that all tests read, once."""
    return asyncio.run(write(database_url))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(database_url: str) -> AsyncIterator[Connection]:
    """Open a session as exports have one: it reads by index."""
    async with Database(database_url, role="exports") as database:
        yield await database.connection()


pytestmark = pytest.mark.asyncio(loop_scope="module")


# Transactions ---------------------------------------------------------------------------------------------------------


async def reported(session: Connection, cut: Cut) -> list[tuple[Any, ReportRow]]:
    """Return all rows of a cut in the order of files: found by the test's own query, and told as reports tell them."""
    view = await view_of(session, cut)
    stood = (list(cut.next_seq), list(cut.next_seq.values()))
    everything = sorted(
        await session.fetch(EVERYTHING, *stood, view.instant), key=lambda row: (row["partition"], row["seq"])
    )
    lanes = dict(zip(sorted(cut.next_seq), view.lanes, strict=True))
    found = [
        Found(Key(row["decided_at"], 0, row["seq"]), lanes[row["partition"]].lane_no, 0, row["seq"], row["status"])
        for row in everything
    ]
    shown = await read_rows(session, View(view.lanes, view.instant, view.instant, "", ""), found)
    assert [row.status for row in shown] == [row["status"] for row in everything]
    return list(zip(everything, shown, strict=True))


def as_told(rows: Sequence[Row]) -> list[dict[str, str]]:
    return [{name: said(cell) for name, cell in row.items()} for row in rows]


def as_reported(rows: Sequence[ReportRow]) -> list[dict[str, str]]:
    return [{name: told(value) for name, value in msgspec.to_builtins(row).items()} for row in rows]


@pytest.mark.parametrize("which", ["first", "last"])
async def test_transactions_are_those_of_the_report_at_the_cut(session: Connection, books: Books, which: str) -> None:
    cut: Cut = getattr(books, which)
    rows = (await written(session, KIND["transactions"], cut, **ALL)).rows
    expected = as_reported([row for _, row in await reported(session, cut)])
    assert as_told(rows) == expected
    assert {row["status"] for row in rows} == {"POSTED", "REVERSED", "FAILED", "PENDING"}
    assert {row["currency"] for row in rows} >= {"EUR", "JPY", "KWD", "GBP"}
    holds = [row["source_account_id"] for row in rows if row["status"] == "PENDING"]
    assert holds.count("dinar") == 1, "one of two has expired"


async def test_an_earlier_cut_gives_the_same_bytes_after_all_that_was_written_since(
    session: Connection, books: Books
) -> None:
    for name, then in books.at_first.items():
        assert (await written(session, KIND[name], books.first, **ALL)).data == then.data, name
    now = await written(session, KIND["transactions"], books.last, **ALL)
    status = {row["transaction_id"]: row["status"] for row in now.rows}
    changed = {
        (row["status"], status.get(row["transaction_id"]))
        for row in books.at_first["transactions"].rows
        if status.get(row["transaction_id"]) != row["status"]
    }
    assert changed >= {("POSTED", "REVERSED"), ("PENDING", None)}, "otherwise nothing was shown"


async def test_the_transactions_of_an_account_are_those_that_it_has_a_part_in_in_the_order_of_decisions(
    session: Connection, books: Books
) -> None:
    for cut in (books.first, books.last):
        everything = await reported(session, cut)
        for account_id in (*books.bustle.accounts[:3], "-dash", "-yen", "empty"):
            mine = [each for each in everything if account_id in each[0]["accounts"]]
            mine.sort(key=lambda each: (each[0]["decided_at"], each[0]["partition"], each[0]["seq"]))
            rows = (await written(session, KIND["transactions"], cut, account_id=account_id, **ALL)).rows
            assert as_told(rows) == as_reported([row for _, row in mine]), account_id


async def test_what_was_decided_before_a_cut_and_committed_behind_it_is_left_out(
    session: Connection, books: Books
) -> None:
    mine = {"account_id": "-dash", **ALL}
    before = await written(session, KIND["transactions"], books.first, **mine)
    after = await written(session, KIND["transactions"], books.last, **mine)
    since = {row["transaction_id"]: row for row in after.rows}
    for row in before.rows:
        del since[row["transaction_id"]]
    assert sorted(row["status"] for row in since.values()) == ["FAILED", "PENDING", "POSTED"]
    decided = {datetime.fromisoformat(row["decided_at"]) for row in since.values()}
    assert max(decided) < (await view_of(session, books.first)).instant, "otherwise nothing was shown"
    entries = [await written(session, KIND["entries"], cut, **mine) for cut in (books.first, books.last)]
    assert [len(each.rows) for each in entries] == [len(TEXTS), len(TEXTS) + 1]


async def test_a_window_has_what_was_decided_from_its_beginning_on_and_before_its_end(
    session: Connection, books: Books
) -> None:
    everything = await reported(session, books.last)
    instants = sorted(row["decided_at"] for row, _ in everything)
    since, until = instants[len(instants) // 3], instants[2 * len(instants) // 3]
    window = {"from": since.isoformat(), "to": until.isoformat()}
    within = [each for each in everything if since <= each[0]["decided_at"] < until]
    assert 0 < len(within) < len(everything)
    rows = (await written(session, KIND["transactions"], books.last, **window)).rows
    assert as_told(rows) == as_reported([row for _, row in within])
    account_id = books.bustle.accounts[1]
    rows = (await written(session, KIND["transactions"], books.last, account_id=account_id, **window)).rows
    assert len(rows) == sum(account_id in row["accounts"] for row, _ in within)
    entries = (await written(session, KIND["entries"], books.last, **window)).rows
    posted = [datetime.fromisoformat(row["posted_at"]) for row in entries]
    assert since in posted
    assert all(since <= each < until for each in posted)
    nothing = {"from": window["to"], "to": window["to"]}
    assert (await written(session, KIND["transactions"], books.last, **nothing)).data == b""


# Entries --------------------------------------------------------------------------------------------------------------

ENTRIES: Final = """
SELECT account_id, entry_no::text, (ARRAY['DEPOSIT', 'WITHDRAWAL', 'TRANSFER_IN', 'TRANSFER_OUT', 'FEE', 'INTEREST',
                                          'REVERSAL'])[entry_type] AS entry_type,
       account.currency, e.posted_at, command_id, description, reference
  FROM every_entry AS e JOIN account USING (account_no) JOIN lane ON lane.lane_no = e.lane_no
  JOIN every_event AS told ON told.lane_no = e.lane_no AND told.seq = e.seq
  JOIN every_transaction AS t ON t.lane_no = e.lane_no AND t.seq = e.seq
  JOIN unnest($1::integer[], $2::bigint[]) AS stood (partition, next_seq) ON stood.partition = lane.partition
 WHERE account.lane_no = 0 AND e.seq < stood.next_seq ORDER BY lane.partition, e.seq, account_no, e.entry_no"""


async def test_entries_are_all_that_were_posted_on_customers_accounts(session: Connection, books: Books) -> None:
    for cut in (books.first, books.last):
        rows = (await written(session, KIND["entries"], cut, **ALL)).rows
        posted = await session.fetch(ENTRIES, list(cut.next_seq), list(cut.next_seq.values()))
        names = ("account_id", "entry_no", "entry_type", "currency", "description", "reference")
        assert [[said(row[name]) for name in names] for row in rows] == [
            [row[name] for name in names] for row in posted
        ]
        assert [row["transaction_id"].replace("-", "") for row in rows] == [row["command_id"].hex() for row in posted]
        assert [datetime.fromisoformat(row["posted_at"]) for row in rows] == [row["posted_at"] for row in posted]
        assert [row["value_date"] for row in rows] == [row["posted_at"].date().isoformat() for row in posted]


async def test_the_entries_of_an_account_make_up_its_balance_number_by_number(
    session: Connection, books: Books
) -> None:
    everything = (await written(session, KIND["entries"], books.last, **ALL)).rows
    for account_id in (*books.bustle.accounts, "-dash", "-yen", "dinar", "empty"):
        rows = (await written(session, KIND["entries"], books.last, account_id=account_id, **ALL)).rows
        assert [row["entry_no"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
        mine = [row for row in everything if said(row["account_id"]) == account_id]
        assert rows == sorted(mine, key=lambda row: int(row["entry_no"]))
    firsts = {said(row["account_id"]): row["balance_after"] for row in everything if row["entry_no"] == "1"}
    assert (firsts["-dash"], firsts["-yen"], firsts["dinar"]) == ("100.00", "7", "0.005")


async def test_every_text_comes_back_as_it_was_said_and_none_can_be_run(session: Connection, books: Books) -> None:
    rows = (await written(session, KIND["transactions"], books.first, **ALL)).rows
    told_of = {said(row["reference"]) for row in rows} | {said(row["description"]) for row in rows}
    assert set(TEXTS) <= told_of
    assert "'=1+1" in {row["reference"] for row in rows}
    assert "'-dash" in {row["destination_account_id"] for row in rows}


# Slices ---------------------------------------------------------------------------------------------------------------


async def test_where_slices_end_changes_nothing(
    session: Connection, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"account_id": books.bustle.accounts[0]}
    asked: list[tuple[str, dict[str, str]]] = [(name, more) for name in books.at_first for more in ({}, mine)]
    whole = [await written(session, KIND[name], books.last, **ALL, **more) for name, more in asked]
    assert {len(each.slices) for each in whole} == {4, 1}, "as many lanes as there are, or one account"
    monkeypatch.setattr(exports_slices, "ROWS", 29)
    for (name, more), before in zip(asked, whole, strict=True):
        sliced = await written(session, KIND[name], books.last, **ALL, **more)
        assert len(sliced.slices) > len(before.slices)
        assert (sliced.data, sliced.sums) == (before.data, before.sums), (name, more)


async def test_a_cut_of_lanes_that_began_later_leaves_them_out(session: Connection, books: Books) -> None:
    alone = msgspec.structs.replace(books.last, next_seq={1: books.last.next_seq[1]})
    rows = (await written(session, KIND["transactions"], alone, **ALL)).rows
    whole = (await written(session, KIND["transactions"], books.last, **ALL)).rows
    assert 0 < len(rows) < len(whole)
    assert moved(rows) < moved(whole)


def moved(rows: Sequence[Row]) -> set[str]:
    return {row["transaction_id"] for row in rows if row["status"] != "PENDING"}


@pytest.mark.parametrize("kind", ["transactions", "entries", "statements"])
async def test_an_account_that_was_not_there_at_the_cut_is_none(session: Connection, books: Books, kind: str) -> None:
    filters = {"month": "2026-01"} if kind == "statements" else ALL
    before_all = msgspec.structs.replace(books.last, next_seq={})
    for account_id, cut in (("nobody", books.last), ("house:cash:EUR", books.last), ("-dash", before_all)):
        with pytest.raises(Declined) as declined:
            await written(session, KIND[kind], cut, account_id=account_id, **filters)
        assert declined.value.code == "account_not_found"


# Cold storage: the last test, for it moves what all read --------------------------------------------------------------


async def test_bytes_are_the_same_when_half_of_the_rows_are_cold(
    session: Connection, books: Books, database_url: str
) -> None:
    mine = {"account_id": books.bustle.accounts[2]}
    asked: list[tuple[str, dict[str, str]]] = [(name, more) for name in books.at_first for more in ({}, mine)]
    before = [(await written(session, KIND[name], books.last, **ALL, **more)).data for name, more in asked]
    instants = sorted(row["decided_at"] for row in books.at_first["transactions"].rows)
    async with desk_at(database_url) as desk:
        await freeze(desk, before=datetime.fromisoformat(instants[len(instants) // 2]))
    assert [(await written(session, KIND[name], books.last, **ALL, **more)).data for name, more in asked] == before
    for name, then in books.at_first.items():
        assert (await written(session, KIND[name], books.first, **ALL)).data == then.data
