"""What is said of a user who was erased before is answered as ever, and loses what an erasure would have taken."""

from collections.abc import AsyncIterator

import pytest

from processor.database import Connection
from processor.expenses import sweeping
from processor.expenses.sweeping import sweep
from tests.engine.desk import Desk
from tests.expenses.erasing_story import erasing, headers_of, lived, opened, rating, rows_of, rows_with, story_of

NOW = "SELECT partita_clock()"
TIDIED = "SELECT min(vacuum_count) FROM pg_stat_user_tables WHERE schemaname = 'public' AND relname = ANY($1::text[])"
QUOTED = """
SELECT tablename FROM pg_stats
 WHERE coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '') ~ $1"""
REPLACED = ["event", "dead_letter", "expense_user", "expense", "expense_version", "expense_summary"]

GREM = f"Grem|{b'Grem'.hex()}"  # as text, and as bytes


@pytest.fixture
async def desk(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    at_work = await opened(connection, database_url)
    yield at_work
    await at_work.database.close()


async def swept(desk: Desk) -> int:
    return await sweep(desk.connection, await desk.connection.fetchval(NOW))


async def test_what_comes_after_an_erasure_is_swept_once_a_day(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SLICE", 7)
    await desk.tell(rating())
    await lived(desk, "other", "Krul")
    story = await lived(desk, "one", "Zorg")
    await desk.one(erasing("one"))
    assert await swept(desk) == 0
    kept = await rows_of(desk.connection, "other")

    headers = headers_of("Zorg")
    await desk.tell(*story, headers=headers)
    await desk.tell(*story_of("one", "Zorg"), partition=2, headers=headers)
    await desk.tell(b"{Zorg", key=b"one", headers=headers)
    await desk.tell(b"{Zorg", key=b"\xffone")
    assert len(await rows_with(desk.connection, ["Zorg"])) == 2 * len(story) + 2

    assert await swept(desk) == 2 * len(story) + 1
    (left,) = await rows_with(desk.connection, ["Zorg"])
    assert b"\xffone".hex() in left
    assert await rows_of(desk.connection, "other") == kept
    assert await swept(desk) == 0


async def test_rows_that_an_erasure_has_replaced_are_tidied_away_the_next_day_alone(desk: Desk) -> None:
    before = await desk.connection.fetchval(TIDIED, REPLACED)
    await lived(desk, "another", "Grem")
    await desk.connection.execute("ANALYZE")
    assert "event" in {row[0] for row in await desk.connection.fetch(QUOTED, GREM)}
    assert (await swept(desk), await desk.connection.fetchval(TIDIED, REPLACED)) == (0, before)

    await desk.one(erasing("another"))

    assert (await swept(desk), await desk.connection.fetchval(TIDIED, REPLACED)) == (0, before + 1)
    assert await desk.connection.fetch(QUOTED, GREM) == []
    assert await desk.connection.fetchval("SHOW statement_timeout") == "30s"
