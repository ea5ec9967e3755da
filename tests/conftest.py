"""What every test may ask for: one local stack per test process, a migrated database per module, topics of its own.

Promise   Nothing is shared between modules but the two servers: a database is copied from a migrated template, topics
          have a prefix that no other module has.
Cost      2.5 s for the stack, once; 0.03 s per module for its database, on a disk 0.1 s and more.
"""

import asyncio
import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from contracts.catalog import Topics
from partita.local.stack import LocalStack
from partita.topics import ensure_topics
from processor.database import Connection, connect
from processor.migrate import migrate

CreateTopics = Callable[[Sequence[str], int], Awaitable[None]]

settings.register_profile("house", deadline=None)  # two test processes and two servers share the cores
settings.load_profile("house")

# Interpreters that a test starts need not compile the product again, each for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

MEMORY = Path("/dev/shm")
MEMORY_BYTES = 8 << 30


def work_in_memory() -> None:
    """Have servers that were given no place for data work in memory, if there is plenty and no TMPDIR was asked for.

    A database is 600 files, and tests make and drop hundreds of databases: on a disk that costs up to 0.3 s of
    processor time each, in memory 0.03 s. What tests write themselves stays where it would be.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    room = os.statvfs(MEMORY)
    if room.f_bavail * room.f_frsize >= MEMORY_BYTES and not room.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


work_in_memory()

# Local processes can be stopped and killed, so they are preferred where they can be had: where Maven is.
LOCAL = os.environ.get("PARTITA_LOCAL") or ("process" if shutil.which("mvn") else "docker")
needs_processes = pytest.mark.skipif(LOCAL != "process", reason="needs Kafka as a local process: install Maven")
needs_docker = pytest.mark.skipif(
    os.environ.get("PARTITA_TEST_DOCKER") != "1",
    reason="the Docker way is tested with PARTITA_TEST_DOCKER=1 (needs a Docker engine and its images)",
)


gc.disable()  # until all tests are collected: what is imported for them stays


def pytest_collection_finish() -> None:
    """Leave what was imported, and the tests themselves, alone for ever."""
    gc.freeze()
    gc.enable()


# Folders whose files take long, the longest first.
SLOW = (
    *("system", "controls", "chaos", "cli", "engine", "producers", "consumers", "local", "ledger"),
    *("expenses", "activity", "exports", "objects", "revenue"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: of several test processes none is left with a long file at the end."""
    here = Path(__file__).parent
    rank = {name: number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(here).parts[0], len(SLOW)))


# Tests kill servers, and no machine: what a killed one has written is the operating system's to keep. Hundreds of
# databases are made and dropped, each of five hundred files that would have to reach the disk.
CARELESS = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "SELECT pg_reload_conf()",
)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with LocalStack(
        choice=LOCAL,
        kafka_bootstrap=os.environ.get("PARTITA_TEST_KAFKA"),
        database_url=os.environ.get("PARTITA_TEST_DATABASE"),
    ) as running:
        if running.postgres is not None:
            for statement in CARELESS:
                asyncio.run(_execute(running.database_url, statement))
        yield running


@pytest.fixture(scope="session")
def kafka(stack: LocalStack) -> str:
    return stack.kafka_bootstrap


@pytest.fixture(scope="session")
def migrated_database(stack: LocalStack) -> Iterator[str]:
    """Name a database that holds the schema and nothing else, to copy others from."""
    name = f"template_{secrets.token_hex(4)}"
    asyncio.run(_execute(stack.database_url, f"CREATE DATABASE {name}"))
    asyncio.run(_migrate(_beside(stack.database_url, name)))
    yield name
    asyncio.run(_execute(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)"))


@asynccontextmanager
async def fresh_database(stack: LocalStack, template: str) -> AsyncIterator[str]:
    """Make a database as *template* is, hand out its URL, and drop it."""
    name = f"test_{secrets.token_hex(4)}"
    await _execute(stack.database_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield _beside(stack.database_url, name)
    finally:
        await _execute(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def database_url(stack: LocalStack, migrated_database: str) -> Iterator[str]:
    with asyncio.Runner() as runner:
        database = fresh_database(stack, migrated_database)
        yield runner.run(database.__aenter__())
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    opened = await connect(database_url, role="test")
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def topics() -> Topics:
    return Topics(prefix=f"t{secrets.token_hex(3)}.")


@pytest.fixture
def create_topics(kafka: str, topics: Topics) -> CreateTopics:
    """Return what makes the topics of contexts, with so many partitions each; a topic that is there stays as it is."""

    return partial(create_topics_at, kafka, topics)


async def create_topics_at(kafka: str, topics: Topics, contexts: Sequence[str], partitions: int) -> None:
    await ensure_topics(kafka, topics=topics, contexts=contexts, partitions=partitions)


def _beside(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url, role="test")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    connection = await connect(url, role="test")
    try:
        await migrate(connection)
    finally:
        await connection.close()
