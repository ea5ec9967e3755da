"""A COMMIT without an answer: the batch is run again, and the fence says whether it had happened."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from partita.chaos.proxy import BOTH, CommitWatch, Proxy, Strike
from processor.database import CommitUnknown, Connection, Database, Timeouts
from processor.engine.batch import Part
from processor.engine.events import Kind
from processor.engine.process import process
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from processor.telemetry import COUNTERS
from tests.engine.desk import Desk, fill, moving, names

IMPATIENT = Timeouts(connect_s=0.5, statement_s=0.5, answer_grace_s=0.2)


WATCHED = ["12", "4", "3", "24000"]


class Hooked(LedgerStore):
    """A store after whose first work something is done to the way to the server."""

    def __init__(self, proxy: Proxy, strike: Strike) -> None:
        super().__init__()
        self._proxy = proxy
        self._strike: Strike | None = strike

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        await super().save_in_tx(tx, world)
        if self._strike is not None:
            self._proxy.strike(self._strike)
            self._strike = None


class Swallowed(LedgerStore):
    """A store after whose first work nothing passes any more, on a way that is healed by whoever waits for it."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy
        self.dark = asyncio.Event()

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        if not self.dark.is_set():
            self._proxy.black_hole(BOTH)
            self.dark.set()
        await super().save_in_tx(tx, world)


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    there = urlsplit(database_url)
    async with Proxy(str(there.hostname), there.port or 5432, watch=CommitWatch) as running:
        yield running


@pytest.fixture
async def far(proxy: Proxy, database_url: str) -> AsyncIterator[Database]:
    async with Database(proxy.url(database_url), role="far", timeouts=IMPATIENT) as database:
        yield database


async def lane_of(desk: Desk, part: Part) -> int:
    offset: int = await desk.connection.fetchval(
        "SELECT next_offset FROM lane WHERE context = $1 AND partition = $2", LEDGER.name, part.partition
    )
    return offset


async def until_free(desk: Desk) -> None:
    """Wait until no session but ours has anything open: the server is done with what was cut off."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND xact_start IS NOT NULL"
    )
    async with asyncio.timeout(60):
        while await desk.connection.fetchval(busy):
            pass


async def test_a_commit_whose_answer_was_swallowed_is_in_the_books_before_anything_is_run_again(
    desk: Desk, proxy: Proxy, far: Database
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    part = desk.part(moving(a, b, "1"))
    context = replace(LEDGER, store=Hooked(proxy, Strike.SWALLOW_REPLY))

    with pytest.raises(CommitUnknown):
        await process(far, context, [part])

    assert (await desk.balance(a), await lane_of(desk, part)) == (9900, part.end)
    assert far._connection is None or far._connection.is_closed()


async def test_a_commit_that_was_cut_off_before_the_server_saw_it_has_not_happened(
    desk: Desk, proxy: Proxy, far: Database
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    part = desk.part(moving(a, b, "1"))
    context = replace(LEDGER, store=Hooked(proxy, Strike.CUT_BEFORE))

    with pytest.raises(CommitUnknown):
        await process(far, context, [part])

    await until_free(desk)
    assert (await desk.balance(a), await lane_of(desk, part)) == (10000, part.start)


@pytest.mark.parametrize(("strike", "resolved"), [(Strike.SWALLOW_REPLY, 1), (Strike.CUT_BEFORE, 0)])
async def test_a_batch_is_applied_once_and_only_one_that_had_been_is_counted_as_found(
    desk: Desk, proxy: Proxy, far: Database, strike: Strike, resolved: int
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    seq, before = await desk.last_seq(0), COUNTERS.copy()
    part = desk.part(moving(a, b, "1"), moving(a, b, "2"))
    desk.context = replace(LEDGER, store=Hooked(proxy, strike))

    await desk.run([part], database=far)

    assert proxy.struck.is_set()
    assert [told.kind for told in await desk.told(0, above=seq)] == [Kind.ANSWER, Kind.ANSWER]
    assert await desk.balance(a) == 9700
    assert COUNTERS["unknown_commit_resolved"] - before["unknown_commit_resolved"] == resolved
    assert COUNTERS["fenced_records"] - before["fenced_records"] == 2 * resolved
    assert COUNTERS["reruns"] - before["reruns"] == 1


async def test_a_commit_that_the_server_refuses_is_no_unknown_one(desk: Desk, far: Database) -> None:
    await desk.connection.execute("CREATE TABLE later (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(Exception, match="later_n_key") as raised:
        async with far.transaction() as tx:
            await tx.execute("INSERT INTO later VALUES (1), (1)")
    assert getattr(raised.value, "sqlstate", None) == "23505"
    await desk.connection.execute("DROP TABLE later")


async def test_a_session_lost_before_its_commit_leaves_nothing_unknown(desk: Desk, proxy: Proxy, far: Database) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    before = COUNTERS.copy()
    part = desk.part(moving(a, b, "1"))
    await far.connection()
    proxy.reset()

    await desk.run([part], database=far)
    await desk.run([part], database=far)  # stale: all of it lies below the fence

    assert await desk.balance(a) == 9900
    assert COUNTERS["unknown_commit_resolved"] == before["unknown_commit_resolved"]


async def test_a_batch_in_a_black_hole_is_given_up_and_applied_once_there_is_a_way_again(
    desk: Desk, proxy: Proxy, far: Database
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    store, before = Swallowed(proxy), COUNTERS["reruns"]
    desk.context = replace(LEDGER, store=store)
    running = asyncio.create_task(desk.run([desk.part(moving(a, b, "1"))], database=far))
    async with asyncio.timeout(60):
        await store.dark.wait()
        while COUNTERS["reruns"] < before + 2:  # the session was given up, and a new one could not be had
            await asyncio.wait([running], timeout=0.05)
    assert not running.done()

    proxy.heal()

    await asyncio.wait_for(running, 20)
    assert await desk.balance(a) == 9900


async def test_both_ends_of_a_session_watch_each_other(database_url: str) -> None:
    names_of = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    async with Database(database_url, role="watched", timeouts=Timeouts(peer_s=24)) as database:
        near = await database.connection()
        ours = near._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert [await near.fetchval("SELECT current_setting($1)", name) for name in names_of] == WATCHED
        assert [str(ours.getsockopt(socket.IPPROTO_TCP, option)) for option in options] == WATCHED
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
