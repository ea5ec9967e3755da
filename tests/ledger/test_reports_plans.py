"""How PostgreSQL finds what reports and statements read: by index, and as much for the last page as for the first.

Half of it lies in cold storage, so that pages of both and of the boundary between them are looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from processor.database import Connection, connect, named_queries

LANES: Final = 4
ROWS: Final = 6_000  # of a lane
PAGE: Final = 100
# Four lanes of transfers between two accounts; every tenth is refused, every hundredth reversed by the one behind it,
# and every twentieth event is a hold, most of which have ended.
GROWN: Final = f"""
INSERT INTO lane (context, partition, start_offset, next_offset, next_seq)
SELECT 'ledger', p, 0, {ROWS}, {ROWS} + 1 FROM generate_series(0, {LANES} - 1) AS p;
INSERT INTO account (account_no, account_id, account_type, currency, product, last_entry_no, decided_at, opened_at)
SELECT n, 'A' || n, 1, 'EUR', 'plain', {LANES * ROWS}, now(), now() FROM generate_series(1, 2) AS n;
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type,
                   payload, fingerprint)
SELECT lane_no, seq, 1, seq, timestamptz '2026-01-01' + seq * interval '1 second', gen_random_uuid(), gen_random_uuid(),
       'ledger', 'A1', 'transfer.posted', '', '' FROM lane, generate_series(1, {ROWS}) AS seq;
INSERT INTO transaction (lane_no, seq, kind, source_no, destination_no, amount_minor, currency, initiated_at, posted_at,
                         refusal)
SELECT lane_no, seq, 1, 1, 2, 1, 'EUR', occurred_at, occurred_at, CASE WHEN seq % 10 = 5 THEN 'insufficient_funds' END
  FROM event WHERE seq % 20 <> 0;
INSERT INTO entry (account_no, entry_no, lane_no, seq, entry_type, amount_minor, balance_after_minor, posted_at, hash)
SELECT account_no, row_number() OVER (PARTITION BY account_no ORDER BY posted_at, lane_no), lane_no, seq, 3,
       CASE account_no WHEN 1 THEN 1 ELSE -1 END, 1, posted_at, sha256('')
  FROM transaction, generate_series(1, 2) AS account_no WHERE refusal IS NULL;
INSERT INTO reversal (original_lane_no, original_seq, lane_no, seq)
SELECT lane_no, seq, lane_no, seq + 1 FROM transaction WHERE seq % 100 = 1;
INSERT INTO hold_version
SELECT lane_no, seq, occurred_at, 1, 1, 5, 0, 0, 0, NULL, lane_no || '.' || seq FROM event WHERE seq % 20 = 0;
INSERT INTO hold SELECT account_no, hold_id, 1, status, 5, 0, 0, 0, NULL, false, 1, changed_at, changed_at, lane_no, seq
  FROM hold_version;
INSERT INTO hold_version
SELECT lane_no, seq + 1, changed_at, 1, 3, 5, 0, 5, 0, NULL, hold_id FROM hold_version WHERE seq % 200 <> 0;
INSERT INTO interest_posting (lane_no, seq, posted_at, account_no, posted_until, value_date, amount_minor, accumulated)
SELECT lane_no, seq, occurred_at, 1, '2025-12-31', '2025-12-31', 1, 0 FROM event WHERE seq = 9 AND lane_no = 1;
INSERT INTO cold.event SELECT * FROM event WHERE seq <= {ROWS} / 2;
INSERT INTO cold.transaction SELECT * FROM transaction WHERE seq <= {ROWS} / 2;
INSERT INTO cold.entry SELECT * FROM entry WHERE seq <= {ROWS} / 2;
DELETE FROM event WHERE seq <= {ROWS} / 2;
DELETE FROM transaction WHERE seq <= {ROWS} / 2;
DELETE FROM entry WHERE seq <= {ROWS} / 2;
ANALYZE"""

CUT: Final = (f"ARRAY{list(range(1, LANES + 1))}", f"ARRAY{[ROWS + 1] * LANES}::bigint[]")
PLACE: Final = "timestamptz '2026-01-01 01:00'"
KEY: Final = ("1", "timestamptz '2026-01-01'", PLACE, "2", "3000", str(PAGE))


def runs(below: int) -> tuple[str, ...]:
    return (CUT[0], f"ARRAY{[1] * LANES}::bigint[]", f"ARRAY{[below] * LANES}::bigint[]", str(PAGE))


def pages(below: int) -> dict[str, Sequence[str]]:
    """Return the queries of a page that begins in the middle of each lane, and their arguments."""
    entries = ("1", "1", str(below * LANES), str(PAGE))
    return {
        "transaction_keys": (*runs(below), "false", *CUT),
        "transaction_keys posted": (*runs(below), "true", *CUT),
        "refused_keys": (*runs(below), "NULL"),
        "reversed_keys": (*runs(below), *CUT),
        "pending_keys": (*runs(below), *CUT, "now()", "NULL"),
        "account_keys": (*entries, "NULL", *CUT),
        "account_keys posted": (*entries, "'POSTED'", *CUT),
    }


OTHERS: Final[Mapping[str, Sequence[str]]] = {
    "lane_totals": ("1", "1", "2000", *CUT, "now()", "NULL", "NULL"),
    "account_totals": ("1", "1", "2000", *CUT),
    "account_refused_keys": (*KEY, "NULL", *CUT),
    "account_pending_keys": (*KEY, "NULL", *CUT, "now()"),
    "touches": ("1", "5", "9", "1", "3"),
    "transactions": ("ARRAY[1, 2]", "ARRAY[3, 4]::bigint[]", *CUT),
    "pending": ("ARRAY[1, 2]", "ARRAY[20, 40]::bigint[]", *CUT),
    "stamp_of": ("gen_random_uuid()",),
    "first_seqs": (*CUT, PLACE),
    "later_epochs": ("'ledger'", "gen_random_uuid()"),
    "last_entry_below": ("1", str(2 * ROWS), *CUT),
    "postings": ("1", PLACE, "date '2026-01-31'"),
    "posting_entries": ("1", "ARRAY[1]", "ARRAY[9]::bigint[]", "ARRAY[30]::bigint[]", "ARRAY[40]::bigint[]"),
    "balance_after": ("1", "7"),
    "statement_lines": ("1", "ARRAY[7, 8]::bigint[]"),
}
SMALL: Final = {"lane", "account", "interest_posting"}  # a few rows here; a look-up of them is not to be judged
REPORTS: Final = named_queries("processor.ledger", "reports.sql")
QUERIES: Final = {
    **REPORTS,
    **named_queries("processor.ledger", "statements.sql"),
    **named_queries("processor.ledger", "places.sql"),
    **named_queries("processor.engine", "cuts.sql"),
}


@pytest.fixture(scope="module")
def grown(database_url: str) -> str:
    """Return where there are enough rows, and PostgreSQL knows it."""

    async def grow() -> None:
        connection = await connect(database_url, role="test")
        try:
            await connection.execute(GROWN)
        finally:
            await connection.close()

    asyncio.run(grow())
    return database_url


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
async def session(grown: str, request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    connection = await connect(grown, role="test", planning={"plan_cache_mode": request.param})
    yield connection
    await connection.close()


async def plan(session: Connection, name: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Return the nodes of the plan that *name* is run by, with what each has read."""
    name = name.split(maxsplit=1)[0]
    async with session.transaction():
        if name in REPORTS:
            await session.execute(REPORTS["settle_report"])
        await session.execute(f"PREPARE asked AS {QUERIES[name]}")
        told = await session.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked({', '.join(arguments)})")
        await session.execute("DEALLOCATE asked")
    return list(nodes(msgspec.json.decode(told)[0]["Plan"]))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from nodes(each)


def rows_read(found: Sequence[dict[str, Any]]) -> int:
    """Return how many rows of tables were looked at, whether they were wanted or not."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in found
        if "Relation Name" in node
    )


@pytest.mark.parametrize("name", [*pages(ROWS), *OTHERS])
async def test_everything_is_found_by_index(session: Connection, name: str) -> None:
    found = await plan(session, name, {**pages(ROWS // 2), **OTHERS}[name])
    scans = {(node["Relation Name"], node["Node Type"]) for node in found if "Relation Name" in node}
    assert [scan for scan in scans if scan[0] not in SMALL and "Index" not in scan[1]] == []
    assert scans


@pytest.mark.parametrize("name", pages(ROWS))
async def test_a_page_in_the_middle_reads_no_more_than_the_first(session: Connection, name: str) -> None:
    first = rows_read(await plan(session, name, pages(ROWS)[name]))
    assert first < 30 * PAGE * LANES
    for below in (ROWS // 2 + 30, ROWS // 3):
        assert rows_read(await plan(session, name, pages(below)[name])) <= first * 1.1 + 10


async def test_where_an_instant_lies_is_found_in_a_few_look_ups(session: Connection) -> None:
    for name in ("first_seqs", "later_epochs", "last_entry_below"):
        looked_at = rows_read(await plan(session, name, OTHERS[name]))
        assert looked_at < 50 * LANES, name


def test_no_page_counts_its_way_through_those_before_it() -> None:
    assert [name for name, query in QUERIES.items() if "OFFSET" in query.upper()] == []
