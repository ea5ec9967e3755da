"""The doors to reports and statements, over books in which alice and bob have had dealings."""

import asyncio
import csv
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from partita.cli import main
from processor.database import connect
from tests.engine.asking import place, reverse, spend
from tests.engine.desk import Desk, fill, moving

from .conftest import Door


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


At = Callable[..., Done]
LOANED = moving("alice", "bob", "30", description="=1+1", reference="r-1")
UNDONE = moving("alice", "bob", "5", reference="[/b] :x:")


@pytest.fixture(scope="module")
def dealings(database_url: str) -> str:
    """Return where they are written down, once."""

    async def write() -> None:
        connection = await connect(database_url, role="test")
        desk = await Desk.open(connection, database_url)
        await fill(desk, ["alice", "bob"])
        await desk.tell(LOANED, UNDONE)
        await desk.tell(reverse("alice", UNDONE), spend("alice", "500"), place(("alice", "h"), "7"))
        await desk.database.close()
        await connection.close()

    asyncio.run(write())
    return database_url


@pytest.fixture
def at(dealings: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[At]:
    """Return how to open a door beside them, in this process."""

    def run(*arguments: str, **settings: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            code = main(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("PARTITA_DATABASE_URL", dealings)
    monkeypatch.setenv("COLUMNS", "120")
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def lines(done: Done | subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_report_is_json_lines_and_a_last_one_that_sums_up(at: At) -> None:
    *rows, summary = lines(at("report", "transactions", "--json"))
    assert [(row["type"], row["status"], row["reason"], row["amount"]) for row in rows] == [
        ("hold.place", "PENDING", "DEBIT_CARD_AUTH", "7.00"),
        ("transfer.withdraw", "FAILED", "insufficient_funds", "500.00"),
        ("transfer.reverse", "POSTED", None, "5.00"),
        ("transfer.make", "REVERSED", None, "5.00"),
        ("transfer.make", "POSTED", None, "30.00"),
        ("transfer.deposit", "POSTED", None, "100.00"),
        ("transfer.deposit", "POSTED", None, "100.00"),
    ]
    assert {name: summary[name] for name in ("page", "limit", "total_amount", "total_pages", "sums", "next_token")} == {
        "page": 1,
        "limit": 100,
        "total_amount": 7,
        "total_pages": 1,
        "sums": {"EUR": "240.00"},
        "next_token": None,
    }
    assert rows[4] == {
        "transaction_id": LOANED.command_id,
        "status": "POSTED",
        "reason": None,
        "type": "transfer.make",
        "source_account_id": "alice",
        "destination_account_id": "bob",
        "amount": "30.00",
        "currency": "EUR",
        "initiated_at": "2023-11-14T22:13:20.000000Z",
        "posted_at": rows[3]["posted_at"],
        "decided_at": rows[3]["posted_at"],
        "description": "=1+1",
        "reference": "r-1",
    }
    assert (rows[0]["source_account_id"], rows[0]["posted_at"], rows[1]["posted_at"]) == ("alice", None, None)
    assert (rows[5]["source_account_id"], rows[5]["destination_account_id"]) == (None, "bob")


def test_pages_follow_each_other_by_their_tokens_in_other_processes(at: At, door: Door, dealings: str) -> None:
    settings = {"PARTITA_DATABASE_URL": dealings}
    *first, summary = lines(at("report", "transactions", "--limit", "4", "--json"))
    asked = ("report", "transactions", "--token", summary["next_token"], "--json")
    *second, end = lines(door(*asked, settings=settings))
    *whole, _ = lines(at("report", "transactions", "--limit", "3", "--all", "--json"))
    assert first + second == whole
    assert (summary["total_pages"], end["page"], end["next_token"]) == (2, 2, None)
    assert summary["sums"] == end["sums"]
    assert lines(at("report", "transactions", "--token", end["token"], "--json"))[:-1] == second


def test_filters_are_options(at: At) -> None:
    def found(*options: str) -> list[str]:
        return [row["status"] for row in lines(at("report", "transactions", "--json", *options))[:-1]]

    now = datetime.now(UTC).isoformat()
    assert found("--account", "bob") == ["POSTED", "REVERSED", "POSTED", "POSTED"]
    assert found("--status", "FAILED") == ["FAILED"]
    assert found("--reason", "DEBIT_CARD_AUTH") == ["PENDING"]
    assert found("--id", UNDONE.command_id) == ["REVERSED"]
    assert len(found("--to", now)) == 7
    assert found("--from", now) == []


def test_a_table_ends_with_how_to_read_on(at: At) -> None:
    done = at("report", "transactions", "--limit", "5")
    *_, sums, following = done.stdout.splitlines()
    assert "FAILED" in done.stdout
    assert sums == "page 1 of 2; 7 transactions in all, posted: 240.00 EUR"
    door, _, arguments = following.removeprefix("next page: ").partition(" ")
    assert door == "partita"
    assert at(*arguments.split()).stdout.splitlines()[-1].startswith("page 2 of 2; 7 transactions")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--from", "2026-01-01", "--to", "2026-01-07"], "5 days at most (PARTITA_REPORT_DAYS_MAX)"),
        (["--from", "2026-01-07", "--to", "2026-01-01"], "end before it begins"),
        (["--limit", "1001"], "1 to 1000 rows"),
        (["--account", "nobody"], "No account has the id nobody"),
        (["--token", "1none"], "was not written here"),
        (["--token", "1none", "--account", "bob"], "give it alone"),
    ],
)
def test_what_a_report_cannot_show_is_one_line_and_exit_2(at: At, arguments: list[str], cause: str) -> None:
    done = at("report", "transactions", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert cause in done.stderr


def test_a_token_of_another_key_is_declined_and_limits_are_settings(at: At) -> None:
    *_, summary = lines(at("report", "transactions", "--json", PARTITA_FINGERPRINT_KEY="one"))
    other = at("report", "transactions", "--token", summary["token"], PARTITA_FINGERPRINT_KEY="other")
    assert (other.returncode, "was not written here" in other.stderr) == (2, True)
    window = ("--from", "2026-01-01", "--to", "2026-01-07")
    assert at("report", "transactions", *window, PARTITA_REPORT_DAYS_MAX="6").returncode == 0
    assert "1 to 50 rows" in at("report", "transactions", PARTITA_REPORT_ROWS_MAX="50").stderr


def test_a_statement_has_its_balances_and_lines(at: At, dealings: str) -> None:
    month = f"{datetime.now(UTC):%Y-%m}"
    found = json.loads(at("statement", "alice", "--month", month, "--json").stdout)
    assert (found["opening_balance"], found["closing_balance"]) == ("0.00", "70.00")
    assert [(line["entry_type"], line["amount"], line["balance"]) for line in found["lines"]] == [
        ("DEPOSIT", "100.00", "100.00"),
        ("TRANSFER_OUT", "-30.00", "70.00"),
        ("TRANSFER_OUT", "-5.00", "65.00"),
        ("REVERSAL", "5.00", "70.00"),
    ]
    shown = at("statement", "alice", "--month", month, COLUMNS="200").stdout
    assert all(each in shown for each in ("closing balance", "[/b] :x:"))
    assert at("statement", "alice", "--month", "2026-13").returncode == 2
    assert at("statement", "nobody", "--month", month).returncode == 2


def test_a_statement_as_csv_has_no_cell_that_a_spreadsheet_would_run(at: At) -> None:
    done = at("statement", "alice", "--month", f"{datetime.now(UTC):%Y-%m}", "--csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["balance"] for row in rows] == ["100.00", "70.00", "65.00", "70.00"]
    assert (rows[1]["description"], rows[1]["reference"]) == ("'=1+1", "r-1")
    assert rows[1]["transaction_id"] == LOANED.command_id


def test_an_account_is_shown_as_it_was(at: At) -> None:
    *rows, _ = lines(at("report", "transactions", "--id", LOANED.command_id, "--json"))
    instant = rows[0]["posted_at"]
    assert at("account", "alice", "--at", instant).stdout == f"65.00 EUR at {instant}\n"
    before = json.loads(at("account", "alice", "--at", "2020-01-01", "--json").stdout)
    assert before == {
        "account_id": "alice",
        "currency": "EUR",
        "at": "2020-01-01T00:00:00.000000Z",
        "ledger_balance": "0.00",
    }
    assert at("account", "nobody", "--at", instant).returncode == 2
