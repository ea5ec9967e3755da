"""The disk under PostgreSQL is full, for data and for its log: consumers wait, and nothing is lost or dead.

A small file system in memory stands for the disk, so these tests need the right to mount one.
"""

import asyncio
import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from contracts.catalog import Topics
from contracts.specs import LEDGER
from partita.local.errors import LocalStackError
from partita.local.machine import Account
from partita.local.postgres_process import PostgresProcess
from partita.local.stack import LocalStack
from processor.database import DATABASE_ILL
from tests.conftest import create_topics_at, needs_processes
from tests.sample.larger import larger
from tests.system.conftest import Install
from tests.system.installation import PATIENCE_S, Installation
from tests.system.sending import send, summed_up, until_settled
from tests.system.test_kills import judge

COMMANDS = 3000
SMALL = {"PARTITA_BATCH_SIZE_MAX": "200"}
MIB = 1 << 20


def may_mount() -> bool:
    """Say whether we may mount, by doing it in a namespace of its own."""
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(tried, check=False, capture_output=True).returncode == 0
    )


pytestmark = [needs_processes, pytest.mark.skipif(not may_mount(), reason="needs the right to mount a file system")]


class Disk:
    """A small file system at *path* that belongs to PostgreSQL's account."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, *, leave: int) -> None:
        """Leave so many bytes."""
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free() - leave)

    def free(self) -> int:
        return shutil.disk_usage(self.path).free

    def empty(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, *, size: int) -> Iterator[Disk]:
    account = Account.unprivileged()
    path.mkdir()
    options = f"size={size},uid={account.uid},gid={account.gid},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


async def test_commands_wait_for_room_for_their_data(install: Install, stack: LocalStack) -> None:
    assert stack.postgres is not None
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=71, accounts=50, commands=COMMANDS)

    with small_disk(stack.postgres.socket_directory.parent / "disk", size=32 * MIB) as disk:
        async with events_on(at, disk):
            with at.role("relay"), at.role("consumer") as consumer:
                await send(at, expected.commands[:50])
                await until_settled(at, 50)
                disk.fill(leave=MIB // 4)
                await send(at, expected.commands[50:])
                await asyncio.to_thread(consumer.says, "a batch failed .*53100.*remedy=RECONNECT")
                assert 50 <= await applied(at) < len(expected.commands)
                assert await at.fetch("SELECT FROM dead_letter") == []
                disk.empty()
                await until_settled(at, len(expected.commands))
            await judge(at, expected, await summed_up(at))


@asynccontextmanager
async def events_on(at: Installation, disk: Disk) -> AsyncIterator[None]:
    """Keep the events on *disk*."""
    space = f"small_{secrets.token_hex(3)}"
    async with at.asking() as connection:
        await connection.execute(f"CREATE TABLESPACE {space} LOCATION '{disk.path}'")
        await connection.execute(f"ALTER TABLE event SET TABLESPACE {space}")
        try:
            yield
        finally:
            await connection.execute("ALTER TABLE event SET TABLESPACE pg_default")
            await connection.execute(f"DROP TABLESPACE {space}")


async def applied(at: Installation) -> int:
    ((records,),) = await at.fetch("SELECT sum(records) FROM lane")
    return int(records)


async def test_a_server_that_has_no_room_for_its_log_is_waited_for(stack: LocalStack, tmp_path: Path) -> None:
    """It ends itself, and does not start again before there is room."""
    expected = larger(seed=72, accounts=50, commands=COMMANDS)
    with LocalStack(choice="process", kafka_bootstrap=stack.kafka_bootstrap) as own:
        assert own.postgres is not None
        at = await prepared(own, tmp_path)
        with log_on_small_disk(own.postgres) as disk:
            with at.role("relay") as relay, at.role("consumer") as consumer:
                await send(at, expected.commands[:50])
                await until_settled(at, 50)
                disk.fill(leave=MIB)
                await send(at, expected.commands[50:])
                await crowd(at)
                await until_ended(own.postgres)
                with pytest.raises(LocalStackError, match="No space left on device"):
                    await asyncio.to_thread(own.postgres.start)
                await asyncio.to_thread(consumer.says, "a batch failed .*remedy=RECONNECT")
                await asyncio.to_thread(relay.says, "relay_cannot_read")
                disk.empty()
                await asyncio.to_thread(own.postgres.start)
                await until_settled(at, len(expected.commands))
            await judge(at, expected, await summed_up(at))


async def prepared(own: LocalStack, folder: Path) -> Installation:
    """Make an installation on a server of its own."""
    prefix = f"s{secrets.token_hex(3)}."
    await create_topics_at(own.kafka_bootstrap, Topics(prefix=prefix), [LEDGER], 1)
    at = Installation(
        kafka=own.kafka_bootstrap,
        database_url=own.database_url,
        prefix=prefix,
        partitions=1,
        folder=folder,
        settings=SMALL,
    )
    assert at.door("migrate").returncode == 0
    return at


@contextmanager
def log_on_small_disk(server: PostgresProcess) -> Iterator[Disk]:
    """Have *server* write its log on a disk that takes four segments of it, while the block lasts."""
    run = server.socket_directory.parent
    log = run / "postgresql" / "pg_wal"
    with small_disk(run / "disk", size=64 * MIB) as disk:
        server.stop()
        subprocess.run(["cp", "-a", f"{log}/.", str(disk.path)], check=True)
        shutil.rmtree(log)
        log.symlink_to(disk.path)
        server.start()
        try:
            yield disk
        finally:
            server.drop()


async def crowd(at: Installation) -> None:
    """Fill the log beside the consumer's work, until the server gives up."""
    with suppress(*DATABASE_ILL):
        async with at.asking() as connection:
            for _ in range(100):
                await connection.execute("SELECT pg_logical_emit_message(false, 'crowd', repeat('x', 1000000))")


async def until_ended(server: PostgresProcess) -> None:
    """Wait until *server* has ended by itself, and leave it so."""
    async with asyncio.timeout(PATIENCE_S):
        while not has_ended(server):  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)
    server.drop()


def has_ended(server: PostgresProcess) -> bool:
    try:
        server.require_running()
    except LocalStackError:
        return True
    return False
