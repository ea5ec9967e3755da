"""Every door of a running system, as a person or a script uses it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.ids import uuid_text
from partita import app
from partita.local.stack import LocalStack
from processor.database import Connection
from tests.processes import PIPE, Process

from .conftest import Door, System, environment

At = Callable[..., subprocess.CompletedProcess[str]]

CONTEXTS = [context.name for context in app.CONTEXTS]


@pytest.fixture
def at(door: Door, system: System) -> At:
    """Return how to open a door of the running system."""

    def run(*arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return door(*arguments, settings=system.settings | more, typed=typed)

    return run


def command(number: int, kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, "command_id": uuid_text(number.to_bytes(16, "big")), **fields})


def opened(number: int, account: str) -> str:
    return command(number, "account.open", account_id=account, account_type="CHECKING", currency="EUR")


def spent(number: int, expense: str, amount: str) -> str:
    return command(
        number,
        "expense.add",
        user_id="a1",
        expense_id=expense,
        amount=amount,
        currency="EUR",
        category="Food",
        date="2026-07-01",
    )


def answered(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one line of JSON on stdout, without what differs from run to run."""
    assert done.stdout.count("\n") == 1, done
    line: dict[str, Any] = json.loads(done.stdout)
    assert line.pop("seconds") >= 0
    return line


def test_every_command_published_is_counted_once_by_what_became_of_it(at: At) -> None:
    lines = [
        opened(1, "a1"),
        opened(2, "a2"),
        command(3, "transfer.deposit", account_id="a1", amount="10.00"),
        command(4, "transfer.make", source_account_id="a1", destination_account_id="a2", amount="3.00"),
        command(5, "transfer.withdraw", account_id="a1", amount="7.01"),
        command(5, "transfer.withdraw", account_id="a1", amount="7.01"),
        command(5, "transfer.withdraw", account_id="a1", amount="7.00"),
        command(6, "user.create", user_id="a1", base_currency="EUR"),
        command(7, "budget.set", user_id="a1", category="Food", limit="1.00"),
        spent(8, "e1", "1.50"),
        spent(9, "e1", "2.00"),
        "",
    ]
    for account in lines[:2]:
        assert at("publish", "-", "--wait", typed=account).returncode == 0
    done = at("publish", "-", "--wait", typed="\n".join(lines))
    assert done.returncode == 0
    assert answered(done) == {
        "published": 11,
        "answers": {
            "account.opened": 2,
            "transfer.posted": 2,
            "budget.defined": 1,
            "expense.added": 1,
            "user.created": 1,
        },
        "refused": {"command_id_reused": 1, "expense_exists": 1, "insufficient_funds": 2},
        "dead": 0,
        "replayed": 3,
    }


def test_a_dead_letter_is_told_apart_from_its_neighbours_and_ends_in_exit_1(at: At) -> None:
    dead = [command(20, "account.freeze"), json.dumps({"type": "account.freeze"})]
    done = at("publish", "-", "--wait", typed="\n".join([opened(21, "b1"), *dead, opened(22, "b1")]))
    assert done.returncode == 1
    assert answered(done) == {
        "published": 4,
        "answers": {"account.opened": 1},
        "refused": {"account_exists": 1},
        "dead": 2,
        "replayed": 0,
    }


@pytest.mark.parametrize("bad", ["[1]", '{"type": "account.paint"}'])
def test_a_line_no_topic_is_right_for_ends_it_after_what_came_before(at: At, bad: str) -> None:
    number = 30 + len(bad)
    done = at("publish", "-", typed=f"{opened(number, f'c{number}')}\n\n{bad}\n{opened(number + 100, 'never')}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: line 3: ")
    again = at("publish", "-", "--wait", typed=opened(number, f"c{number}"))
    assert answered(again)["replayed"] == 1
    assert "never" not in at("accounts", "--csv").stdout


def test_accounts_are_listed_by_id_and_the_house_only_if_asked_for(at: At) -> None:
    typed = "\n".join([opened(200, "d2"), opened(201, "d1")])
    assert at("publish", "-", "--wait", typed=typed).returncode == 0
    money = "\n".join(command(202 + n, "transfer.deposit", account_id=f"d{n}", amount=f"{n}.50") for n in (1, 2))
    assert at("publish", "-", "--wait", typed=money).returncode == 0
    head, *rows = at("accounts", "--csv").stdout.splitlines()
    assert head == "account_id,currency,ledger_balance,available_balance,status"
    assert [row for row in rows if row.startswith("d")] == ["d1,EUR,1.50,1.50,ACTIVE", "d2,EUR,2.50,2.50,ACTIVE"]
    assert rows == sorted(rows)
    assert not any(row.startswith("house:") for row in rows)
    everything = at("accounts", "--csv", "--house").stdout.splitlines()[1:]
    assert sum(float(row.split(",")[2]) for row in everything) == pytest.approx(0)
    assert "d1" in at("accounts").stdout


def test_an_account_is_shown_with_its_holds_and_what_was_refused(at: At) -> None:
    typed = [
        opened(250, "f1"),
        command(251, "transfer.deposit", account_id="f1", amount="5.00"),
        command(252, "hold.place", hold_id="h", account_id="f1", amount="2.00", reason="LEGAL"),
        command(253, "transfer.withdraw", account_id="f1", amount="9.00"),
    ]
    assert at("publish", "-", "--wait", typed="\n".join(typed)).returncode == 0
    found = json.loads(at("account", "f1", "--json").stdout)
    assert found["account"]["available_balance"] == "3.00"
    assert [one["status"] for one in found["transactions"]] == ["PENDING", "FAILED", "POSTED"]
    assert "PENDING" in at("account", "f1").stdout
    assert at("account", "nobody").returncode == 2


def test_results_are_json_lines_from_the_beginning(at: At) -> None:
    assert at("publish", "-", "--wait", typed=opened(300, "e1")).returncode == 0
    done = at("results", "--from-beginning", "--idle", "1", "--context", "ledger")
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["type"] for one in found if one.get("account_id") == "e1"] == ["account.opened"]


def test_results_go_on_where_the_state_says_and_the_file_is_whole(at: At, tmp_path: Path) -> None:
    state = tmp_path / "position"
    arguments = ("results", "--idle", "1", "--state", str(state))
    assert at(*arguments).stdout == ""  # from now on, and that is kept before anything comes
    assert at("publish", "-", "--wait", typed=opened(310, "e2")).returncode == 0
    assert [json.loads(line)["account_id"] for line in at(*arguments).stdout.splitlines()] == ["e2"]
    assert at(*arguments).stdout == ""
    again = opened(310, "e2") + "\n" + opened(311, "e3")
    assert at("publish", "-", "--wait", typed=again).returncode == 0
    told = [json.loads(line) for line in at(*arguments, "--from-beginning").stdout.splitlines()]
    assert sorted((one["account_id"], one["replayed"]) for one in told) == [("e2", True), ("e3", False)]
    assert list(tmp_path.iterdir()) == [state]


def test_results_that_are_killed_leave_none_out_when_they_go_on(at: At, system: System, tmp_path: Path) -> None:
    accounts = [f"k{number}" for number in range(1500)]
    typed = "\n".join(opened(7000 + number, account) for number, account in enumerate(accounts))
    assert at("publish", "-", "--wait", typed=typed).returncode == 0
    arguments = ["results", "--from-beginning", "--state", str(tmp_path / "position")]
    first = Process(arguments, env=environment(**system.settings), stdout=PIPE)
    assert first.stdout is not None
    with first, first.stdout as lines:
        seen = [next(lines) for _ in range(700)]
        first.kill()
    assert list(tmp_path.glob("position")), "kept from the start"
    seen += at(*arguments, "--idle", "1").stdout.splitlines()
    told = {json.loads(line).get("account_id") for line in seen}
    assert set(accounts) - told == set()


@pytest.mark.parametrize("text", ["not a position", "[]", '{"other.ledger.results.v1": {"0": {"next_offset": 1}}}'])
def test_a_state_that_cannot_be_gone_on_from_is_told(at: At, tmp_path: Path, text: str) -> None:
    state = tmp_path / "position"
    state.write_text(text)
    done = at("results", "--state", str(state))
    assert done.returncode == 2
    assert "position" in done.stderr
    assert state.read_text() == text


def test_audit_and_status_tell_of_books_that_are_right_and_of_nothing_that_waits(at: At) -> None:
    audit = at("audit", "--json")
    assert audit.returncode == 0
    proven = json.loads(audit.stdout)
    assert proven["holds"]
    assert [(cut["context"], cut["epoch"], list(cut["next_seq"])) for cut in proven["cuts"]] == [
        (context, 1, ["0", "1"]) for context in CONTEXTS
    ]
    assert "All checks hold" in at("audit").stdout
    status = json.loads(at("status", "--json").stdout)
    assert (status["lag"], status["unpublished"], status["oldest_unpublished_s"]) == (0, 0, 0.0)
    assert [(lane["context"], lane["partition"]) for lane in status["topics"]] == [
        (context, partition) for context in CONTEXTS for partition in (0, 1)
    ]
    assert at("status").returncode == 0


async def test_an_audit_that_fails_names_the_check_and_ends_in_exit_1(at: At, connection: Connection) -> None:
    assert at("publish", "-", "--wait", typed=opened(600, "h1")).returncode == 0
    change = "UPDATE account SET available_minor = available_minor - $1 WHERE account_id = 'h1'"
    await connection.execute(change, 1)
    done = at("audit")
    await connection.execute(change, -1)
    assert done.returncode == 1
    assert "account_available is broken" in done.stdout
    assert "h1" in done.stdout
    assert done.stdout.splitlines()[-1] == "Broken: account_available"


async def test_an_audit_that_takes_too_long_says_what_to_do(at: At, connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        limits = {"PARTITA_STATEMENT_TIMEOUT_S": "0.5", "PARTITA_LOCK_TIMEOUT_S": "20"}
        done = await asyncio.to_thread(at, "audit", **limits)
    assert (done.returncode, done.stderr.count("Traceback")) == (2, 0), done.stderr
    assert "A statement took longer than 0.5 s" in done.stderr


async def test_a_door_that_waits_for_a_lane_in_vain_says_so_and_does_nothing(at: At, connection: Connection) -> None:
    before = await connection.fetch("SELECT epoch, next_seq FROM lane ORDER BY lane_no")
    async with connection.transaction():
        await connection.fetch("SELECT FROM lane WHERE context = 'ledger' FOR UPDATE")
        done = await asyncio.to_thread(at, "adopt", "--context", "ledger", "--yes", PARTITA_LOCK_TIMEOUT_S="0.5")
    assert (done.returncode, done.stderr.count("Traceback")) == (2, 0), done.stderr
    assert "Another session has held what this needs for 0.5 s; nothing was done." in done.stderr
    assert await connection.fetch("SELECT epoch, next_seq FROM lane ORDER BY lane_no") == before


def test_preparing_again_changes_nothing_and_another_partition_count_is_refused(at: At) -> None:
    assert "up to date" in at("migrate").stdout
    assert at("topics", PARTITA_PARTITIONS="2").stdout.count("was there, 2 partitions") == 3 * len(CONTEXTS)
    refused = at("topics", PARTITA_PARTITIONS="3")
    assert refused.returncode == 2
    assert "PARTITA_PARTITIONS=2" in refused.stderr


@pytest.mark.parametrize("arguments", [["publish", "-"], ["status"], ["run", "consumer"], ["run", "relay"]])
def test_a_missing_topic_is_told_with_its_cure(at: At, arguments: list[str]) -> None:
    done = at(*arguments, typed=opened(400, "f1"), PARTITA_TOPIC_PREFIX="none.")
    assert done.returncode == 2
    assert "none." in done.stderr
    assert "partita topics" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["audit"], ["run", "relay"]])
def test_a_database_without_books_is_told_with_its_cure(at: At, stack: LocalStack, arguments: list[str]) -> None:
    done = at(*arguments, PARTITA_DATABASE_URL=stack.database_url)
    assert done.returncode == 2
    assert "partita migrate" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_killed_worker_comes_back_and_goes_on(at: At, system: System) -> None:
    os.kill(system.pid_of("worker-1"), signal.SIGKILL)
    system.hears("worker-1 ended (SIGKILL)")
    done = at("publish", "-", "--wait", typed="\n".join(opened(500 + n, f"g{n}") for n in range(100)))
    assert done.returncode == 0
    assert answered(done)["answers"] == {"account.opened": 100}
