"""PostgreSQL, or the way to it, fails under real processes; the books end up as plain arithmetic says.

Each fault is shown to have struck: the consumer says what became of its batch.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from partita.chaos.proxy import CommitWatch, Proxy, Strike
from processor.database import Connection, connect
from tests.sample.larger import larger
from tests.system.conftest import Install
from tests.system.installation import PATIENCE_S, Installation, Publishing, Role
from tests.system.test_kills import judge

COMMANDS = 2000
SMALL = {"PARTITA_BATCH_SIZE_MAX": "200", "PARTITA_LOCK_TIMEOUT_S": "1", "PARTITA_BLOCKER_TIMEOUT_S": "2"}
BATCH_OPEN = (
    "SELECT a.pid FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
    " WHERE l.relation = 'entry'::regclass AND l.mode = 'RowExclusiveLock' AND a.application_name LIKE '%consumer%'"
)


def stopped(pid: int) -> bool:
    """Say whether every thread of *pid* stands still by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


@contextmanager
def woken(role: Role) -> Iterator[None]:
    """Have *role* go on at the latest when the block ends, if it is still there."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(role.pid, signal.SIGCONT)


async def until_stopped(frozen: Role, point: str) -> None:
    await asyncio.to_thread(frozen.says, f"PARTITA_FAULT reached {point}")
    async with asyncio.timeout(60):
        while not stopped(frozen.pid):
            await asyncio.to_thread(os.sched_yield)


@asynccontextmanager
async def proxied(at: Installation) -> AsyncIterator[tuple[Proxy, str]]:
    there = urlsplit(at.database_url)
    async with Proxy(str(there.hostname), there.port or 5432, watch=CommitWatch) as proxy:
        yield proxy, proxy.url(at.database_url)


@asynccontextmanager
async def rival(at: Installation) -> AsyncIterator[Connection]:
    connection = await connect(at.database_url, role="rival")
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("point", ["saved", "copying"])
async def test_a_worker_frozen_in_its_transaction_loses_its_session_to_the_one_that_waits(
    install: Install, point: str
) -> None:
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=11, accounts=50, commands=COMMANDS)

    with at.role("relay"), at.role("consumer", PARTITA_FAULT=f"{point}:7:stop") as frozen, woken(frozen):
        publishing = at.publish("all", expected.commands)
        await until_stopped(frozen, point)
        with at.role("consumer") as other:
            await asyncio.to_thread(other.says, "partitions assigned .*partitions=.0")
            took_over = asyncio.get_running_loop().time()
            await asyncio.to_thread(other.says, "a frozen client's session was ended .*ended=True")
            waited_s = asyncio.get_running_loop().time() - took_over
            summary = await asyncio.to_thread(publishing.result)
            assert stopped(frozen.pid)
            os.kill(frozen.pid, signal.SIGCONT)
            await asyncio.to_thread(frozen.says, "a batch failed .*remedy=RECONNECT")

    assert waited_s < 20  # the server itself would end it after 30 s, and never within a COPY
    await judge(at, expected, summary)


class Halves:
    """A run in two halves: accounts are opened and filled, then a fault is prepared, then the money moves."""

    def __init__(self, at: Installation) -> None:
        self._at = at
        self._first: dict[str, Any] = {}
        self._moving: Publishing | None = None
        self.expected = larger(seed=12, accounts=50, commands=COMMANDS)

    async def fill(self) -> None:
        opening = self._at.publish("opening", self.expected.commands[:-COMMANDS])
        self._first = await asyncio.to_thread(opening.result)

    def move(self) -> None:
        self._moving = self._at.publish("moving", self.expected.commands[-COMMANDS:])

    async def judge(self) -> None:
        assert self._moving is not None, "the money was moved"
        second = await asyncio.to_thread(self._moving.result)
        answers = Counter(self._first["answers"]) + Counter(second["answers"])
        published = self._first["published"] + second["published"]
        await judge(self._at, self.expected, {**second, "answers": answers, "published": published})


async def until_it_waits(watcher: Connection) -> None:
    """Wait until a consumer waits for a row that *watcher* holds."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    async with asyncio.timeout(PATIENCE_S):
        while not await watcher.fetchval(waits):
            pass


async def test_a_session_that_is_terminated_in_the_middle_of_a_batch_is_replaced(install: Install) -> None:
    at = await install(partitions=1, **SMALL)
    run = Halves(at)
    async with rival(at) as other:
        with at.role("relay"), at.role("consumer") as consumer:
            await run.fill()
            run.move()
            async with asyncio.timeout(PATIENCE_S):
                while not await other.fetch(f"SELECT pg_terminate_backend(pid) FROM ({BATCH_OPEN}) AS open"):
                    pass
            await asyncio.to_thread(consumer.says, "a batch failed .*remedy=RECONNECT")
            await run.judge()


async def test_a_deadlock_is_rolled_back_and_run_again(install: Install) -> None:
    at = await install(partitions=1, **SMALL | {"PARTITA_LOCK_TIMEOUT_S": "20"})
    run = Halves(at)
    async with rival(at) as other:
        await other.execute("SET deadlock_timeout = '60s'")  # the consumer looks first, after its second of waiting
        with at.role("relay"), at.role("consumer") as consumer:
            await run.fill()
            async with other.transaction():
                await other.execute("SELECT FROM account WHERE lane_no = 0 FOR UPDATE")
                run.move()
                await until_it_waits(other)
                await other.execute("SELECT FROM lane FOR UPDATE")  # the consumer holds it, and waits for an account
            await asyncio.to_thread(consumer.says, "a batch failed .*40P01.*remedy=WAIT")
            await run.judge()


async def test_a_serialization_failure_is_run_again(install: Install) -> None:
    at = await install(partitions=1, **SMALL | {"PARTITA_LOCK_TIMEOUT_S": "20"})
    run = Halves(at)
    async with rival(at) as other:
        await other.execute(f"{await altering(other)} SET default_transaction_isolation = 'repeatable read'")
        with at.role("relay"), at.role("consumer") as consumer:
            await run.fill()
            async with other.transaction():
                await other.execute("UPDATE lane SET records = records")
                run.move()
                await until_it_waits(other)
            await asyncio.to_thread(consumer.says, "a batch failed .*40001.*remedy=WAIT")
            await run.judge()


async def test_a_server_that_only_reads_is_waited_for(install: Install) -> None:
    at = await install(partitions=1, **SMALL)
    run = Halves(at)
    async with rival(at) as other:
        with at.role("relay"), at.role("consumer") as consumer:
            await run.fill()
            await other.execute(f"{await altering(other)} SET default_transaction_read_only = on")
            await other.execute("SET default_transaction_read_only = off")
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE '%consumer%'"
            )
            run.move()
            await asyncio.to_thread(consumer.says, "a batch failed .*25006.*remedy=RECONNECT")
            await other.execute(f"{await altering(other)} RESET default_transaction_read_only")
            await run.judge()


async def altering(connection: Connection) -> str:
    return f"ALTER DATABASE {await connection.fetchval('SELECT current_database()')}"


@pytest.mark.parametrize(
    ("strike", "said"),
    [
        (Strike.SWALLOW_REPLY, "a commit that was not answered had happened"),
        (Strike.CUT_BEFORE, "a batch failed .*CommitUnknown"),
    ],
)
async def test_a_commit_without_an_answer_is_settled_by_the_rerun(install: Install, strike: Strike, said: str) -> None:
    at = await install(partitions=1, **SMALL)
    run = Halves(at)
    async with proxied(at) as (proxy, url):
        with at.role("relay"), at.role("consumer", PARTITA_DATABASE_URL=url) as consumer:
            await run.fill()
            proxy.strike(strike)
            run.move()
            await asyncio.to_thread(consumer.says, said)
            await run.judge()
    assert ("had happened" in consumer.log) is (strike is Strike.SWALLOW_REPLY)


async def test_a_black_hole_between_consumer_and_database_is_given_up_and_waited_out(install: Install) -> None:
    at = await install(partitions=1, **SMALL, PARTITA_STATEMENT_TIMEOUT_S="1")
    run = Halves(at)
    async with proxied(at) as (proxy, url):
        with at.role("relay"), at.role("consumer", PARTITA_DATABASE_URL=url) as consumer:
            await run.fill()
            proxy.black_hole()
            run.move()
            await asyncio.to_thread(consumer.says, "a batch failed .*TimeoutError.*remedy=RECONNECT")
            proxy.heal()
            await run.judge()
