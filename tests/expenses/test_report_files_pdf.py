"""The PDF of a tax year, read back: nothing lost, nothing clipped, numbers in line, pages counted, letters readable."""

import asyncio
import re
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from unicodedata import category, normalize

import pytest

from contracts.money import decimal_text, exponent_of
from partita.expense_report.document import typeset
from partita.expense_report.drawing import drawn, faces
from partita.expense_report.flow import MARGIN, RIGHT
from partita.expense_report.writing import write_pdf
from processor.expenses.tax_rows import TaxRow
from tests.house.tree import ROOT

from .drawn_pages import Drawn, unspaced
from .report_years import mixed, row, streamed, year_of

HEAD = "Date Category Notes Amount In EUR Rate"
CONTINUED = "continued"
AMOUNT_MAX = 10**15 - 1
EXTREME = [
    row(0, category="W" * 64, notes="W" * 2000, amount_minor=AMOUNT_MAX, rate="123456789012.123456789012"),
    row(1, notes="a\n" * 1000, amount_minor=AMOUNT_MAX, currency="JPY", base_minor=AMOUNT_MAX, rate="0.000000000001"),
    row(2, notes="word " * 400, amount_minor=AMOUNT_MAX, currency="KWD", base_minor=AMOUNT_MAX),
    row(3, notes="e\u0301" * 1000, amount_minor=AMOUNT_MAX, currency="CLF", base_minor=AMOUNT_MAX),
]


def drawing(rows: Sequence[TaxRow], **fields: Any) -> Drawn:
    return Drawn(drawn(year_of(rows, **fields), rows))


def money(minor: int, currency: str) -> str:
    exponent = exponent_of(currency)
    assert exponent is not None
    return decimal_text(minor, exponent)


@pytest.fixture(scope="module")
def busy() -> list[TaxRow]:
    return mixed(1_300)


@pytest.fixture(scope="module")
def year(busy: list[TaxRow]) -> Drawn:
    """Return a busy year; it takes less than a second to draw."""
    faces()
    begun = time.thread_time()
    data = drawn(year_of(busy), busy)
    assert time.thread_time() - begun < 1.0
    return Drawn(data)


@pytest.fixture(scope="module")
def extreme() -> Drawn:
    return drawing(EXTREME, user_id="u" * 64)


# What it says ---------------------------------------------------------------------------------------------------------


def table_of(document: Drawn) -> str:
    """Return what the rows of all expenses say, without heads, edges and blanks."""
    edge = re.compile(r"Expenses \d{4}, \S+, in EUR$|Made .* Page \d+ of \d+$")
    lines = [line for page in document.pages for line in page if not edge.match(line) and line != HEAD]
    first, end = lines.index("Expenses") + 1, max(at for at, line in enumerate(lines) if line.startswith("Total "))
    text = unspaced("".join(lines[first:end]))
    return text.partition("Totalsbycurrency")[0]


def told(each: TaxRow) -> str:
    amounts = f"{money(each.amount_minor, each.currency)}{each.currency}{money(each.base_minor, 'EUR')}"
    return unspaced(f"{each.date}{each.category}{each.notes}{amounts}{each.rate}")


def test_every_expense_is_there_once_and_whole(year: Drawn, busy: list[TaxRow]) -> None:
    total = money(sum(each.base_minor for each in busy), "EUR")
    assert table_of(year) == "".join(map(told, busy)) + f"Total{total}"


def test_a_row_that_is_higher_than_a_page_goes_on_on_the_next_and_none_else(extreme: Drawn, year: Drawn) -> None:
    total = f"Total{money(sum(each.base_minor for each in EXTREME), 'EUR')}"
    written = normalize("NFC", "".join(map(told, EXTREME)) + total)
    assert Counter(table_of(extreme).replace(CONTINUED, "")) == Counter(written)
    begun = [page[2].split()[0] for page in extreme.pages[1:]]
    assert [word for word in begun if word != CONTINUED] == ["2025-01-04"], "the only row that a page has room for"
    assert extreme.said.count(CONTINUED) == begun.count(CONTINUED) > 10
    assert CONTINUED not in year.said


def test_pages_are_counted_and_say_whose_they_are(year: Drawn) -> None:
    count = len(year.pages)
    assert count > 30
    for number, page in enumerate(year.pages, start=1):
        assert page[-1] == f"Made 2026-01-07 09:30 UTC Page {number} of {count}"
        assert (page[0] == "Expenses 2025, anna-7, in EUR") == (number > 1)
    assert year.facts["Title"] == "Expenses of the tax year 2025, anna-7"
    assert year.facts["CreationDate"] == "D:20260107093005Z"


def test_every_page_of_a_table_has_its_heads(year: Drawn) -> None:
    assert [page[1] for page in year.pages[1:]] == [HEAD] * (len(year.pages) - 1)


def test_the_first_page_says_who_when_and_how_much(year: Drawn, busy: list[TaxRow]) -> None:
    said = [line.replace("\u202f", "") for line in year.pages[0][:8]]
    assert said == [
        "Expenses of the tax year 2025",
        "User anna-7",
        "Period 2025-01-01 to 2025-12-31",
        "Base currency EUR",
        "Expenses 1300",
        f"Total {money(sum(each.base_minor for each in busy), 'EUR')} EUR",
        "Made 2026-01-07 09:30 UTC",
        "Totals by category",
    ]


def test_sixty_categories_are_summed_the_largest_first_on_as_many_pages_as_they_need() -> None:
    rows = mixed(180, categories=[f"Category {number:02}" for number in range(60)])
    year = year_of(rows)
    document = Drawn(drawn(year, rows))
    found = re.findall(r"(Category\d\d)3(\d+\.\d\d)\d+\.\d%", document.said.partition("NotesAmount")[0])
    largest_first = sorted(year.categories, key=lambda each: -each.base_minor)
    assert found == [(unspaced(each.category), money(each.base_minor, "EUR")) for each in largest_first]
    assert document.pages[1][1] == "Category Expenses In EUR Share"


def test_currencies_are_summed_where_there_is_more_than_the_base(year: Drawn, busy: list[TaxRow]) -> None:
    yen = [each for each in busy if each.currency == "JPY"]
    sums = (money(sum(each.amount_minor for each in yen), "JPY"), money(sum(each.base_minor for each in yen), "EUR"))
    assert f"JPY{len(yen)}{sums[0]}{sums[1]}" in year.said.rpartition("Totalsbycurrency")[2]
    assert "Totalsbycurrency" not in drawing([row(0), row(1)]).said


def test_a_year_without_expenses_is_a_page_that_says_so() -> None:
    document = drawing([])
    assert [page[-2:] for page in document.pages] == [["No expenses in 2025.", "Made 2026-01-07 09:30 UTC Page 1 of 1"]]
    assert "Total0.00EUR" in document.said


def test_a_sign_without_a_letter_is_shown_as_one_and_what_is_never_seen_is_left_out() -> None:
    notes = "日本 🎉 \x07 soft\u00adhyphen \u202edirection\u202c nb\u00a0sp ❤\ufe0f tab\there"
    assert f"Food{unspaced('�� � � softhyphen direction nb sp � tab here')}12.30" in drawing([row(notes=notes)]).said


# Where it stands ------------------------------------------------------------------------------------------------------


def test_nothing_is_outside_the_margins(year: Drawn, extreme: Drawn) -> None:
    assert list(year.inked(int(MARGIN))) == []
    assert list(extreme.inked(int(MARGIN))) == []
    assert list(extreme.inked(int(MARGIN) + 3)) != [], "ink would be seen"


def texts(rows: list[TaxRow]) -> list[list[str]]:
    return [[text.text for text in page.texts] for page in typeset(year_of(rows), rows, faces())]


def test_a_row_stays_on_one_page_where_a_page_is_high_enough() -> None:
    pages_of_a_row = set()
    for height in range(60, 72):
        pages = [page.count("a") for page in texts([row(0), row(1, notes="a\n" * height), row(2)])]
        assert sum(pages) == height
        assert pages[:2] == [0, height] or pages[0] > 30, "whole, or begun where the row before ended"
        pages_of_a_row.add(len([count for count in pages if count]))
    assert pages_of_a_row == {1, 2}


def test_the_total_is_never_alone_on_its_page() -> None:
    pages = set()
    for count in range(26, 36):
        *before, last = texts([row(number) for number in range(count)])
        pages.add(len(before) + 1)
        assert "Total" in last
        assert f"{row(count - 1).date}" in last
    assert pages == {1, 2}


@pytest.mark.parametrize("rows", [EXTREME, mixed(150), mixed(1)], ids=["extreme", "mixed", "one"])
def test_no_text_runs_into_another_or_out_of_its_table(rows: list[TaxRow]) -> None:
    for page in typeset(year_of(rows, user_id="u" * 64), rows, faces()):
        for text, following in pairwise(sorted(page.texts, key=lambda each: (each.y, each.x))):
            end = text.x + text.style.width(text.text)
            assert end <= RIGHT + 0.1, text
            assert following.y > text.y or end < following.x, (text, following)
        heights = sorted({text.y for text in page.texts})
        assert min(above - below for below, above in pairwise(heights)) > 7.4, "lines are apart"


def test_decimal_points_stand_below_one_another(year: Drawn) -> None:
    signs = year.signs(5)
    points = {
        round(sign.left, 1)
        for before, sign, after in zip(signs, signs[1:], signs[2:], strict=False)
        if sign.text == "." and before.text.isdigit() and after.text.isdigit()
    }
    assert len(points) == 3, "amounts, base amounts, rates"
    text = "".join(sign.text for sign in signs)
    yen = [signs[found.start()] for found in re.finditer(r"\d (?=JPY)", text)]
    assert yen
    assert all(0 < min(points) - digit.right < 2.5 for digit in yen), "whole numbers end where the point would be"


# What it is made of ---------------------------------------------------------------------------------------------------


def test_the_same_year_makes_the_same_bytes_also_side_by_side(tmp_path: Path) -> None:
    rows = mixed(40)

    async def both() -> None:
        one, other = (write_pdf(year_of(rows), streamed(rows), tmp_path / name) for name in ("one", "other"))
        await asyncio.gather(one, other)

    asyncio.run(both())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes() == drawn(year_of(rows), rows)


def test_every_font_is_embedded(year: Drawn) -> None:
    fonts = re.findall(rb"/BaseFont /(\S+)", year.data)
    assert {font.partition(b"+")[2] for font in fonts} == {b"NotoSans-SemiCondensed", b"NotoSans-BoldSemiCondensed"}
    assert year.data.count(b"/FontFile2") == len(fonts)


@pytest.mark.parametrize(
    ("first", "last"),
    [(0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x3E1), (0x3F0, 0x3FF), (0x400, 0x52F), (0x1E00, 0x1FFF), (0x20A0, 0x20C0)],
    ids=["ASCII", "Latin", "Greek", "Greek symbols", "Cyrillic", "Latin and Greek with more marks", "currency signs"],
)
def test_alphabets_are_whole(first: int, last: int) -> None:
    letters = "".join(map(chr, range(first, last + 1)))
    missing = [sign for sign in letters if faces().regular.shown(sign) == "\ufffd" and category(sign) != "Cn"]
    assert missing == []


def test_lines_lose_nothing_and_are_no_longer_than_they_may_be() -> None:
    face, random = faces().regular, Random(5)
    for _ in range(200):
        text = "".join(random.choices("abcWilm äΩЖ\u0301 \u00a0\t\n-", k=random.randint(0, 120)))
        width = random.uniform(20, 120)
        lines = face.lines(text, width, 8.0)
        assert unspaced("".join(lines)) == unspaced(face.shown(text))
        assert all(face.width(line, 8.0) <= width + 0.02 for line in lines)
        assert all(
            face.width(f"{one} {other}".partition(" ")[0], 8.0) <= width + 0.02 for one, other in pairwise(lines)
        )


def test_typefaces_and_their_licence_are_installed_with_the_program() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = pyproject["tool"]["setuptools"]["package-data"]["*"]
    folder = ROOT / "partita" / "expense_report" / "fonts"
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files == {"__init__.py", "regular.ttf", "bold.ttf", "OFL.txt"}
    assert [
        name for name in files if not name.endswith(".py") and not any(fnmatch(name, each) for each in patterns)
    ] == []
