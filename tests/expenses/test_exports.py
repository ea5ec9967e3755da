"""Exports of a user's year: what a file holds is what the user had at its cut, but for what an erasure has taken."""

import asyncio
import copy
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pytest
import pytest_asyncio

from contracts.specs import EXPENSES
from partita.expense_report.exporting import draw_year
from partita.expense_report.writing import write_csv
from processor.database import Connection, Database, named_queries
from processor.engine.cuts import Cut, take_cut
from processor.errors import Declined
from processor.expenses.converting import Ratio
from processor.expenses.exports import kinds_of, year_below
from processor.expenses.tax_year import tax_year
from tests.engine.test_plans import nodes
from tests.expenses.model_state import User, view
from tests.expenses.reading import Story, expenses_desk, saying
from tests.exports_read_back import Row, Written, minor_of, read_back, said, written

(KIND,) = kinds_of({"pdf": draw_year})
YEARS: Final = ("2023", "2024", "2025")
TEXTS: Final = ("=1+1", "-5", "@all", "two\nlines", 'he said "yes, no"', "Ελληνικά, ναι", "'quoted", "＝1")
LAST_DECIDED: Final = """
SELECT max(occurred_at) FROM event JOIN lane USING (lane_no)
  JOIN unnest($1::integer[], $2::bigint[]) AS stood (partition, next_seq) USING (partition)
 WHERE context = 'expenses' AND seq < stood.next_seq"""
_SAME: Final = ("date", "category", "notes", "amount", "currency", "base_amount", "base_currency", "rate", "expense_id")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A cut, and what the model knew of the users then."""

    cut: Cut
    users: Mapping[str, User]


@dataclass(frozen=True, kw_only=True)
class Books:
    """What was written, and three moments of it: in the middle, before an erasure, and behind it."""

    middle: Moment
    late: Moment
    last: Moment
    at_middle: Mapping[str, Written]


@pytest.fixture(scope="module")
def books(database_url: str) -> Books:
    """Write the books that all tests read, once."""

    async def write() -> Books:
        async with expenses_desk(database_url) as desk:
            story = Story(desk, seed=9)

            async def moment() -> Moment:
                cut = await take_cut(desk.connection, EXPENSES)
                return Moment(cut=cut, users=copy.deepcopy(story.model.users))

            await story.begin(("ada", "EUR"), ("bob", "JPY"), ("eve", "KWD"))
            for user_id in ("ada", "bob", "eve"):
                await story.go_on(user_id, batches=2)
            plain = {"user_id": "ada", "amount": "1", "currency": "EUR", "date": "2024-05-05"}
            await story.tell(
                *(
                    saying(
                        "expense.add", expense_id=f"-{number}", category=text.replace("\n", " "), notes=text, **plain
                    )
                    for number, text in enumerate(TEXTS)
                )
            )
            middle = await moment()
            at_middle = {
                name: await written(desk.connection, KIND, middle.cut, user_id=name, year="2024")
                for name in ("ada", "eve")
            }
            for user_id in ("ada", "bob", "eve"):
                await story.go_on(user_id, batches=2)
            await story.tell(saying("user.create", user_id="new", base_currency="EUR"))
            late = await moment()
            await story.tell(saying("user.erase", user_id="eve"))
            return Books(middle=middle, late=late, last=await moment(), at_middle=at_middle)

    return asyncio.run(write())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(database_url: str) -> AsyncIterator[Connection]:
    """Open a session as exports have one: it reads by index."""
    async with Database(database_url, role="exports") as database:
        yield await database.connection()


pytestmark = pytest.mark.asyncio(loop_scope="module")


def rows_of(user: User, year: str) -> list[Row]:
    """Return a year's rows as the model knows them."""
    shown = [view(user, each) for each in user.expenses.values() if not each.deleted and str(each.day.year) == year]
    shown.sort(key=lambda each: (each["date"], each["expense_id"]))
    return [{name: each[name] for name in _SAME} for each in shown]


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def as_told(rows: list[Row]) -> list[Row]:
    return [{name: said(cell) for name, cell in row.items()} for row in rows]


@pytest.mark.parametrize("which", ["middle", "late"])
@pytest.mark.parametrize("user_id", ["ada", "bob"])
async def test_a_year_has_the_expenses_that_there_were_at_the_cut(
    session: Connection, books: Books, which: str, user_id: str
) -> None:
    then: Moment = getattr(books, which)
    for year in YEARS:
        found = await written(session, KIND, then.cut, user_id=user_id, year=year)
        assert as_told(found.rows) == rows_of(then.users[user_id], year)
    assert rows_of(then.users[user_id], "2024")


async def test_an_earlier_cut_gives_the_same_bytes_after_changes_and_deletions(
    session: Connection, books: Books
) -> None:
    found = await written(session, KIND, books.middle.cut, user_id="ada", year="2024")
    assert found.data == books.at_middle["ada"].data
    now = {
        row["expense_id"]: row
        for row in (await written(session, KIND, books.last.cut, user_id="ada", year="2024")).rows
    }
    before = {row["expense_id"]: row for row in found.rows}
    assert [each for each in before if each not in now], "one was deleted since"
    assert [each for each in before if each in now and before[each] != now[each]], "one was changed since"


async def test_what_was_erased_is_gone_from_every_cut_and_amounts_stay(session: Connection, books: Books) -> None:
    before = books.at_middle["eve"].rows
    after = (await written(session, KIND, books.middle.cut, user_id="eve", year="2024")).rows
    assert {row["notes"] for row in before} == {"", "with Bob"}
    assert {row["notes"] for row in after} == {""}
    assert {row["category"].rstrip("0123456789") for row in after} == {"erased-"}
    names = [name for name in _SAME if name not in ("category", "notes")]
    assert [[row[name] for name in names] for row in after] == [[row[name] for name in names] for row in before]
    old, new = ([row["category"] for row in rows] for rows in (before, after))
    assert len(set(zip(old, new, strict=True))) == len(set(old)) == len(set(new)), "a category has one other name"


async def test_a_user_who_was_not_there_at_the_cut_or_was_erased_below_it_is_none(
    session: Connection, books: Books, tmp_path: Path
) -> None:
    absent = (("nobody", books.last), ("new", books.middle), ("eve", books.last))
    for user_id, then in absent:
        filters = {"user_id": user_id, "year": "2024"}
        for asking in (
            written(session, KIND, then.cut, **filters),
            draw_year(session, then.cut, filters, tmp_path / "e"),
        ):
            with pytest.raises(Declined) as declined:
                await asking
            assert declined.value.code == "user_not_found"
    assert (await written(session, KIND, books.late.cut, user_id="new", year="2024")).rows == []
    assert left_in(tmp_path) == []


async def test_the_file_says_what_the_report_of_the_year_says(
    session: Connection, books: Books, tmp_path: Path
) -> None:
    for user_id in ("ada", "bob"):
        async with tax_year(session, user_id, 2024) as (year, rows):
            await write_csv(year, rows, tmp_path / "report.csv")
        report = (tmp_path / "report.csv").read_bytes().partition(b"\r\n")
        found = await written(session, KIND, books.last.cut, user_id=user_id, year="2024")
        assert report[0].decode().split(",") == [column.name for column in KIND.columns]
        assert read_back(KIND, report[2]) == found.rows


# Documents ------------------------------------------------------------------------------------------------------------


async def test_a_document_of_one_cut_is_the_same_bytes_and_sums_what_its_rows_are(
    session: Connection, books: Books, tmp_path: Path
) -> None:
    filters = {"user_id": "ada", "year": "2024"}
    drawn = [await draw_year(session, books.middle.cut, filters, tmp_path / f"{number}.pdf") for number in (1, 2)]
    one, two = ((tmp_path / f"{number}.pdf").read_bytes() for number in (1, 2))
    assert one == two
    assert one.startswith(b"%PDF-")
    rows = rows_of(books.middle.users["ada"], "2024")
    sums = Counter[str]()
    for row in rows:
        sums[row["currency"]] += minor_of(row["amount"], row["currency"])
    assert [(each.rows, each.sums) for each in drawn] == [(len(rows), sums)] * 2
    async with year_below(session, books.middle.cut, filters) as (year, _):
        assert year.taken_at == await session.fetchval(
            LAST_DECIDED, *zip(*books.middle.cut.next_seq.items(), strict=True)
        )
    await draw_year(session, books.late.cut, filters, tmp_path / "3.pdf")
    assert (tmp_path / "3.pdf").read_bytes() != one


# Rates ----------------------------------------------------------------------------------------------------------------


async def test_sql_writes_rates_as_the_wire_does(session: Connection) -> None:
    decimals = (
        "1",
        "3",
        "7",
        "0.0061",
        "1.10",
        "2.5",
        "0.000000000001",
        "123456789.123456789",
        "8",
        "1.00000000000150",
    )
    pairs = [(over, under) for over in decimals for under in decimals]
    rows = await session.fetch(
        "SELECT rate_text(over, under) AS text FROM unnest($1::text[], $2::text[]) AS asked (over, under)",
        *([pair[place] for pair in pairs] for place in (0, 1)),
    )
    assert [row["text"] for row in rows] == [Ratio(*pair).shown() for pair in pairs]


# Plans ----------------------------------------------------------------------------------------------------------------


async def test_a_year_is_found_by_the_user_alone(session: Connection, books: Books) -> None:
    (piece,) = (await written(session, KIND, books.last.cut, user_id="ada", year="2024")).slices
    user = named_queries("processor.expenses", "exports.sql")["user_below"]
    for query, arguments in ((piece.rows, piece.arguments), (piece.sums, piece.arguments), (user, ("eve", [1], [9]))):
        told = msgspec.json.decode(await session.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *arguments))
        read = [node for node in nodes(told[0]["Plan"]) if "Relation Name" in node]
        assert {(node["Relation Name"], node["Index Name"]) for node in read} <= {
            ("expense_version", "expense_version_pkey"),
            ("expense_user", "user_exists"),
            ("event", "event_of_user"),
        }
        assert all(re.search(r"\b(user_no|user_id|aggregateid) = ", node["Index Cond"]) for node in read)
