"""Local processes under attack: killed, stopped, their port taken, their owner gone."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from partita.local.errors import PortTakenError
from partita.local.guarded import Order
from partita.local.machine import Machine
from partita.local.place import open_place
from partita.local.postgres_home import find_postgres
from partita.local.postgres_process import PostgresProcess
from partita.local.stack import LocalStack, LocalStackError

ROOT = Path(__file__).parents[2]
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%1e12%' AND pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(choice="process") as running:
        yield running


@contextlib.contextmanager
def postgres_only(data_dir: Path | None = None) -> Iterator[LocalStack]:
    """A stack without the slower half."""
    with LocalStack(choice="process", data_dir=data_dir, kafka_bootstrap="kafka.example:9092") as running:
        yield running


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("blow", ["kill", "stop_immediately", "stop"])
async def test_postgresql_keeps_port_password_and_committed_rows(stack: LocalStack, blow: str) -> None:
    assert stack.postgres is not None
    first_pid = stack.postgres.pid
    await execute(stack.database_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
    getattr(stack.postgres, blow)()
    assert is_gone(first_pid)
    stack.postgres.start()
    assert stack.postgres.url == stack.database_url
    assert await fetch(stack.database_url, "SELECT n FROM kept") == 7
    await execute(stack.database_url, "DROP TABLE kept")


async def test_postgresql_starts_again_although_a_session_was_in_the_middle_of_its_work(stack: LocalStack) -> None:
    assert stack.postgres is not None
    connection = await asyncpg.connect(stack.database_url)
    working = asyncio.create_task(connection.fetchval("SELECT sum(n) FROM generate_series(1, 1e12) n"))
    while await fetch(stack.database_url, BUSY) == 0:
        pass
    stack.postgres.kill()
    with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
        await working
    stack.postgres.start()
    assert await fetch(stack.database_url, BUSY) == 0


@pytest.mark.parametrize("blow", ["kill", "stop"])
async def test_kafka_keeps_port_and_topics(stack: LocalStack, blow: str) -> None:
    assert stack.kafka is not None
    first_pid = stack.kafka.pid
    await create_topic(stack.kafka_bootstrap, f"kept-over-{blow}")
    getattr(stack.kafka, blow)()
    assert is_gone(first_pid)
    stack.kafka.start()
    assert stack.kafka.bootstrap == stack.kafka_bootstrap
    assert f"kept-over-{blow}" in await topics(stack.kafka_bootstrap)


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def topics(bootstrap: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        names: list[str] = await admin.list_topics()
    finally:
        await admin.close()
    return names


def test_a_stopped_server_has_no_pid_and_says_so_and_a_port_that_someone_took_meanwhile_is_named(
    stack: LocalStack,
) -> None:
    assert stack.postgres is not None
    stack.postgres.stop()
    with pytest.raises(LocalStackError, match=r"PostgreSQL is not running. Call start\(\) first"):
        _ = stack.postgres.pid
    with listening(stack.postgres.ports[0]), pytest.raises(PortTakenError, match="another program uses it"):
        stack.postgres.start()
    stack.postgres.start()
    assert stack.postgres.answers()


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", port))
        taker.listen()
        yield


class Unlucky(PostgresProcess):
    """A server whose first port is taken by someone between the choice and the bind."""

    taker: socket.socket | None = None

    def order(self) -> Order:
        if self.taker is None:
            self.taker = socket.create_server(("127.0.0.1", self.ports[0]))
        return super().order()


def test_a_chosen_port_that_is_taken_before_the_server_binds_is_chosen_anew() -> None:
    with open_place(None) as place:
        server = Unlucky(home=find_postgres(Machine.here(), place), place=place)
        server.start()
        assert server.taker is not None
        with server.taker:
            assert server.ports[0] != server.taker.getsockname()[1]
            assert server.answers()
        server.drop()


def test_servers_and_files_are_gone_after_the_block() -> None:
    with LocalStack(choice="process") as stack:
        assert stack.kafka is not None
        assert stack.postgres is not None
        pids = stack.kafka.pid, stack.postgres.pid
        run = stack.postgres.socket_directory.parent
        assert run.is_dir()
    assert all(is_gone(pid) for pid in pids)
    assert not run.exists()


def test_servers_are_stopped_when_the_block_fails() -> None:
    pids = []
    with contextlib.suppress(ZeroDivisionError), postgres_only() as stack:
        assert stack.postgres is not None
        pids.append(stack.postgres.pid)
        raise ZeroDivisionError
    assert is_gone(pids[0])


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory that the account PostgreSQL runs under, if we are root, cannot enter."""
    tmp_path.chmod(0o700)
    return tmp_path


async def test_data_in_a_directory_are_there_the_next_time(private: Path) -> None:
    data = private / "books"
    with LocalStack(choice="process", data_dir=data) as stack:
        first_url = stack.database_url
        await execute(stack.database_url, "CREATE TABLE kept AS SELECT 7 AS n")
        await create_topic(stack.kafka_bootstrap, "kept")
    with LocalStack(choice="process", data_dir=data) as stack:
        assert password_in(stack.database_url) == password_in(first_url)
        assert await fetch(stack.database_url, "SELECT n FROM kept") == 7
        assert "kept" in await topics(stack.kafka_bootstrap)


def password_in(url: str) -> str:
    return url.partition("@")[0]


def test_data_of_another_postgresql_are_refused_with_its_own_words_and_so_are_data_without_their_password(
    tmp_path: Path,
) -> None:
    with postgres_only(tmp_path):
        pass
    version = tmp_path / "postgresql" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("17\n")
    with pytest.raises(LocalStackError, match="initialized by PostgreSQL version 17"), postgres_only(tmp_path):
        pass
    version.write_text(ours)
    (tmp_path / "postgresql.password").unlink()
    with pytest.raises(LocalStackError, match="Put that file back"), postgres_only(tmp_path):
        pass


OWNER = """
import sys
from pathlib import Path
from partita.local.stack import LocalStack

data = Path(sys.argv[1]) if sys.argv[1:] else None
with LocalStack(choice="process", data_dir=data) as stack:
    print(stack.kafka.pid, stack.postgres.pid, stack.postgres.socket_directory.parent, stack.database_url, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def killed_owner(*arguments: str) -> Iterator[list[str]]:
    """Start a program that holds a stack, kill it with SIGKILL, and hand out what it said about its stack."""
    command = [sys.executable, "-c", OWNER, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        words = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        yield words


def test_nothing_outlives_a_killed_owner(wait_until: Callable[[Callable[[], bool]], None]) -> None:
    with killed_owner() as (kafka, postgres, run, _):
        wait_until(lambda: is_gone(int(kafka)) and is_gone(int(postgres)))
        wait_until(lambda: not Path(run).exists())


def test_data_of_a_killed_owner_are_stopped_in_good_order_before_the_next_one_has_them(tmp_path: Path) -> None:
    with killed_owner(str(tmp_path)) as (_, _, run, _), postgres_only(tmp_path):
        assert not Path(run).exists()
    assert "database system was not properly shut down" not in (tmp_path / "postgresql.log").read_text()
