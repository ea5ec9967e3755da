"""The audit of exports against a superuser: an export of every state, spoilt one way each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from processor.database import Connection, affected, connect
from processor.engine.audit import audit
from tests.exports.office import Office

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = "type = 'export.accepted' AND aggregateid"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    connection = await connect(database_url, role="test")
    folder: Path = tmp_path_factory.mktemp("objects")
    office = await Office.open(connection, database_url, folder)
    await office.ask("done", 10)
    await office.ask("failed", 10, behind="nobody")
    async with office.worker():
        await office.ended("done")
        await office.ended("failed")
    await office.ask("stopped", 10)
    await office.cancel("stopped")
    await office.ask("open", 10)
    await office.desk.tell(office.requests["done"], office.requests["failed"], office.requests["stopped"])
    yield office
    await office.desk.database.close()
    await connection.close()


def job(changes: str, job_id: str) -> str:
    return f"UPDATE job SET {changes} WHERE job_id = '{job_id}'"


def outcome(old: str, new: str) -> str:
    return f"outcome = convert_to(replace(convert_from(outcome, 'UTF8'), '{old}', '{new}'), 'UTF8')"


def said(kind: str, old: str, new: str) -> str:
    """Return what makes the events of a type say something else."""
    return (
        f"UPDATE event SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '{old}', '{new}'), 'UTF8')"
        f" WHERE type = '{kind}' AND payload IS NOT NULL AND position('{old}' IN convert_from(payload, 'UTF8')) > 0"
    )


SPOILT = [
    # the checks that name it, what was done
    ("exports_begun exports_ended", job("seq = seq + 1", "open")),
    ("exports_begun", job("created_at = created_at - interval '1 us'", "open")),
    ("exports_begun", job("job_id = 'other'", "open")),
    ("exports_begun", "DELETE FROM job WHERE job_id = 'open'"),
    ("exports_begun", said("export.accepted", '"export_id":"open"', '"export_id":"other"')),
    ("exports_begun", f"UPDATE event SET type = 'export.rejected' WHERE {REQUEST} = 'open'"),
    ("exports_begun exports_ended", "DELETE FROM job WHERE job_id = 'done'"),
    ("exports_begun exports_ended", "DELETE FROM job WHERE job_id = 'stopped'"),
    ("exports_ended", job("state = 4", "done")),
    ("exports_ended", job("state = 3", "failed")),
    ("exports_ended", job("state = 1, ended_at = NULL", "done")),
    ("exports_ended", job("state = 1, ended_at = NULL", "stopped")),
    ("exports_ended", job("state = 5", "failed")),
    ("exports_ended", job("state = 3, ended_at = created_at, outcome = '{}'", "open")),
    ("exports_ended", job("state = 5, ended_at = created_at, outcome = '{}'", "open")),
    ("exports_ended", job("ended_at = ended_at + interval '1 us'", "done")),
    ("exports_ended", job("ended_at = ended_at + interval '1 us'", "stopped")),
    ("exports_ended", job("outcome = NULL", "done")),
    ("exports_ended", job("outcome = 'no json'", "stopped")),
    ("exports_ended", job(outcome(":10,", ":11,"), "done")),
    ("exports_ended", job(outcome("stopped", "x"), "stopped")),
    ("exports_ended", said("export.completed", '"rows":10', '"rows":9')),
    ("exports_ended", said("export.failed", "There is no", "There was no")),
    ("exports_ended", said("export.cancelled", '"parts":0', '"parts":1')),
    ("exports_ended", "UPDATE event SET type = 'export.failed' WHERE type = 'export.completed' AND kind = 6"),
    ("exports_ended", "UPDATE event SET kind = 4 WHERE type = 'export.completed' AND kind = 6"),
    ("exports_ended", "UPDATE event SET occurred_at = occurred_at + interval '1 us' WHERE type = 'export.cancelled'"),
    ("exports_ended", "UPDATE event SET command_id = gen_random_uuid() WHERE type = 'export.failed' AND kind = 6"),
]  # fmt: skip


async def test_whole_books_pass(books: Office) -> None:
    await books.require_right_books()
    report = await audit(books.desk.connection, books.desk.context.checks, rows_per_slice=1)
    assert {result.name: result.examined for result in report.results} == {"exports_begun": 8, "exports_ended": 7}
    assert report.holds


@pytest.mark.parametrize(("named", "statement"), SPOILT)
async def test_what_was_spoilt_is_named(books: Office, named: str, statement: str) -> None:
    connection: Connection = books.desk.connection
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
        assert affected(await connection.execute(statement)), "it changes something"
        report = await audit(connection, books.desk.context.checks, rows_per_slice=2)
    finally:
        await attempt.rollback()
    assert report.failed == tuple(named.split())
