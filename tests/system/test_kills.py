"""A process is killed at the worst moments; nothing is lost, nothing is done twice, and everything is told.

Each point is shown to have been hit: the process says so and is dead by SIGKILL.
"""

import asyncio
import json
from typing import Any

import pytest

from partita.local.stack import LocalStack
from tests.sample.larger import Larger, larger
from tests.system.conftest import Install
from tests.system.installation import Installation

COMMANDS = 3000
SMALL = {"PARTITA_BATCH_SIZE_MAX": "200", "PARTITA_RELAY_PAGE_SIZE": "200"}  # so that there are batches to kill in


@pytest.mark.parametrize("point", ["saved", "committed"])
async def test_a_consumer_killed_around_its_commit_loses_and_doubles_nothing(install: Install, point: str) -> None:
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=1, accounts=50, commands=COMMANDS)

    with at.role("relay"), at.role("consumer", PARTITA_FAULT=f"{point}:4", PARTITA_INSTANCE="worker-1") as doomed:
        publishing = at.publish("all", expected.commands)
        assert f"PARTITA_FAULT reached {point}" in doomed.died()
        with at.role("consumer", PARTITA_INSTANCE="worker-1"):
            summary = await asyncio.to_thread(publishing.result)

    await judge(at, expected, summary)


async def test_a_relay_killed_between_sending_and_saying_so_repeats_itself_and_loses_nothing(install: Install) -> None:
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=2, accounts=50, commands=COMMANDS)

    with at.role("consumer"), at.role("relay", PARTITA_FAULT="relay_sent:4") as doomed:
        publishing = at.publish("all", expected.commands)
        assert "PARTITA_FAULT reached relay_sent" in doomed.died()
        with at.role("relay"):
            summary = await asyncio.to_thread(publishing.result)

    assert await at.results_sent() > len(expected.commands)  # a page went out twice; subscribers drop it
    await judge(at, expected, summary)


async def test_a_database_stopped_in_the_middle_of_a_batch_is_waited_for(install: Install, stack: LocalStack) -> None:
    """The server is stopped at once, without a checkpoint or a word to its sessions, while a batch is open."""
    if stack.postgres is None:
        pytest.skip("the database is not a process of ours: it cannot be stopped here")
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=3, accounts=50, commands=COMMANDS)

    with at.role("relay"), at.role("consumer") as consumer:
        publishing = at.publish("all", expected.commands)
        await until_in_the_middle(at)
        await asyncio.to_thread(stack.postgres.stop_immediately)
        await asyncio.to_thread(stack.postgres.start)
        summary = await asyncio.to_thread(publishing.result)

    assert "a batch failed" in consumer.log
    await judge(at, expected, summary)


async def until_in_the_middle(at: Installation) -> None:
    """Wait until some batches are applied and another is open: some session holds a lane."""
    middle = (
        "SELECT (SELECT coalesce(sum(records), 0) FROM lane) >= 600 AND EXISTS ("
        " SELECT FROM pg_locks WHERE relation = 'entry'::regclass AND mode = 'RowExclusiveLock')"
    )
    async with at.asking() as connection, asyncio.timeout(60):
        while not await connection.fetchval(middle):
            pass


async def judge(at: Installation, expected: Larger, summary: dict[str, Any]) -> None:
    """Hold the run against plain arithmetic, the topics, the status and the audit."""
    count = len(expected.commands)
    assert summary["published"] == count
    assert summary["refused"] == {"insufficient_funds": len(expected.declined)}
    assert (sum(summary["answers"].values()), summary["dead"]) == (count - len(expected.declined), 0)
    assert await at.balances() == expected.cents
    assert await at.fetch("SELECT kind, count(*) FROM event GROUP BY kind") == [(1, count)]
    told = await at.answered()
    assert {command["command_id"] for command in expected.commands} == told.keys()
    assert all(len(types) == 1 for types in told.values())
    assert lag_and_unpublished(at) == (0, 0)
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout


def lag_and_unpublished(at: Installation) -> tuple[int, int]:
    told = at.door("status", "--context", at.context, "--json")
    assert told.returncode == 0, told.stderr
    status = json.loads(told.stdout)
    return sum(lane["lag"] for lane in status["topics"]), status["unpublished"]
