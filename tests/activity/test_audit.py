"""The audit of activity against a superuser: two imports, one of them failed, spoilt one way each."""

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from processor.activity.checks import ACTIVITY_CHECKS
from processor.database import Connection, affected
from processor.engine.audit import audit
from tests.activity.days import day, heading
from tests.activity.importing import Imports, imports_at
from tests.append_only import append_only_tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN: Final = [check for check in ACTIVITY_CHECKS if check.name == "activity_lines"]
GUARDED: Final = ("event", "job")
CONSTRAINTS: Final = ("lines_add_up", "chunk_counts", "chunk_holds_its_rows")
FIRST: Final = "chunk_no = 1 AND job_no = (SELECT min(job_no) FROM activity_chunk)"
ROW: Final = "row_no = (SELECT min(row_no) + 3 FROM activity)"
TOLD: Final = (
    "type = 'activity.import_progressed' AND (lane_no, seq) = (SELECT lane_no, max(seq) FROM activity_chunk GROUP BY 1)"
)


def say(said: str, instead: str) -> str:
    payload = "convert_from(payload, 'UTF8')"
    return (
        f"UPDATE event SET payload = convert_to(regexp_replace({payload}, '{said}', '{instead}'), 'UTF8') WHERE {TOLD}"
    )


REJECT: Final = "line_no = (SELECT min(line_no) FROM activity_reject)"
LAST: Final = "(job_no, chunk_no) = (SELECT job_no, max(chunk_no) FROM activity_chunk GROUP BY 1 ORDER BY 1 LIMIT 1)"


def add(number: str) -> str:
    return f"INSERT INTO activity SELECT {number}, gen_random_uuid(), NULL, 1, 1, 1 FROM activity"


def put(table: str, changes: str, where: str) -> str:
    return f"UPDATE {table} SET {changes} WHERE {where}"


SPOILT: Final = [
    f"DELETE FROM activity WHERE {ROW}",
    add("min(row_no) - 1"),
    add("max(row_no) + 9"),
    put("activity", "row_no = row_no + 100000", ROW),
    put("activity", "row_no = row_no + 1", ROW),
    put("activity", "merchant_no = merchant_no + 100000", ROW),
    put("activity", "kind_no = kind_no + 100000", ROW),
    put("activity_chunk", "imported = imported - 1, duplicate = duplicate + 1", FIRST),
    put("activity_chunk", "rejected = rejected + 1, lines = lines + 1", FIRST),
    put("activity_chunk", "duplicate = duplicate + 1, lines = lines + 1", FIRST),
    put("activity_chunk", "end_row_no = end_row_no + 1", FIRST),
    put("activity_chunk", "end_row_no = end_row_no - 1", FIRST),
    put("activity_chunk", "first_row_no = first_row_no - 1", LAST),
    put("activity_chunk", "seq = seq + 1", FIRST),
    put("activity_chunk", "job_no = job_no + 1000", FIRST),
    f"DELETE FROM activity_chunk WHERE {FIRST}",
    f"DELETE FROM activity_chunk WHERE {LAST}",
    f"DELETE FROM activity_reject WHERE {REJECT}",
    put("activity_reject", "chunk_no = chunk_no + 1", REJECT),
    say('"imported":\\d+', '"imported":0'),
    say('"duplicate":', '"doubled":'),
    say('"import_id":"', '"import_id":"x'),
    put("event", "type = 'activity.import_told'", TOLD),
    put("job", "progress = '{}'", "true"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def imports(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Imports]:
    """Import, then do what only a superuser can: take triggers and constraints out of the way."""
    async with imports_at(database_url, tmp_path_factory.mktemp("objects")) as opened:
        said = await opened.read({"a.csv": day("audit", lines=200), "b.csv": day("audit", lines=60)}, chunk_lines=50)
        assert min(said[name] for name in ("imported", "rejected", "duplicate")) > 0
        failed = await opened.read({"c.csv": day("c", lines=40), "d.csv": heading()[1:]})
        assert failed["lines"] == 40
        for table in {*await append_only_tables(opened.connection), *GUARDED}:
            await opened.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for constraint in CONSTRAINTS:
            await opened.connection.execute(f"ALTER TABLE activity_chunk DROP CONSTRAINT activity_{constraint}")
        yield opened


async def test_books_that_nobody_spoilt_hold(imports: Imports) -> None:
    await imports.require_right_books()
    report = await audit(imports.connection, OWN, rows_per_slice=2 * 50_000)
    assert report.failed == ()
    assert all(each.examined > 1 for each in report.results)


@pytest.mark.parametrize("statement", SPOILT)
async def test_what_a_superuser_spoils_is_named(imports: Imports, statement: str) -> None:
    books: Connection = imports.connection
    attempt = books.transaction()
    await attempt.start()
    try:
        assert affected(await books.execute(statement)), f"changes nothing: {statement}"
        report = await audit(books, OWN, rows_per_slice=2 * 50_000)
        assert report.failed == ("activity_lines",)
        findings = [finding for result in report.results for finding in result.findings]
        assert all(re.match(r"(import \d+, chunk|row) ", finding) for finding in findings)
        assert findings
    finally:
        await attempt.rollback()
