"""Who is held up by a frozen client ends its session; who works, reads or is a stranger is left alone."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from processor.database import Connection, Database, Timeouts, connect
from processor.engine.blockers import end_blockers
from processor.engine.lanes import take_up
from processor.ledger.context import LEDGER
from processor.telemetry import COUNTERS
from tests.engine.desk import PARTITIONS, Desk, fill, moving, names

AT_ONCE = Timeouts(lock_s=0.1, blocker_s=0.0)
HOLD = "SELECT FROM lane WHERE partition = 0 FOR UPDATE"
WRITE = "SELECT pg_current_xact_id()"
QUIET = "SELECT state = $2 AND wait_event_type = 'Client' FROM pg_stat_activity WHERE pid = $1"


@asynccontextmanager
async def impatient(url: str, timeouts: Timeouts = AT_ONCE) -> AsyncIterator[Database]:
    async with Database(url, role="impatient", timeouts=timeouts) as database:
        yield database


async def until_silent(watcher: Connection, pid: int, state: str) -> None:
    """Wait until the session *pid* is in *state* and waits for its client."""
    async with asyncio.timeout(60):
        while not await watcher.fetchval(QUIET, pid, state):
            pass


async def alive(desk: Desk, pid: int) -> bool:
    found: bool = await desk.connection.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)
    return found


async def terminated(database: Database) -> int:
    before = COUNTERS["blockers_terminated"]
    await end_blockers(database)
    return COUNTERS["blockers_terminated"] - before


@asynccontextmanager
async def silent(url: str, statement: str = HOLD, *, name: str = "") -> AsyncIterator[Connection]:
    """Open a transaction with *statement*, in a session whose client then says no more."""
    holder = await connect(url, role="consumer silent")
    try:
        if name:
            await holder.execute(f"SET application_name = '{name}'")
        await holder.execute("BEGIN")
        await holder.execute(statement)
        yield holder
    finally:
        holder.terminate()


async def test_a_batch_that_waits_for_a_silent_client_ends_its_session_and_goes_on(
    desk: Desk, database_url: str
) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    before = COUNTERS["blockers_terminated"]

    async with silent(database_url) as holder, impatient(database_url) as database:
        pid = holder.get_server_pid()
        await asyncio.wait_for(desk.run([desk.part(moving(a, b, "1"))], database=database), 10)
        assert not await alive(desk, pid)

    assert await desk.balance(a) == 9900
    assert COUNTERS["blockers_terminated"] == before + 1


async def test_a_lane_is_taken_up_while_another_still_holds_it(desk: Desk, database_url: str) -> None:
    async with (
        silent(database_url, "UPDATE lane SET next_offset = next_offset + 1"),
        impatient(database_url) as database,
    ):
        taken = await take_up(await database.connection(), LEDGER.name, dict.fromkeys(range(PARTITIONS), 0))
    assert taken == desk.offsets


async def test_a_copy_that_waits_for_its_client_is_ended_too(desk: Desk, database_url: str) -> None:
    go_on = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
        await go_on.wait()

    async with silent(database_url) as holder, impatient(database_url) as database:
        copying = asyncio.create_task(holder.copy_to_table("event", source=stuck(), format="binary"))
        await until_silent(desk.connection, pid := holder.get_server_pid(), "active")
        assert await terminated(database) == 1
        assert not await alive(desk, pid)
        go_on.set()
        with pytest.raises(asyncpg.PostgresError):
            await copying


async def test_a_client_has_time_to_think(desk: Desk, database_url: str) -> None:
    async with silent(database_url) as holder, impatient(database_url, Timeouts(blocker_s=60)) as database:
        await until_silent(desk.connection, holder.get_server_pid(), "idle in transaction")
        assert await terminated(database) == 0
        assert await alive(desk, holder.get_server_pid())


async def test_what_works_is_not_ended_however_old_its_transaction(desk: Desk, database_url: str) -> None:
    async with silent(database_url) as holder, impatient(database_url) as database:
        working = asyncio.create_task(holder.execute("SELECT pg_sleep(60)"))
        async with asyncio.timeout(60):
            while not await desk.connection.fetchval(
                "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1", holder.get_server_pid()
            ):
                pass
        assert await terminated(database) == 0
        assert not working.done()
        await desk.connection.execute("SELECT pg_terminate_backend($1, 10000)", holder.get_server_pid())
        with pytest.raises(asyncpg.PostgresError):
            await working


async def test_a_silent_reader_blocks_nobody_and_is_left_alone(desk: Desk, database_url: str) -> None:
    async with silent(database_url, "SELECT FROM lane") as reader, impatient(database_url) as database:
        await until_silent(desk.connection, reader.get_server_pid(), "idle in transaction")
        assert await terminated(database) == 0


async def test_a_persons_session_is_that_persons_matter(desk: Desk, database_url: str) -> None:
    async with silent(database_url, name="psql") as holder, impatient(database_url) as database:
        await until_silent(desk.connection, holder.get_server_pid(), "idle in transaction")
        assert await terminated(database) == 0


async def test_another_role_and_another_database_are_left_alone(desk: Desk, database_url: str) -> None:
    other = f"other_{secrets.token_hex(4)}"
    await desk.connection.execute(f"CREATE ROLE {other} LOGIN PASSWORD 'other'")
    there = urlsplit(database_url)
    as_other = there._replace(netloc=f"{other}:other@{there.hostname}:{there.port}").geturl()
    elsewhere = there._replace(path="/postgres").geturl()
    try:
        async with (
            impatient(database_url) as database,
            silent(as_other, WRITE) as one,
            silent(elsewhere, WRITE) as two,
        ):
            await until_silent(desk.connection, one.get_server_pid(), "idle in transaction")
            await until_silent(desk.connection, two.get_server_pid(), "idle in transaction")
            assert await terminated(database) == 0
    finally:
        async with asyncio.timeout(60):
            while await desk.connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", other):
                pass
        await desk.connection.execute(f"DROP ROLE {other}")
