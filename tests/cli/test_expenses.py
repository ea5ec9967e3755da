"""The doors to what users spend: a month, a year, the feed, and a tax year as a file."""

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.expenses.reading import Story, expenses_desk, saying

from .test_reports import At, at, lines

__all__ = ["at"]

SPENT: Final = {"user_id": "ada", "currency": "EUR", "device_id": "phone"}
ADA: Final[list[dict[str, Any]]] = [
    saying("user.create", user_id="ada", base_currency="EUR"),
    saying("budget.set", user_id="ada", category="Food", limit="500"),
    saying("budget.set", user_id="ada", category="[/b] :smile:", limit="0", month="2026-07"),
    saying("expense.add", expense_id="e1", amount="320", category="Food", date="2026-07-03", notes="=1+1", **SPENT),
    saying("expense.add", expense_id="e2", amount="80", category="[/b] :smile:", date="2026-07-04", **SPENT),
    saying("expense.add", expense_id="e3", amount="7", category="Food", date="2025-08-01", **SPENT),
    saying("expense.delete", expense_id="e2", user_id="ada", base_version=1),
    saying("expense.add", expense_id="e4", amount="60.5", category="[/b] :smile:", date="2026-07-04", **SPENT),
    saying(
        *("recurring.set",),
        recurring_id="rent",
        user_id="ada",
        amount="9",
        currency="EUR",
        category="Housing",
        frequency="monthly",
        starts_on="2026-01-31",
    ),
    saying("recurring.stop", recurring_id="rent", user_id="ada"),
    saying("budget.set", user_id="ada", category="Food", limit=None, month="2026-01"),
]


@pytest.fixture(scope="module")
def dealings(database_url: str) -> str:
    """Return where they are written down, once."""

    async def write() -> None:
        async with expenses_desk(database_url) as desk:
            await Story(desk).tell(*ADA)

    asyncio.run(write())
    return database_url


def test_a_month_is_its_budgets_its_categories_and_the_months_before_it(at: At) -> None:
    (found,) = lines(at("expenses", "ada", "--month", "2026-07", "--json"))
    assert [each["line"] for each in found["budgets"]] == [
        "Food: 320.00 of 500.00, 64 %",
        "[/b] :smile:: 60.50 of 0.00",
    ]
    assert [(each["category"], each["spent"], each["share"]) for each in found["categories"]] == [
        ("Food", "320.00", "84.1"),
        ("[/b] :smile:", "60.50", "15.9"),
    ]
    assert (found["total"], found["expenses"], found["base_currency"]) == ("380.50", 2, "EUR")
    months = [(each["month"], each["spent"]) for each in found["months"]]
    assert (len(months), months[0], months[-2:]) == (
        12,
        ("2025-08", "7.00"),
        [("2026-06", "0.00"), ("2026-07", "380.50")],
    )
    shown = at("expenses", "ada", "--month", "2026-07").stdout
    assert shown.startswith("Food: 320.00 of 500.00, 64 %\n")
    assert "│ [/b] :smile: │  60.50 │" in shown
    assert "2026-07: 380.50 EUR, 2 expenses" in shown


def test_a_year_has_all_of_its_months_and_the_month_that_it_is_needs_no_name(at: At) -> None:
    (found,) = lines(at("expenses", "ada", "--year", "2026", "--json"))
    assert (found["year"], found["total"], len(found["months"])) == (2026, "380.50", 12)
    assert "2026: 380.50 EUR" in at("expenses", "ada", "--year", "2026").stdout
    (now,) = lines(at("expenses", "ada", "--json"))
    assert now["month"] == f"{datetime.now(UTC):%Y-%m}"
    assert len(lines(at("expenses", "ada", "--month", "1900-02", "--json"))[0]["months"]) == 2


def test_the_feed_is_json_lines_and_a_last_one_that_has_the_token(at: At) -> None:
    *first, end = lines(at("changes", "ada", "--limit", "4", "--json"))
    assert (len(first), end["complete"]) == (4, False)
    *second, end = lines(at("changes", "ada", "--token", end["next_token"], "--json"))
    assert [each["change_no"] for each in first + second] == list(range(1, len(ADA)))
    assert end["complete"]
    assert [(each["kind"], each.get("deleted"), each.get("stopped")) for each in second] == [
        *[("expense", False, None), ("expense", True, None), ("expense", False, None)],
        *[("recurring", None, False), ("recurring", None, True), ("budget", None, None)],
    ]
    assert lines(at("changes", "ada", "--token", end["next_token"], "--json")) == [end]
    assert first[2] == {
        "kind": "expense",
        "expense_id": "e1",
        "user_id": "ada",
        "version": 1,
        "amount": "320.00",
        "currency": "EUR",
        "category": "Food",
        "date": "2026-07-03",
        "notes": "=1+1",
        "device_id": "phone",
        "recurring_id": None,
        "base_amount": "320.00",
        "base_currency": "EUR",
        "rate": "1",
        "change_no": 3,
        "deleted": False,
        "changed_at": first[2]["changed_at"],
    }


def test_a_table_of_changes_ends_with_how_to_go_on(at: At) -> None:
    done = at("changes", "ada", "--limit", "4")
    *shown, state, following = done.stdout.splitlines()
    assert state == "there are more"
    assert any("[/b] :smile:" in line for line in shown)
    door, _, arguments = following.removeprefix("what comes after: ").partition(" ")
    assert door == "partita"
    rest = at(*arguments.split()).stdout
    assert "nothing is behind these" in rest
    assert all(word in rest for word in ("deleted", "stopped", "removed", "e4 of 2026-07-04"))


@pytest.mark.parametrize("kind", ["csv", "pdf"])
def test_a_tax_year_is_written_as_a_whole_file_for_its_owner_alone(at: At, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"year.{kind}"
    done = at("report", "expenses", "--user", "ada", "--year", "2026", "--format", kind, "--out", str(out))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{out}: 2 expenses, 380.50 EUR\n"
    assert (list(tmp_path.iterdir()), out.stat().st_mode & 0o777) == ([out], 0o600)
    if kind == "pdf":
        assert out.read_bytes().startswith(b"%PDF-")
        return
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["date"], row["base_amount"], row["notes"]) for row in rows] == [
        ("2026-07-03", "320.00", "'=1+1"),
        ("2026-07-04", "60.50", ""),
    ]


REPORT: Final = ("report", "expenses", "--format", "csv", "--year", "2026", "--out")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["expenses", "nobody"], "No user has the id nobody"),
        (["expenses", "ada", "--month", "2026-13"], "There is no month 2026-13"),
        (["expenses", "ada", "--month", "2026-07", "--year", "2026"], "exclude each other"),
        (["expenses", "ada", "--year", "1"], "1900 to 9998"),
        (["changes", "nobody"], "No user has the id nobody"),
        (["changes", "ada", "--token", "1none"], "was not written here"),
        (["changes", "ada", "--limit", "1001"], "1 to 1000 rows"),
        ([*REPORT, "year.csv", "--user", "nobody"], "No user has the id nobody"),
        ([*REPORT, "no/year.csv", "--user", "ada"], "name another --out"),
        ([*REPORT[:2], "--format", "xml", *REPORT[4:], "year.xml", "--user", "ada"], "xml"),
    ],
)
def test_what_cannot_be_shown_is_one_line_and_exit_2(
    at: At, arguments: list[str], cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = at(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert cause in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_token_of_another_key_is_declined_and_a_page_is_as_large_as_the_setting_says(at: At) -> None:
    *_, end = lines(at("changes", "ada", "--json", PARTITA_FINGERPRINT_KEY="one"))
    other = at("changes", "ada", "--token", end["next_token"], PARTITA_FINGERPRINT_KEY="other")
    assert (other.returncode, "was not written here" in other.stderr) == (2, True)
    assert "1 to 50 rows" in at("changes", "ada", PARTITA_REPORT_ROWS_MAX="50").stderr
