"""`partita up` on a stack of its own, and how it ends."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from partita.workers import DEATHS_MAX, Crew, Post, WorkersFailed
from processor.database import connect

from .conftest import Door, System, has_ended

LEDGER = ("--context", "ledger")  # another would only take processor time


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / "partita.env"


def test_a_system_is_ready_when_its_file_is_there_and_leaves_nothing_behind(env_file: Path, door: Door) -> None:
    with System(env_file, *LEDGER, "--workers", "2", "--partitions", "4", "--without", "scheduler") as system:
        system.hears("ready")
        made = {line for line in system.said if line.startswith("topic ")}
        topics = ("ledger.commands.v1", "ledger.results.v1", "ledger.commands.v1-dlt")
        assert made == {f"topic {name}: made, 4 partitions" for name in topics}
        assert "kafka at 127.0.0.1:" in "\n".join(system.said)
        assert set(system.settings) == {
            f"PARTITA_{name}" for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL", "OBJECTS_URL")
        }
        assert json.loads(door("status", *LEDGER, "--json", settings=system.settings).stdout)["lag"] == 0
        pids = [system.pid_of(name) for name in ("worker-1", "worker-2", "relay")]
        os.kill(system.process.pid, signal.SIGINT)
        assert system.end() == 0
    assert not env_file.exists()
    assert all(has_ended(pid) for pid in pids)


def test_nothing_outlives_a_system_that_is_killed(env_file: Path) -> None:
    with System(env_file, *LEDGER) as system:
        system.hears("ready")
        pids = [system.pid_of(name) for name in ("worker-1", "relay")]
        os.kill(system.process.pid, signal.SIGKILL)
        assert all(has_ended(pid) for pid in pids)


def test_a_role_left_out_is_not_run_and_what_waits_for_it_is_told(
    env_file: Path, door: Door, elsewhere: dict[str, str]
) -> None:
    with System(env_file, *LEDGER, "--without", "relay", settings=elsewhere) as system:
        system.hears("ready")
        opening = {"type": "account.open", "account_id": "a", "account_type": "CHECKING", "currency": "EUR"}
        line = json.dumps(opening | {"command_id": "00000000-0000-7000-8000-000000000001"})
        done = door("publish", "-", *LEDGER, "--wait", "--timeout", "1", settings=system.settings, typed=line)
        assert done.returncode == 1
        assert json.loads(done.stdout)["answers"] == {}
        assert "1 of 1 were not answered" in done.stderr
        assert json.loads(door("status", *LEDGER, "--json", settings=system.settings).stdout)["unpublished"] == 1


async def test_a_system_whose_database_has_died_says_so_and_ends(env_file: Path) -> None:
    with System(env_file, *LEDGER) as system:
        system.hears("ready")
        os.kill(await postmaster_of(system.settings["PARTITA_DATABASE_URL"]), signal.SIGKILL)
        system.hears("error: PostgreSQL has ended by itself")
        assert system.end() == 2


async def postmaster_of(url: str) -> int:
    """Return the process that the sessions of a database are children of."""
    connection = await connect(url, role="test")
    session = await connection.fetchval("SELECT pg_backend_pid()")
    status = await asyncio.to_thread(Path(f"/proc/{session}/status").read_text)
    await connection.close()
    return int(status.partition("PPid:")[2].split()[0])


async def test_a_process_that_dies_again_and_again_ends_the_crew() -> None:
    said: list[str] = []
    async with Crew([Post(name="cook", roles=("cook",))], say=said.append) as crew:
        crew.go({})
        with pytest.raises(WorkersFailed, match="cook"):
            await crew.failed
    assert said.count("cook ended (exit code 2); it is started again") == DEATHS_MAX
