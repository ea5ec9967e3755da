"""The schema is brought forward once, by one, and only where it is what it should be."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from partita.local.stack import LocalStack
from processor.database import Connection, connect
from processor.errors import NotPrepared
from processor.migrate import migrate, migrations, require_current
from tests.conftest import fresh_database

TEXTS = "product, event_type, status, channel, region, merchant_tier"
LINE = f"row_no, event_id, merchant_id, happened_at, amount_minor, {TEXTS}"
ACTIVITY = f"""
INSERT INTO activity (row_no, event_id, happened_at, amount, merchant_id, {TEXTS})
SELECT n, gen_random_uuid(), CASE WHEN n % 5 > 0 THEN timestamp '2024-01-01' + n * interval '1 h' END, n * 1.01,
       'M' || n % 6, 'P' || n % 4, '', 'SUCCESS', 'POS', '', 'T' || n % 3 FROM generate_series(1, 60) AS n;
INSERT INTO activity_merchant (page, merchant_id, bits) VALUES (0, 'M1', 1)"""


@pytest.fixture
async def url(stack: LocalStack) -> AsyncIterator[str]:
    async with fresh_database(stack, "template1") as empty:
        yield empty


@pytest.fixture
async def fresh(url: str) -> AsyncIterator[Connection]:
    opened = await connect(url, role="test")
    yield opened
    await opened.close()


async def test_a_fresh_database_gets_every_step_and_a_current_one_none(fresh: Connection) -> None:
    assert await migrate(fresh) == migrations()
    assert await migrate(fresh) == []
    await require_current(fresh)


async def test_two_who_migrate_at_once_do_it_once(fresh: Connection, url: str) -> None:
    other = await connect(url, role="test")
    done = await asyncio.gather(migrate(fresh), migrate(other))
    await other.close()
    assert sorted(map(len, done)) == [0, len(migrations())]


async def test_a_database_without_books_is_told_how_to_get_them(fresh: Connection) -> None:
    with pytest.raises(NotPrepared, match="holds no books yet; run `partita migrate`"):
        await require_current(fresh)


async def test_an_old_database_is_told_what_it_lacks(fresh: Connection) -> None:
    await migrate(fresh)
    await fresh.execute("DELETE FROM schema_migration WHERE number = $1", len(migrations()))
    with pytest.raises(NotPrepared, match=f"lacks migration {migrations()[-1].name}; run `partita migrate`"):
        await require_current(fresh)


async def test_a_newer_database_is_left_alone(fresh: Connection) -> None:
    await migrate(fresh)
    await fresh.execute("INSERT INTO schema_migration (number, name, digest) VALUES (1000, 'later', '')")
    for door in (require_current, migrate):
        with pytest.raises(NotPrepared, match="newer than this program"):
            await door(fresh)


async def test_a_step_that_was_applied_with_another_text_is_noticed(fresh: Connection) -> None:
    await migrate(fresh)
    await fresh.execute("UPDATE schema_migration SET digest = 'another' WHERE number = 1")
    with pytest.raises(NotPrepared, match="Migration books was applied with another text"):
        await require_current(fresh)


async def test_rows_of_activity_come_over_to_their_numbers(fresh: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("processor.migrate.migrations", lambda: migrations()[:18])
        await migrate(fresh)
    await fresh.execute(ACTIVITY)
    told = [tuple(row) for row in await fresh.fetch(f"SELECT {LINE} FROM activity ORDER BY row_no")]
    assert "activity_by_number" in [each.name for each in await migrate(fresh)]
    assert [tuple(row) for row in await fresh.fetch(f"SELECT {LINE} FROM activity_line ORDER BY row_no")] == told
    counts = [await fresh.fetchval(f"SELECT count(*) FROM {name}") for name in ("activity_merchant", "activity_kind")]
    assert (len(told), counts) == (60, [6, 12])
    with pytest.raises(asyncpg.UniqueViolationError):
        await fresh.execute("INSERT INTO activity SELECT 61, event_id, NULL, 1, 1, 1 FROM activity LIMIT 1")
