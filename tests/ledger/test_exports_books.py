"""Exports of statements and of accounts, and the words and numbers that cells are made of in SQL."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest

from contracts.accounts import AccountClose, AccountFreeze
from contracts.currencies import EXPONENTS
from contracts.envelope import moment_text
from contracts.money import decimal_text
from contracts.specs import LEDGER
from partita.local.stack import LocalStack
from processor.database import Connection
from processor.engine.cuts import take_cut
from processor.engine.exporting import ExportKind, Slice, copied
from processor.ledger import exports_slices
from processor.ledger.account_reads import read_account
from processor.ledger.bank import Bank
from processor.ledger.exports import KINDS, kinds_of
from processor.ledger.report_rows import TYPES
from processor.ledger.statements import open_statement, statement_lines
from processor.ledger.values import EntryType, HoldReason
from producers.command_ids import new_command_id
from tests.engine.asking import customer, link, overdrawable, place, product, spend
from tests.engine.desk import Desk, opening, paying_in
from tests.engine.test_tables import stand_still
from tests.exports_read_back import RUN, Row, said, told, written
from tests.ledger import test_statements as stories
from tests.ledger.reading import desk_at

MONTHS: Final = ("2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-07", "2026-08")

of_one_session = pytest.mark.asyncio(loop_scope="module")


def kind_of(name: str, bank: Bank) -> ExportKind:
    return next(kind for kind in kinds_of(bank) if kind.name == name)


# Statements -----------------------------------------------------------------------------------------------------------


async def lines(connection: Connection, bank: Bank, month: str) -> list[dict[str, str]]:
    """Return a statement's lines as a file has them."""
    opened = await open_statement(connection, "A", month, bank=bank)
    known = {"account_id": "A", "currency": "EUR"}
    return [
        known | {name: told(value) for name, value in msgspec.to_builtins(line).items()}
        async for line in statement_lines(connection, opened, bank=bank)
    ]


def sorted_by_name(row: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted((name, said(cell)) for name, cell in row.items())


@pytest.mark.parametrize("name", ["late", "berlin"])
async def test_a_statement_is_the_one_of_the_moment_of_its_cut_whatever_was_posted_since(
    stack: LocalStack, migrated_database: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = stories.STORIES[name]
    steps = stories.rows_of(story, reads=False)
    empty = stories.Story(story.zone, "")
    async with stories.told(empty, stack, migrated_database) as (desk, bank):
        then = []
        for step in steps:
            instant, verb, *words = step.split()
            await stand_still(desk.connection, datetime.fromisoformat(instant))
            await desk.tell(stories.said(verb, *words))
            shown = {month: await lines(desk.connection, bank, month) for month in MONTHS}
            then.append((await take_cut(desk.connection, LEDGER), shown))
        kind = kind_of("statements", bank)
        for rows in (1, exports_slices.ROWS):
            monkeypatch.setattr(exports_slices, "ROWS", rows)
            for cut, shown in then:
                for month in MONTHS:
                    found = (await written(desk.connection, kind, cut, account_id="A", month=month)).rows
                    assert [sorted_by_name(row) for row in found] == [sorted_by_name(row) for row in shown[month]]
    assert any(each[1]["2026-01"] != then[-1][1]["2026-01"] for each in then), "otherwise nothing was shown"


async def test_entries_count_for_the_days_that_statements_count_them_for(
    stack: LocalStack, migrated_database: str
) -> None:
    async with stories.told(stories.STORIES["berlin"], stack, migrated_database) as (desk, bank):
        cut = await take_cut(desk.connection, LEDGER)
        asked: dict[str, str] = {"from": "2026-01-01", "to": "2027-01-01"}
        shown = [row for month in MONTHS for row in await lines(desk.connection, bank, month)]
        for more in ({}, {"account_id": "A"}):
            rows = (await written(desk.connection, kind_of("entries", bank), cut, **asked, **more)).rows
            found = {(row["entry_no"], row["value_date"]) for row in rows if row["account_id"] == "A"}
            assert found == {(row["entry_no"], row["value_date"]) for row in shown}
        begins = {"from": "2026-02-01", "to": "2026-02-02"}  # at 23:00 of the day before in UTC
        rows = (await written(desk.connection, kind_of("entries", bank), cut, **begins)).rows
        assert [row["amount"] for row in rows if row["account_id"] == "A"] == ["10.00"]


# Accounts -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with desk_at(database_url) as opened:
        yield opened


def as_read(account: Mapping[str, Any]) -> Row:
    names = [column.name for column in KINDS[-1].columns]
    return {name: told(account[name]) for name in names}


async def test_accounts_are_as_they_are_read_one_by_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.tell(customer("C"), product("fee", "5", first_fee_waived=False))
    whose = {name: msgspec.structs.replace(opening(name), customer_id="C", product="plain") for name in ("b", "-a")}
    others = (opening("frozen"), opening("closed", currency="JPY"), overdrawable("red", "fee"), opening("Held"))
    await desk.tell(*whose.values(), *others, paying_in("b", "10"), paying_in("Held", "9"), spend("red", "3"))
    await desk.tell(link("-a", "b"), place(("Held", "1"), "2"))
    soon = datetime.fromisoformat((await desk.told(0))[-1].occurred_at.isoformat()).replace(microsecond=0)
    await desk.tell(place(("Held", "2"), "4", expires_at=soon.replace(year=soon.year + 1)))
    await desk.tell(
        AccountFreeze(command_id=new_command_id(), account_id="frozen", reason="a test says so"),
        AccountClose(command_id=new_command_id(), account_id="closed"),
    )
    cut = await take_cut(desk.connection, LEDGER)
    ids = [row["account_id"] for row in await desk.connection.fetch("SELECT account_id FROM account WHERE lane_no = 0")]

    async def by_one() -> list[Row]:
        read = [await read_account(desk.connection, each, bank=Bank(), days=1) for each in sorted(ids)]
        return [as_read(each.account) for each in read if each is not None]

    whole = await written(desk.connection, KINDS[-1], cut)
    monkeypatch.setattr(exports_slices, "ROWS", 2)
    for found in (whole, await written(desk.connection, KINDS[-1], cut)):
        shown = [{name: said(cell) for name, cell in row.items()} for row in found.rows]
        assert sorted(shown, key=lambda row: row["account_id"]) == await by_one()
        assert found.sums == {"EUR": 1100, "JPY": 0}
    assert {row["status"] for row in whole.rows} == {"ACTIVE", "FROZEN", "CLOSED"}
    before = next(row["available_balance"] for row in whole.rows if row["account_id"] == "Held")
    await desk.connection.execute("UPDATE clock SET ahead = ahead + '2 years'")
    after = (await written(desk.connection, KINDS[-1], cut)).rows
    assert (before, next(row["available_balance"] for row in after if row["account_id"] == "Held")) == ("3.00", "7.00")


# Cells ----------------------------------------------------------------------------------------------------------------


@of_one_session
async def test_sql_writes_amounts_as_the_wire_does_in_every_currency(connection: Connection) -> None:
    minors = [0, 1, -1, 5, 10, 99, -100, 12345, -(10**15), 9 * 10**17]
    asked = [(minor, currency) for currency in EXPONENTS for minor in minors]
    rows = await connection.fetch(
        "SELECT decimal_of(minor, currency)::text AS text"
        " FROM unnest($1::bigint[], $2::text[]) AS asked (minor, currency)",
        *([each[place] for each in asked] for place in (0, 1)),
    )
    assert [row["text"] for row in rows] == [decimal_text(minor, EXPONENTS[currency]) for minor, currency in asked]
    assert await connection.fetchval("SELECT decimal_of(1, NULL)") is None


@of_one_session
async def test_sql_writes_words_and_instants_as_reports_do(connection: Connection) -> None:
    for function, words in (
        ("transaction_type", {int(kind): name for kind, name in TYPES.items()}),
        ("entry_type", {each.value: each.name for each in EntryType}),
        ("hold_reason", {each.value: each.name for each in HoldReason}),
    ):
        rows = await connection.fetch(f"SELECT n, {function}(n::smallint) AS word FROM generate_series(0, 20) AS n")
        assert {row["n"]: row["word"] for row in rows if row["word"] is not None} == words
    for instant in (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))):
        assert await connection.fetchval("SELECT instant_text($1)", instant) == moment_text(instant)


@of_one_session
async def test_sql_puts_an_apostrophe_before_what_a_spreadsheet_would_run(connection: Connection) -> None:
    harmless = ("", "a", " =1", "'=1", "1-1", "a\n=1", "~", "–5", "Ω", "😀")
    for text in harmless:
        assert await connection.fetchval("SELECT csv_text($1)", text) == text
    for first in RUN:
        for rest in ("", "1+1", "\n"):
            assert await connection.fetchval("SELECT csv_text($1)", first + rest) == f"'{first}{rest}"
    assert await connection.fetchval("SELECT csv_text(NULL)") is None


def test_a_slice_with_a_comment_is_none() -> None:
    block = "-- $1 text\nSELECT $1; -- so it is\n"
    assert copied(block) == "SELECT $1"
    with pytest.raises(AssertionError, match="values are put into the statement"):
        Slice(rows=block, sums="", arguments=())
