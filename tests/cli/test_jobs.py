"""`partita jobs`: what is due is shown, and said by hand, by nobody's help but the two servers'."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.catalog import Topics
from contracts.specs import EXPENSES, LEDGER
from partita import jobs
from partita.app import App
from partita.jobs import run_by_hand
from partita.settings import Settings
from processor.database import Connection
from processor.errors import NotPrepared, Transient
from tests.conftest import CreateTopics
from tests.system import wire

from .conftest import Door

At = Callable[..., subprocess.CompletedProcess[str]]
NAMES = ["hold-expiry", "interest-accrual", "interest-posting", "advance-collection", "advance-watchdog"]
A_HOLD = """
WITH opened AS (
    INSERT INTO account (account_no, account_id, account_type, currency, product, decided_at, opened_at)
    VALUES ($1, 'A' || $1::bigint, 1, 'EUR', 'plain', partita_clock(), partita_clock()))
INSERT INTO hold VALUES ($1, 'H', 1, 1, 5, 0, 0, 0, $2, false, 1, partita_clock(), partita_clock(), 1, 1)"""
TWO_EXPORTS = """
INSERT INTO job (job_no, context, job_id, lane_no, seq, kind, task, state, attempt, holder, leased_until, progress,
                 decided_at, created_at, ended_at)
VALUES (1, 'exports', 'runs', 1, 1, 'entries', '{}', 2, 1, 'w', now(), '{"rows": 5000}', now(), now(), NULL),
       (2, 'exports', 'done', 1, 2, 'entries', '{}', 3, 1, 'w', now(), '{}', now(), now(), now())"""
A_RECURRING_ENTRY = """
INSERT INTO expense_user (user_no, user_id, base_currency, timezone, last_change_no, created_at, lane_no, seq,
                          decided_at)
VALUES (1, 'U', 'EUR', 'UTC', 1, partita_clock(), 1, 1, partita_clock());
INSERT INTO recurring (user_no, recurring_id, rules, next_on, next_due_at, decided_at)
VALUES (1, 'rent', 1, '2021-01-31', '2021-01-31T00:00Z', partita_clock());
INSERT INTO recurring_rule (lane_no, seq, changed_at, user_no, change_no, rule_no, effective_from, amount_minor,
                            frequency, starts_on, stopped, ends_on, recurring_id, currency, category, notes)
VALUES (1, 1, partita_clock(), 1, 1, 1, '2021-01-31', 5, 3, '2021-01-31', false, '2021-03-30', 'rent', 'EUR', '', '')"""


@pytest.fixture
async def at(door: Door, database_url: str, kafka: str, topics: Topics, create_topics: CreateTopics) -> At:
    """Return how to open a door of an installation in which nothing runs."""
    await create_topics([LEDGER, EXPENSES], 2)
    settings = {
        "PARTITA_DATABASE_URL": database_url,
        "PARTITA_KAFKA_BOOTSTRAP": kafka,
        "PARTITA_TOPIC_PREFIX": topics.prefix,
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return door(*arguments, settings=settings | more)

    return run


def shown(at: At) -> dict[str, dict[str, Any]]:
    done = at("jobs", "--json")
    assert done.returncode == 0, done.stderr
    return {each["job"]: each for each in json.loads(done.stdout)["jobs"]}


async def test_a_job_by_hand_says_what_is_due_and_twice_the_same(
    at: At, connection: Connection, kafka: str, topics: Topics
) -> None:
    expired = datetime.now(UTC) - timedelta(days=3)
    await connection.execute(A_HOLD, 1, expired)
    await connection.execute(A_HOLD, 2, expired + timedelta(days=2))
    before = shown(at)
    assert list(before)[:5] == NAMES
    assert [before[name]["due"] for name in NAMES] == [2, 0, 0, 0, 0]
    assert {each["last_run_at"] for each in before.values()} == {None}

    earlier = f"{expired + timedelta(days=1):%Y-%m-%d}"
    done = [at("jobs", "run", "hold-expiry", *more) for more in (["--date", earlier], [], [])]
    assert [json.loads(each.stdout)["done"] for each in done] == [1, 2, 2]
    assert json.loads(done[0].stdout)["as_of"] == f"{earlier}T23:59:59.999999Z"
    said = [json.loads(record.value or b"") for record in await wire.read(kafka, topics.commands(LEDGER), 2)]
    assert sorted((each["type"], each["account_id"]) for each in said) == [
        *[("hold.expire", "A1")] * 3,
        *[("hold.expire", "A2")] * 2,
    ]
    assert len({each["command_id"] for each in said}) == 2

    after = shown(at)["hold-expiry"]
    assert (after["due"], after["done"]) == (2, 5)
    assert after["last_run_at"] < after["next_period_at"]
    assert "hold-expiry" in at("jobs").stdout


async def test_imports_and_exports_are_shown_with_how_far_they_have_come(at: At, connection: Connection) -> None:
    await connection.execute(TWO_EXPORTS)
    bulk = json.loads(at("jobs", "--json").stdout)["bulk"]
    assert [(each["role"], each["id"], each["state"]) for each in bulk] == [
        ("exports", "runs", "RUNNING"),
        ("exports", "done", "COMPLETED"),
    ]
    assert bulk[0]["progress"] == {"rows": 5000}
    table = at("jobs").stdout
    assert "5,000 rows" in table
    await connection.execute("DELETE FROM job")


async def test_a_job_of_any_context_is_found_by_its_name(
    at: At, connection: Connection, kafka: str, topics: Topics
) -> None:
    await connection.execute(A_RECURRING_ENTRY)
    before = shown(at)["recurring-expenses"]
    assert (before["context"], before["due"], before["done"]) == (EXPENSES, 2, 0)
    done = at("jobs", "run", "recurring-expenses")
    assert json.loads(done.stdout)["done"] == 2
    records = await wire.read(kafka, topics.commands(EXPENSES), 2)
    said = [json.loads(record.value or b"") for record in records]
    assert [(each["type"], each["user_id"], each["date"]) for each in said] == [
        ("recurring.materialise", "U", "2021-01-31"),
        ("recurring.materialise", "U", "2021-02-28"),
    ]
    assert {record.key for record in records} == {b"U"}


@pytest.fixture
async def app(database_url: str, kafka: str, topics: Topics, create_topics: CreateTopics) -> App:
    await create_topics([LEDGER], 2)
    address = SecretStr(database_url)
    settings = Settings(database_url=address, kafka_bootstrap=kafka, topic_prefix=topics.prefix)
    return App(settings=settings)


def with_setting(app: App, **changed: object) -> App:
    return App(settings=app.settings.model_copy(update=changed))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"name": "tidying"}, "ledger has no job tidying; choose from hold-expiry, interest-accrual"),
        ({"context": "kitchen"}, "There is no context kitchen; choose from ledger, expenses"),
        (
            {"context": "", "name": "tidying"},
            "This has no job tidying; choose from hold-expiry, .*, recurring-expenses",
        ),
        ({"day": date(2999, 1, 1)}, "2999-01-01 has not begun at the bank"),
    ],
)
async def test_what_cannot_be_run_is_told_with_its_cure(
    app: App, connection: Connection, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(NotPrepared, match=told):
        await run_by_hand(app, connection, **{"context": LEDGER, "name": "hold-expiry", "day": None} | asked)


async def test_without_its_topic_a_job_says_nothing(app: App, connection: Connection) -> None:
    elsewhere = with_setting(app, topic_prefix="none.")
    with pytest.raises(NotPrepared, match="run `partita topics`"):
        await run_by_hand(elsewhere, connection, context=LEDGER, name="hold-expiry", day=None)


async def test_commands_that_nobody_applies_are_told_of(
    app: App, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "STUCK_S", 0.2)
    for account_no in (3, 4):
        await connection.execute(A_HOLD, account_no, datetime.now(UTC))
    one_at_a_time = with_setting(app, scheduler_in_flight_max=1)
    with pytest.raises(Transient, match="1 commands are not applied; check with `partita status`"):
        await run_by_hand(one_at_a_time, connection, context=LEDGER, name="hold-expiry", day=None)
