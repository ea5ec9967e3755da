"""The files of a tax year: whole or not there, true to their totals; as CSV what a program reads and no sheet runs."""

import asyncio
import csv
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from partita.expense_report.rows import CSV_COLUMNS, grouped, share_text
from partita.expense_report.writing import write_csv, write_pdf
from processor.errors import Fatal
from processor.expenses.tax_rows import TaxRow, TaxYear

from .report_years import YEAR, mixed, row, streamed, year_of

Write = Callable[[TaxYear, AsyncIterable[TaxRow], Path], Coroutine[Any, Any, None]]

either_file = pytest.mark.parametrize("write", [write_csv, write_pdf])


def csv_of(rows: list[TaxRow], target: Path, **fields: Any) -> bytes:
    asyncio.run(write_csv(year_of(rows, **fields), streamed(rows), target))
    return target.read_bytes()


# CSV ------------------------------------------------------------------------------------------------------------------


def test_the_lines_are_those_of_rfc_4180_with_the_columns_of_the_contract(tmp_path: Path) -> None:
    rows = [
        row(0, notes='two "quoted", words', expense_id="a"),
        row(1, notes="two\nlines", amount_minor=1500, currency="KWD", base_minor=450, rate="0.3", expense_id="b"),
        row(2, category="Υγεία", amount_minor=7, currency="JPY", base_minor=4, rate="0.0061", expense_id="c"),
    ]
    assert csv_of(rows, tmp_path / "year.csv").decode("utf-8").split("\r\n") == [
        "date,category,notes,amount,currency,base_amount,base_currency,rate,expense_id",
        '2025-01-01,Food,"two ""quoted"", words",12.30,EUR,12.30,EUR,1,a',
        '2025-01-02,Food,"two\nlines",1.500,KWD,4.50,EUR,0.3,b',
        "2025-01-03,Υγεία,,7,JPY,0.04,EUR,0.0061,c",
        "",
    ]


def test_a_year_without_expenses_is_the_names_of_the_columns(tmp_path: Path) -> None:
    assert csv_of([], tmp_path / "year.csv") == ",".join(CSV_COLUMNS).encode() + b"\r\n"


def test_base_amounts_have_the_decimals_of_the_base_currency(tmp_path: Path) -> None:
    written = csv_of([row(base_minor=1_230)], tmp_path / "year.csv", base_currency="KWD")
    assert b",12.30,EUR,1.230,KWD," in written


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+A1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(text: str, tmp_path: Path) -> None:
    target = tmp_path / "year.csv"
    csv_of([row(category=text, notes=text, expense_id="-e1")], target)
    with target.open(encoding="utf-8", newline="") as file:
        _, cells = csv.reader(file)
    assert cells == ["2025-01-01", f"'{text}", f"'{text}", "12.30", "EUR", "12.30", "EUR", "1", "'-e1"]


def test_other_texts_are_as_they_were(tmp_path: Path) -> None:
    rows = mixed(200)
    target = tmp_path / "year.csv"
    csv_of(rows, target)
    with target.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [(cells["category"], cells["notes"]) for cells in read] == [(each.category, each.notes) for each in rows]


def test_a_year_of_any_size_is_written_in_the_memory_of_a_row(tmp_path: Path) -> None:
    async def many(count: int) -> AsyncIterator[TaxRow]:
        for number in range(count):
            yield row(number * 365 // count, notes=f"note {number} " * 40)

    total = year_of([row()])
    food = msgspec.structs.replace(total.categories[0], expenses=4_000, base_minor=4_000 * 1230)
    year = msgspec.structs.replace(total, categories=[food], expenses=4_000, total_minor=4_000 * 1230)
    tracemalloc.start()
    try:
        asyncio.run(write_csv(year, many(4_000), tmp_path / "year.csv"))
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()
    assert (tmp_path / "year.csv").stat().st_size > 1_700_000


# Whole or not there ---------------------------------------------------------------------------------------------------


async def broken_off(rows: list[TaxRow]) -> AsyncIterator[TaxRow]:
    for each in rows:
        yield each
    raise ConnectionResetError


@either_file
def test_a_file_that_cannot_be_finished_leaves_what_was_there_before(write: Write, tmp_path: Path) -> None:
    target, rows = tmp_path / "year", mixed(50)
    target.write_text("before")
    with pytest.raises(ConnectionResetError):
        asyncio.run(write(year_of(rows), broken_off(rows), target))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("year", "before")]


@either_file
def test_a_file_whose_writing_is_cancelled_is_not_there(write: Write, tmp_path: Path) -> None:
    async def cancelled() -> None:
        begun = asyncio.Event()

        async def stuck() -> AsyncIterator[TaxRow]:
            yield row()
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(write(year_of([row()]), stuck(), tmp_path / "year"))
        await begun.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert list(tmp_path.iterdir()) == []


@either_file
def test_a_finished_file_replaces_the_one_before_and_is_its_owner_s_alone(write: Write, tmp_path: Path) -> None:
    target = tmp_path / "year"
    target.write_text("before")
    asyncio.run(write(year_of([row()]), streamed([row()]), target))
    assert [path.name for path in tmp_path.iterdir()] == ["year"]
    assert target.read_bytes()[:4] in (b"date", b"%PDF")
    assert target.stat().st_mode & 0o777 == 0o600


FOOD = year_of([row()]).categories[0]


@either_file
@pytest.mark.parametrize(
    "told",
    [
        {"total_minor": 2461},
        {"expenses": 3},
        {"categories": [msgspec.structs.replace(FOOD, expenses=2, base_minor=2459)]},
        {"categories": [msgspec.structs.replace(FOOD, expenses=1, base_minor=2460)]},
        {"categories": []},
        {"categories": [msgspec.structs.replace(FOOD, category=each, base_minor=1230) for each in ("Food", "Fun")]},
    ],
)
def test_rows_that_do_not_sum_to_their_totals_are_no_file(write: Write, told: dict[str, Any], tmp_path: Path) -> None:
    rows = [row(0), row(1)]
    asyncio.run(write(year_of(rows), streamed(rows), tmp_path / "right"))
    with pytest.raises(Fatal, match="do not sum to their totals"):
        asyncio.run(write(year_of(rows, **told), streamed(rows), tmp_path / "wrong"))
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


@either_file
@pytest.mark.parametrize("days", [(1, 0), (-1,), (365,)])
def test_rows_out_of_order_or_of_another_year_are_a_mistake(
    write: Write, days: tuple[int, ...], tmp_path: Path
) -> None:
    rows = [row(day) for day in days]
    with pytest.raises(AssertionError, match="rows come by date"):
        asyncio.run(write(year_of(rows), streamed(rows), tmp_path / "year"))


def test_rows_of_the_first_and_the_last_day_are_of_the_year(tmp_path: Path) -> None:
    rows = [row(0), row(0, expense_id="f"), row(date=date(YEAR, 12, 31))]
    assert csv_of(rows, tmp_path / "year.csv").count(b"\r\n") == 4


# Numbers and the library ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shown"),
    [("0.05", "0.05"), ("999.00", "999.00"), ("1000", "1_000"), ("12345678.901", "12_345_678.901")],
)
def test_whole_digits_stand_in_groups_of_three(number: str, shown: str) -> None:
    assert grouped(number) == shown.replace("_", "\u202f")


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(1, 3, "33.3 %"), (2, 3, "66.7 %"), (1, 2000, "0.1 %"), (999, 2_000_000, "0.0 %"), (7, 7, "100.0 %"), (0, 0, "-")],
)
def test_a_share_is_rounded_half_up_to_one_decimal(part: int, whole: int, shown: str) -> None:
    assert share_text(part, whole) == shown


def test_the_library_that_draws_is_imported_by_the_first_pdf_alone() -> None:
    code = "import sys, partita.expense_report.writing; sys.exit('reportlab' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
