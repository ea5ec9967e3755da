"""The rollups that metrics are read from: when rows come into them, beside whom, and what the audit knows of them."""

import asyncio
import random
import re
from typing import Final

import msgspec
import pytest
import pytest_asyncio

from processor.activity.metrics_rebuilding import rebuild
from processor.activity.metrics_upkeep import ROWS_BEHIND_MAX, roll_up_in_tx, summarise
from processor.database import Connection, Database, Timeouts, connect, named_queries
from tests.activity.metrics_by_hand import Row, add, drawn, told
from tests.activity.metrics_desk import EMPTY, KNOWN, TABLES, books, failed, ordered, read, roll, session
from tests.engine.meeting import BLOCKED
from tests.engine.test_plans import nodes

MANY: Final = [Row(merchant_id=f"MRC-{number % 3000:06}") for number in range(9000)]
READ: Final = ("activity", "activity_rollup")
OF: Final = "(SELECT merchant_no FROM activity_merchant WHERE merchant_id = 'MRC-{:06}')"
__all__ = ["books", "session"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_few_rows_wait_and_the_session_plans_afterwards_as_before(books: Connection, database_url: str) -> None:
    settings = ("enable_seqscan", "enable_nestloop", "plan_cache_mode", "work_mem")
    await add(books, [Row()] * 3)
    async with Database(database_url, role="importer") as database:
        before = [await (await database.connection()).fetchval(f"SHOW {name}") for name in settings]
        async with database.transaction() as tx:
            assert (await roll_up_in_tx(tx), await roll_up_in_tx(tx, rows=7)) == (0, 0)
            assert (await roll_up_in_tx(tx, rows=6), await roll_up_in_tx(tx, rows=1)) == (6, 0)
            during = [await tx.fetchval(f"SHOW {name}") for name in settings]
        await add(books, [Row()])
        found = await read(await database.connection())
        after = [await (await database.connection()).fetchval(f"SHOW {name}") for name in settings]
    assert (before[0], during, after) == ("off", before, before)
    assert (found, ROWS_BEHIND_MAX) == (told([Row()] * 4), 250_000)


async def test_rows_behind_the_rollups_are_found_by_their_numbers_even_if_nobody_has_analysed_anything(
    books: Connection,
) -> None:
    await add(books, MANY)
    await roll(books)
    reads = named_queries("processor.activity", "metrics.sql")
    async with books.transaction():
        await books.execute(reads["settle_metrics"])
        for name, arguments in (("top_merchant", ""), ("merchants_by_facet", "(1)"), ("outcomes", "")):
            await books.execute(f"PREPARE {name} AS {reads[name]}")
            told = await books.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name}{arguments}")
            plan = list(nodes(msgspec.json.decode(told)[0]["Plan"]))
            assert "Seq Scan" not in {each["Node Type"] for each in plan if each.get("Relation Name") in READ}, name
            read = [each for each in plan if each.get("Relation Name") in READ]
            assert sum(each["Actual Rows"] + each.get("Rows Removed by Index Recheck", 0) for each in read) == 0, name
            await books.execute(f"DEALLOCATE {name}")


async def test_rows_are_found_in_few_pages_once_they_are_summarised_which_waits_for_nobody_who_vacuums(
    books: Connection, database_url: str
) -> None:
    await add(books, MANY)
    looked_at = "EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM activity WHERE row_no > 17000"

    async def passed_over() -> int:
        async with books.transaction():
            await books.execute("SET LOCAL enable_seqscan = off")
            plan = nodes(msgspec.json.decode(await books.fetchval(looked_at))[0]["Plan"])
        return sum(each.get("Rows Removed by Index Recheck", 0) for each in plan)

    before = await passed_over()
    async with Database(database_url, role="importer", timeouts=Timeouts(lock_s=0.05)) as database:
        async with books.transaction():
            await books.execute("LOCK activity IN SHARE UPDATE EXCLUSIVE MODE")
            await summarise(database)
        assert await passed_over() == before
        await summarise(database)
    assert before > len(MANY) / 2 > await passed_over()


async def test_whoever_reads_beside_a_roll_up_and_a_rebuild_counts_each_row_once(
    books: Connection, database_url: str
) -> None:
    rows = list(drawn(random.Random(5), 300, merchants=50, products=KNOWN, days=90))
    await add(books, rows)
    expected = ordered(told(rows))
    other = await connect(database_url, role="other")
    async with other.transaction():
        await roll_up_in_tx(other, rows=1)
        assert await roll(books) == 0  # another is at it
        meanwhile = await read(books)
        rebuilding = asyncio.create_task(rebuild(books))
        async with asyncio.timeout(10):
            while not (rebuilding.done() or await other.fetchval(BLOCKED)):
                await other.execute("SELECT pg_sleep(0.001)")
    rebuilt = await rebuilding
    await other.close()
    assert [ordered(each) for each in (meanwhile, await read(books))] == [expected] * 2
    assert (rebuilt.merchants, rebuilt.differed, await failed(books)) == (50, 0, [])


SPOILT: Final = [
    f"UPDATE activity_rollup SET volume_minor = volume_minor + 1 WHERE merchant_no = {OF.format(3)}",
    f"UPDATE activity_rollup SET volume_minor = NULL WHERE merchant_no = {OF.format(3)}",
    f"UPDATE activity_rollup SET bits = bits | 1::bigint << 62 WHERE merchant_no = {OF.format(3)}",
    "UPDATE activity_rollup SET bits = bits & ~8::bigint",
    f"DELETE FROM activity_rollup WHERE merchant_no = {OF.format(4)}",
    "INSERT INTO activity_rollup (page, merchant_no, bits) VALUES (0, 1000000, 0)",
    f"INSERT INTO activity_rollup (page, merchant_no, bits) VALUES (5, {OF.format(4)}, 1)",
    "UPDATE activity_facet SET merchants = merchants + 1 WHERE name = 'KYC'",
    "UPDATE activity_facet SET merchants = merchants - 1 WHERE name = 'TIER_UPGRADE'",
    "UPDATE activity_facet SET merchants = merchants + 1 WHERE name = '2023-12'",
    "UPDATE activity_facet SET succeeded = succeeded + 1 WHERE name = 'POS'",
    "UPDATE activity_facet SET failed = failed + 1 WHERE name = '2023-12'",
    "UPDATE activity_facet SET name = 'SOP' WHERE name = 'POS'",
    "UPDATE activity_facet SET name = '2022-12' WHERE name = '2023-12'",
    "DELETE FROM activity_facet WHERE name = 'BILLS'",
    f"UPDATE activity_rolled SET top_merchant_no = {OF.format(3)}",
    "UPDATE activity_rolled SET top_merchant_no = NULL, top_volume_minor = NULL",
    "UPDATE activity_rolled SET top_volume_minor = top_volume_minor + 1",
    "UPDATE activity_rolled SET row_no = row_no - 3",
    "UPDATE activity_rolled SET row_no = row_no + 4",
    "DELETE FROM activity WHERE row_no < 40",
    "UPDATE activity SET amount_minor = amount_minor + 1",
    "UPDATE activity SET merchant_no = 1 WHERE row_no < 100",
    "UPDATE activity_kind SET channel = 'MAIL', status = 'FAILED' WHERE status = 'PENDING'",
    "UPDATE activity_kind SET product = 'NEW' WHERE product = 'POS'",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(session: Connection) -> list[Row]:
    """Write rows once, all but some of them rolled up, that a test may spoil in a transaction of its own."""
    await session.execute(EMPTY)
    rows = list(drawn(random.Random(7), 400, merchants=20, products=KNOWN, days=60))
    await add(session, rows[:380])
    await roll(session)
    await add(session, rows[380:])
    for table in TABLES:
        await session.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    return rows


@pytest.mark.parametrize("statement", SPOILT)
async def test_what_a_superuser_spoils_is_named_and_a_rebuild_mends_it(
    session: Connection, whole: list[Row], statement: str
) -> None:
    attempt = session.transaction()
    await attempt.start()
    try:
        await session.execute(statement)
        found = await failed(session)
        rebuilt = await rebuild(session)
        mended = await failed(session)
        same = ordered(await read(session)) == ordered(told(whole))
    finally:
        await attempt.rollback()
    assert found
    assert (rebuilt.differed > 0, mended) == (True, [])
    assert same == (re.search("(activity|activity_kind) SET|FROM activity WHERE", statement) is None)
    assert await failed(session) == []
