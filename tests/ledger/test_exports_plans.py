"""How PostgreSQL reads the slices of exports: by ranges of indexes, no more for one in the middle than for the first.

Half of the rows lie in cold storage. A worker's session reads by index; what it knows of the tables may be nothing.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection, Database, named_queries
from processor.engine.exporting import copied
from tests.ledger.test_reports_plans import CUT, LANES, ROWS, SMALL, grown, nodes, rows_read

__all__ = ["grown"]

SLICE: Final = 500
INSTANT: Final = "timestamptz '2026-02-01'"
UTC: Final = "'UTC'"
QUERIES: Final = {
    name: query
    for file in ("exports", "exports_account", "exports_books")
    for name, query in named_queries("processor.ledger", f"{file}.sql").items()
}
UNKNOWN: Final = """
SELECT pg_clear_relation_stats(schemaname, tablename),
       pg_clear_attribute_stats(schemaname, tablename, attname, inherited)
  FROM pg_stats WHERE schemaname IN ('public', 'cold')"""


def slices(first: int) -> Mapping[str, Sequence[str]]:
    """Return what a slice is asked by that begins at a number of a lane, or as far on in an account's entries."""
    lane = ("1", str(first), str(first + SLICE))
    entries = ("1", str(first * LANES // 2), str(first * LANES // 2 + SLICE))
    window = [f"(timestamptz '2026-01-01' + interval '{second} seconds')" for second in (first, first + SLICE // LANES)]
    account = ("1", str(first * 3), str(first * 3 + SLICE), *window, *CUT, INSTANT)
    line = (*entries, "'{}'", "0", "NULL", UTC)
    asked = {
        "lane_transactions": (*lane, *CUT, INSTANT),
        "lane_entries": (*lane, UTC),
        "account_entries": (*entries, UTC),
        "account_transactions": account,
        "statement_rows": line,
    }
    return asked | {f"{name}_summed": arguments for name, arguments in asked.items()}


OTHERS: Final[Mapping[str, Sequence[str]]] = {
    "account_rows": ("''", "'A2'", INSTANT),
    "account_rows_summed": ("''", "'A2'", INSTANT),
    "account_mark": ("''", "100"),
    "account_below": ("'A1'", *CUT),
    "account_marks": ("1", "1", str(ROWS), "timestamptz '2026-01-01'", INSTANT, str(SLICE)),
}
WITHOUT_ROWS: Final = ("now",)


@pytest.fixture(params=["known", "unknown"])
async def session(grown: str, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    async with Database(grown, role="exports") as database:
        connection = await database.connection()
        transaction = connection.transaction()
        await transaction.start()
        if request.param == "unknown":
            await connection.execute(UNKNOWN)
        yield connection
        await transaction.rollback()


async def plan(session: Connection, name: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Return the nodes of the plan that *name* is run by with these values put in, with what each has read."""
    query = copied(QUERIES[name])
    for number in range(len(arguments), 0, -1):
        query = query.replace(f"${number}", arguments[number - 1])
    told = await session.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
    return list(nodes(msgspec.json.decode(told)[0]["Plan"]))


def test_every_query_is_looked_at() -> None:
    assert sorted(QUERIES) == sorted([*slices(1), *OTHERS, *WITHOUT_ROWS])


@pytest.mark.parametrize("name", slices(1))
async def test_a_slice_reads_its_own_rows_and_what_they_name(session: Connection, name: str) -> None:
    read = [await plan(session, name, slices(first)[name]) for first in (1, ROWS // 2 - SLICE // 2, ROWS - SLICE)]
    for found in read:
        scans = {(node["Relation Name"], node["Node Type"]) for node in found if "Relation Name" in node}
        assert [scan for scan in scans if scan[0] not in SMALL and "Index" not in scan[1]] == []
        assert {scan[0] for scan in scans} & {"entry", "transaction"}
        assert 0 < rows_read(found) < 12 * SLICE
    first, *others = (rows_read(found) for found in read)
    assert max(others) < first * 1.3 + 100


@pytest.mark.parametrize("name", OTHERS)
async def test_what_is_asked_before_slices_is_found_by_index(session: Connection, name: str) -> None:
    found = await plan(session, name, OTHERS[name])
    assert {node["Node Type"] for node in found if "Relation Name" in node} <= {"Index Scan", "Index Only Scan"}


def test_no_slice_counts_its_way_through_those_before_it() -> None:
    assert [name for name, query in QUERIES.items() if re.search("OFFSET (?!0\\))", query)] == []
