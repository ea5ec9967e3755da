"""Who publishes for a context: one relay, as long as its session lasts."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from processor.database import DATABASE_ILL, Database, connect
from producers.unsent import Move, PositionTaken, Unsent
from tests.producers.books import Books, running

LEAD = "hashtextextended('partita relay ' || $1, 0)"


async def test_a_second_relay_stands_by_and_takes_over(books: Books) -> None:
    lane = await books.lane(0)
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await first.enter_async_context(running(books.relay(role="first")))
        await lane.answers(["A"] * 10)
        await books.told(10)
        await second.enter_async_context(running(books.relay(role="second")))
        await books.until_tried("second")
        await lane.answers(["A"] * 100)
        await books.told(110)
        await first.aclose()
        await lane.answers(["A"] * 10)
        await books.told(120)
    assert await books.on_topics() == 120


async def test_nothing_is_published_while_another_holds_the_lead(books: Books) -> None:
    lane = await books.lane(0)
    await lane.answers(["A"] * 10)
    await books.connection.execute(f"SELECT pg_advisory_lock({LEAD})", books.context)
    async with running(books.relay()):
        await books.until_tried("relay")
        assert (await books.on_topics(), await lane.sent()) == (0, 0)
        await books.connection.execute(f"SELECT pg_advisory_unlock({LEAD})", books.context)
        await books.told(10)


async def test_a_lost_session_is_opened_again(books: Books) -> None:
    lane = await books.lane(0)
    async with running(books.relay()):
        for told in (10, 20, 30):
            await lane.answers(["A"] * 10)
            await books.told(told)
            await books.end_session("relay")
        await lane.answers(["A"] * 10)
        await books.told(40)


async def test_who_loses_the_session_loses_the_lead(books: Books) -> None:
    lane = await books.lane(0)
    async with running(books.relay()):
        await lane.answers(["A"] * 10)
        await books.told(10)
        rival = await connect(books.database_url, role="rival")
        # Whoever waits for the lock gets it when the session ends; the relay only tries.
        getting = asyncio.create_task(rival.execute(f"SELECT pg_advisory_lock({LEAD})", books.context))
        await books.until("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        await books.end_session("relay")
        await getting
        await lane.answers(["A"] * 10)
        await books.until_tried("relay")
        assert await books.on_topics() == 10
        await rival.close()
        await books.told(20)


async def test_a_position_that_another_relay_moved_is_left_alone(books: Books) -> None:
    first, second = await books.lane(0), await books.lane(1)
    unsent = Unsent(Database(books.database_url, role="relay"), books.context, on_news=lambda: None)
    assert await unsent.lead()
    await unsent.mark_sent([Move(first.lane_no, 0, 5), Move(second.lane_no, 0, 3)])
    with pytest.raises(PositionTaken):
        await unsent.mark_sent([Move(first.lane_no, 4, 9)])
    assert [await first.sent(), await second.sent()] == [5, 3]
    await unsent.close()


async def test_a_leader_that_is_silent_for_too_long_loses_the_lead(books: Books) -> None:
    """The process of the first does nothing, as if it were frozen; nobody tells the server."""
    lane = await books.lane(0)
    frozen, other = (
        Unsent(Database(books.database_url, role=role), books.context, on_news=lambda: None, silence_s=silence_s)
        for role, silence_s in (("frozen", 0.3), ("other", 90))
    )
    try:
        assert await frozen.lead()
        async with asyncio.timeout(20):
            while not await other.lead():
                pass
        with pytest.raises(DATABASE_ILL):
            await frozen.mark_sent([Move(lane.lane_no, 0, 5)])
        assert not await frozen.lead()
    finally:
        await frozen.close()
        await other.close()
    assert await lane.sent() == 0
