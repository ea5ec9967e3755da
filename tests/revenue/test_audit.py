"""The audit of revenue against a superuser: small books that have seen everything, spoilt one way each."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Final

import pytest
import pytest_asyncio

from processor.database import Connection, affected, connect
from processor.engine.audit import Check, audit
from processor.revenue.context import REVENUE
from tests.append_only import append_only_tables
from tests.revenue.keepers import Json, engine, saying

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN: Final = REVENUE.checks
ROWS: Final = 4  # of a slice: there are some of everything
GUARDED: Final = ("event", "revenue_account_version", "revenue_record_version")
CONSTRAINTS: Final = [
    ("revenue_account", "revenue_account_exists"),
    *(("revenue_account", f"revenue_account_{name}") for name in ("tier_known", "versions_count_from_one")),
    ("revenue_record", "revenue_record_versions_count_from_one"),
]
BATCHES: Final[Sequence[Sequence[Json]]] = [
    [saying("create_account", account_id=name, name=f"N {name}", tier="pro") for name in ("ada", "bo", "cy", "dan")],
    [
        saying("record", account_id=account, record_id=record, amount=amount, currency=currency,
               period_start="2026-01-01", period_end="2026-01-31")
        for account in ("ada", "bo")
        for record, amount, currency in (("r1", "10", "EUR"), ("r2", "-0.05", "EUR"), ("r3", "7", "JPY"))
    ],
    [saying("change_record", account_id="ada", record_id="r1", amount="11", period_end="2026-02-01")],
    [saying("update_account", account_id="ada", tier="enterprise"), saying("delete_account", account_id="dan")],
    [saying("delete_record", account_id=name, record_id=record) for name, record in (("ada", "r2"), ("bo", "r3"))],
    [saying("delete_account", account_id="bo")],
]  # fmt: skip


def put(tables: str, changes: str, where: str) -> str:
    """Return statements that change rows of *tables*."""
    return "; ".join(f"UPDATE {table} SET {changes} WHERE {where}" for table in tables.split())


def of(account_id: str) -> str:
    return f"account_no = (SELECT account_no FROM revenue_account WHERE account_id = '{account_id}')"


def told(type_: str, said: str, instead: str) -> str:
    """Return what makes every answer that says so say something else."""
    payload = "convert_from(payload, 'UTF8')"
    changes = f"payload = convert_to(replace({payload}, '{said}', '{instead}'), 'UTF8')"
    return put("event", changes, f"type = 'revenue.{type_}' AND position('{said}' IN {payload}) > 0")


A, B = of("ada"), of("bo")
R1 = f"record_id = 'r1' AND {A}"  # of two versions
R2 = f"record_id = 'r2' AND {A}"  # deleted
LAST = f"{R1} AND version_no = 2"
BOTH = "revenue_record revenue_record_version"

SPOILT = [
    # the check that names it, those that fail beside it, what was done
    ("revenue_accounts", "", put("revenue_account", "name = 'x'", A)),
    ("revenue_accounts", "", put("revenue_account", "tier = 'free'", A)),
    ("revenue_accounts", "", put("revenue_account", "version_no = 3", A)),
    ("revenue_accounts", "", put("revenue_account", "records = records + 1", A)),
    ("revenue_accounts", "revenue_answers", put("revenue_account", "records = records - 1", B)),
    ("revenue_accounts", "", put("revenue_account", "deleted_at = decided_at", A)),
    ("revenue_accounts", "revenue_answers", put("revenue_account", "deleted_at = NULL", of("dan"))),
    ("revenue_accounts", "revenue_answers",
     put("revenue_account", "deleted_at = deleted_at - interval '1 us'", of("dan"))),
    ("revenue_accounts", "revenue_answers", put("revenue_account", "created_at = created_at - interval '1 us'", A)),
    ("revenue_accounts", "", put("revenue_account", "seq = seq + 1", A)),
    ("revenue_accounts", "", put("revenue_account", "decided_at = decided_at - interval '1 us'", A)),
    ("revenue_accounts", "", put("revenue_account", "decided_at = decided_at + interval '1 h'", A)),
    ("revenue_accounts", "revenue_answers", f"DELETE FROM revenue_account WHERE {of('cy')}"),
    ("revenue_accounts", "revenue_answers", f"DELETE FROM revenue_account_version WHERE {of('cy')}"),
    ("revenue_accounts", "revenue_answers", f"DELETE FROM revenue_account_version WHERE {A} AND version_no = 2"),
    ("revenue_accounts", "revenue_answers revenue_records",
     f"DELETE FROM revenue_account_version WHERE {A} AND version_no = 1"),
    ("revenue_accounts", "revenue_answers",
     put("revenue_account_version revenue_account", "version_no = 3", f"{A} AND version_no = 2")),
    ("revenue_accounts", "revenue_answers",
     put("revenue_account_version", "changed_at = changed_at - interval '1 h'", f"{A} AND version_no = 2")),
    ("revenue_accounts", "revenue_answers revenue_records",
     put("revenue_account_version", "deleted = true", f"{A} AND version_no = 1")),
    ("revenue_accounts", "revenue_records", put("revenue_record", "deleted = true", R1)),
    ("revenue_accounts", "revenue_records", put("revenue_record", "deleted = false", R2)),
    ("revenue_records", "", put("revenue_record", "amount_minor = amount_minor + 1", R1)),
    ("revenue_records", "", put("revenue_record", "currency = 'USD'", R1)),
    ("revenue_records", "", put("revenue_record", "period_start = period_start - 1", R1)),
    ("revenue_records", "", put("revenue_record", "period_end = period_end + 1", R1)),
    ("revenue_records", "", put("revenue_record", "version_no = 3", R1)),
    ("revenue_records", "", put("revenue_record", "decided_at = decided_at - interval '1 us'", R1)),
    ("revenue_records", "", put("revenue_record", "record_id = 'r9'", R1)),
    ("revenue_records", "", f"DELETE FROM revenue_record WHERE {R2}"),
    ("revenue_records", "revenue_accounts", put("revenue_record", "account_no = account_no + 1000", R1)),
    ("revenue_records", "revenue_answers", put(BOTH, "version_no = 3", LAST)),
    ("revenue_records", "revenue_answers", f"DELETE FROM revenue_record_version WHERE {R1} AND version_no = 1"),
    ("revenue_records", "revenue_answers",
     put("revenue_record_version", "deleted = true", f"{R1} AND version_no = 1")),
    ("revenue_records", "revenue_answers",
     put("revenue_record_version", "changed_at = changed_at + interval '1 h'", f"{R1} AND version_no = 1")),
    ("revenue_records", "revenue_answers", put(BOTH, "amount_minor = 6", f"{R2} AND version_no = 2")),
    ("revenue_records", "revenue_answers",
     put("revenue_record_version", "changed_at = changed_at - interval '1 d'", f"record_id = 'r1' AND {B}") + "; "
     + put("revenue_record", "decided_at = decided_at - interval '1 d'", f"record_id = 'r1' AND {B}")),
    ("revenue_records", "revenue_accounts revenue_answers",
     put("revenue_record_version", "changed_at = changed_at + interval '1 d'", f"record_id = 'r1' AND {B}") + "; "
     + put("revenue_record", "decided_at = decided_at + interval '1 d'", f"record_id = 'r1' AND {B}")),
    ("revenue_answers", "", put("revenue_account_version revenue_account", "name = 'x'", f"{A} AND version_no = 2")),
    ("revenue_answers", "", put("revenue_account", "account_id = 'cyd'", of("cy"))),
    ("revenue_answers", "", put(BOTH, "amount_minor = amount_minor + 1", LAST)),
    ("revenue_answers", "", put(BOTH, "currency = 'USD'", LAST)),
    ("revenue_answers", "", put(BOTH, "period_end = period_end + 1", LAST)),
    ("revenue_answers", "", put("revenue_record_version", "seq = seq + 1", LAST)),
    ("revenue_answers", "", told("account_created", '"tier":"pro"', '"tier":"free"')),
    ("revenue_answers", "", told("account_created", '"version":1', '"version":2')),
    ("revenue_answers", "", told("account_updated", "enterprise", "free")),
    ("revenue_answers", "", told("account_deleted", '"records":2', '"records":3')),
    ("revenue_answers", "", told("recorded", '"-0.05"', '"0.05"')),
    ("revenue_answers", "", told("recorded", '"amount":"7"', '"amount":"7.0"')),
    ("revenue_answers", "", told("recorded", '"period_end":"2026-01-31"', '"period_end":"2026-01-30"')),
    ("revenue_answers", "", told("record_changed", '"version":2', '"version":null')),
    ("revenue_answers", "", told("record_deleted", '"record_id":"r2"', '"record_id":"r1"')),
    ("revenue_answers", "", put("event", "type = 'revenue.recorded'", "type = 'revenue.record_changed'")),
    ("revenue_answers", "", put("event", "type = 'revenue.gone'", "type = 'revenue.account_deleted'")),
    ("revenue_answers", "", put("event", "aggregateid = 'cy'", "type = 'revenue.account_updated'")),
    ("revenue_answers", "",
     put("event", "occurred_at = occurred_at + interval '1 us'", "type = 'revenue.record_changed'")),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(database_url: str) -> AsyncIterator[Connection]:
    """Write the books, then do what only a superuser can: take triggers and constraints out of the way."""
    async with engine(database_url) as keeper:
        for batch in BATCHES:
            answers = [body["type"] for *_, body in await keeper.decide(batch)]
            assert "revenue.rejected" not in answers
    opened = await connect(database_url, role="test")
    for table in {*await append_only_tables(opened), *GUARDED}:
        await opened.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for table, constraint in CONSTRAINTS:
        await opened.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    yield opened
    await opened.close()


async def test_books_that_nobody_spoilt_hold(books: Connection) -> None:
    report = await audit(books, OWN, rows_per_slice=ROWS)
    assert report.failed == ()
    assert [each.examined > 5 for each in report.results] == [True, True, True]


@pytest.mark.parametrize(("check", "beside", "statements"), SPOILT)
async def test_what_a_superuser_spoils_is_named(books: Connection, check: str, beside: str, statements: str) -> None:
    attempt = books.transaction()
    await attempt.start()
    try:
        for statement in statements.split("; "):
            assert affected(await books.execute(statement)), f"changes nothing: {statement}"
        tables = re.findall(r"(?:UPDATE|DELETE FROM) (\w+)", statements)
        report = await audit(books, [each for each in OWN if _reads(each, tables)], rows_per_slice=ROWS)
        assert set(report.failed) == {check, *beside.split()}
        assert all(result.findings for result in report.results if not result.holds)
        assert not any("N ada" in finding for result in report.results for finding in result.findings)
    finally:
        await attempt.rollback()


def _reads(check: Check, tables: Sequence[str]) -> bool:
    words = rf"\b(every_)?({'|'.join(tables)})\b"
    return any(re.search(words, re.sub("--.*", "", part.statement)) for part in check.parts)
