"""The command topic loses what was not read, or is made again: the context stops and says so, and the way on holds.

The way on is the one in docs/operations.md; its very lines are run.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from contracts.specs import LEDGER
from tests.system.conftest import Install
from tests.system.installation import PATIENCE_S, Installation
from tests.system.sending import lasting, send, until_settled
from tests.system.test_duplicates import NAMES, added, paying
from tests.system.test_kills import lag_and_unpublished
from tests.system.test_postgres_faults import woken
from tests.system.test_restore import Commands, opening

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
REFUSALS = "is missing|this is another log|does not hold the next record any more"
FETCH_WAITS_S = 1.0  # longer than a broker holds a fetch for which it has nothing


async def test_records_that_were_removed_unread_are_named_and_what_is_left_goes_on(install: Install) -> None:
    """They are removed under a worker that is frozen, so that it finds out by itself, and again when it starts."""
    at = await install(partitions=2)
    deposits = paying(400, seed=61)
    applied, lost, kept, beside = deposits[:90], deposits[90:190], deposits[190:300], deposits[300:]

    with at.role("relay"):
        with at.role("consumer") as frozen, woken(frozen):
            await send(at, [*opening(NAMES), *applied])
            await until_settled(at, 100)
            os.kill(frozen.pid, signal.SIGSTOP)
            await lasting(FETCH_WAITS_S)
            await send(at, [*lost, *kept])
            await send(at, beside, partition=1)
            await remove(at, before=200)
            os.kill(frozen.pid, signal.SIGCONT)
            assert "The log does not hold the next record any more" in await asyncio.to_thread(frozen.gave_up)
        books = await at.books()
        refused = at.door("run", "consumer", "--context", LEDGER)
        assert (refused.returncode, at.topics.commands(LEDGER) in refused.stderr) == (2, True)
        assert "partition 0: records 100 to 199 were removed before they were applied" in refused.stderr
        assert await at.books() == books

        (statement,) = documented("Records removed before they were applied", "sql")
        await follow(at, statement.replace("next_offset = 5", "next_offset = 200").replace("= 3;", "= 100;"))
        failed = at.door("audit")
        assert (failed.returncode, "lane_counters" in failed.stdout) == (1, True), failed.stdout
        with at.role("consumer"):
            await send(at, lost)
            await until_settled(at, 410)

    await approve(at, deposits)


async def test_a_topic_that_was_made_again_is_refused_until_its_offsets_are_those_of_the_books(
    install: Install,
) -> None:
    """It is made again under a running worker, and senders go on as if nothing had happened."""
    at = await install(partitions=1, PARTITA_PARTITIONS="1")
    deposits = paying(300, seed=62)
    applied, unread, after = deposits[:190], deposits[190:250], deposits[250:]

    with at.role("relay"):
        with at.role("consumer") as worker:
            await send(at, [*opening(NAMES), *applied])
            await until_settled(at, 200)
            await made_again(at)
            await send(at, unread)
            # Whether it first sees no topic, or one that is too short, is a matter of moments.
            assert re.search(REFUSALS, await asyncio.to_thread(worker.gave_up))
        books = await at.books()
        refused = at.door("run", "consumer", "--context", LEDGER)
        assert refused.returncode == 2
        assert "partition 0 ends at 60, but records up to 199 were applied: this is another log" in refused.stderr
        assert await at.books() == books

        (script,) = documented("Another log", "python")
        await asyncio.to_thread(run, script, at.kafka, at.topics.commands(LEDGER), "0", "60", "200")
        with at.role("consumer"):
            await send(at, [*unread, *after])
            await until_settled(at, 310)

    await approve(at, deposits)


def documented(heading: str, language: str) -> list[str]:
    """Return the blocks of *language* below *heading*, without their indent."""
    section = OPERATIONS.read_text(encoding="utf-8").split(f"\n### {heading}\n", 1)[1].split("\n### ", 1)[0]
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


async def follow(at: Installation, statement: str) -> None:
    """Do what the page says to the lane, which moves exactly one."""
    async with at.asking() as connection:
        assert await connection.execute(statement) == "UPDATE 1"


def run(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", script, *arguments], check=True, timeout=60)


async def remove(at: Installation, *, before: int) -> None:
    """Remove the first records of partition 0, as retention would."""
    place = TopicPartition(at.topics.commands(LEDGER), 0)
    await administered(at, lambda admin: admin.delete_records({place: RecordsToDelete(before_offset=before)}))


async def made_again(at: Installation) -> None:
    """Delete the command topic, and have the door make it again."""
    topic = at.topics.commands(LEDGER)

    async def deleted(admin: AIOKafkaAdminClient) -> None:
        await admin.delete_topics([topic])
        async with asyncio.timeout(PATIENCE_S):
            while topic in await admin.list_topics():
                pass

    await administered(at, deleted)
    made = at.door("topics")
    assert made.returncode == 0, made.stderr


async def administered(at: Installation, deed: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka)
    await admin.start()
    try:
        await deed(admin)
    finally:
        await admin.close()


async def approve(at: Installation, deposits: Commands) -> None:
    """Hold the books against plain arithmetic, and the results against what was sent."""
    assert await at.balances() == added(deposits)
    told = await at.answered()
    assert len(told) == len(NAMES) + len(deposits)
    assert all(len(types) == 1 for types in told.values())
    assert lag_and_unpublished(at) == (0, 0)
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout
