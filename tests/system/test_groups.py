"""The consumers' group under attack: frozen members, members that come and go, offsets that somebody moves.

Where to read is the lanes' business, and what is below a fence is dropped: so whatever happens to the group, each
record has one effect.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DeleteGroupsRequest

from contracts.specs import LEDGER
from producers.kafka import Partitioner
from tests.conftest import needs_processes
from tests.sample.larger import larger
from tests.system import wire
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.sending import raw, send, summed_up, until_applied, until_settled
from tests.system.test_exactness import judged
from tests.system.test_kills import judge, lag_and_unpublished
from tests.system.test_postgres_faults import stopped, until_stopped, woken

SMALL = {"PARTITA_BATCH_SIZE_MAX": "200"}
ALONE = r"partitions assigned .*partitions=\[0, 1, 2, 3\]"
SOON = {"PARTITA_SESSION_TIMEOUT_MS": "2000"}  # which a broker of the local stack allows


@needs_processes
@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("fetched", "records were applied before and are left out .*records=[1-9]"),
        ("committed", "Kafka did not take the offsets; .*CommitFailedError"),
    ],
    ids=["fetched", "committed"],
)
async def test_a_worker_that_wakes_after_its_group_went_on_has_no_effect(
    install: Install, point: str, said: str
) -> None:
    """It holds a batch and has not begun it, or has committed it and not told Kafka."""
    at = await install(partitions=1, **SMALL, **SOON)
    expected = larger(seed=41, accounts=50, commands=2000)

    with at.role("relay"), at.role("consumer", PARTITA_FAULT=f"{point}:4:stop") as frozen, woken(frozen):
        publishing = at.publish("all", expected.commands)
        await until_stopped(frozen, point)
        with at.role("consumer") as other:
            await asyncio.to_thread(other.says, r"partitions assigned .*partitions=\[0\]")
            summary = await asyncio.to_thread(publishing.result)
            assert stopped(frozen.pid)
            books = await at.books()
            os.kill(frozen.pid, signal.SIGCONT)
            await asyncio.to_thread(frozen.says, said)
            await asyncio.to_thread(frozen.says, "partitions assigned")

    assert await at.books() == books
    await judge(at, expected, summary)


@needs_processes
async def test_workers_that_join_leave_and_die_in_their_batches_lose_and_double_nothing(
    install: Install, tmp_path: Path
) -> None:
    at = await install(partitions=4, **SMALL, **SOON)
    commands = larger(seed=42, accounts=200, commands=2400).commands
    fates: list[dict[str, str]] = [{}, {"PARTITA_FAULT": "saved"}, {}, {"PARTITA_FAULT": "committed"}]

    with at.role("relay"), at.role("consumer") as lasting:
        await spread(at, commands[:200])
        await until_settled(at, 200)
        await asyncio.to_thread(lasting.says, ALONE)
        for number, fate in enumerate(fates, start=1):
            with at.role("consumer", **fate) as passing:
                await asyncio.to_thread(passing.says, r"partitions assigned .*partitions=\[\d")
                await spread(at, commands[600 * number - 400 : 600 * number + 200])
                await until_applied(at, 600 * number - 300)
                await asyncio.to_thread(passing.died if fate else passing.end)
            if not fate:  # a death is noticed late, and may be together with the next coming
                await asyncio.to_thread(lasting.says, ALONE)
        await spread(at, commands[2600:])
        await until_settled(at, len(commands))

    assert lasting.log.count("partitions assigned") > 2 * len(fates) - 2
    assert lag_and_unpublished(at) == (0, 0)
    assert await judged(at, tmp_path / "books") == []
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout


async def spread(at: Installation, commands: Sequence[Mapping[str, Any]]) -> None:
    """Send *commands*, each to the partition of its key."""
    partition_of = Partitioner().partition_of
    records = [raw(each) for each in commands]
    async with wire.producing(at.kafka) as producer:
        placed = [replace(each, partition=partition_of(each.key or b"", at.partitions)) for each in records]
        await wire.send(producer, at.topics.commands(LEDGER), placed)


async def test_offsets_that_are_reset_moved_forward_or_deleted_make_nothing_read_again_or_left_out(
    install: Install,
) -> None:
    at = await install(partitions=1, **SMALL)
    expected = larger(seed=43, accounts=50, commands=1000)
    first, second, third = (expected.commands[:400], expected.commands[400:700], expected.commands[700:])
    with at.role("relay"):
        with at.role("consumer"):
            await send(at, first)
            await until_settled(at, 400)
        books = await at.books()

        await move_group(at, {0: 0})
        with at.role("consumer") as reset:
            await asyncio.to_thread(reset.says, r"partitions assigned .*partitions=\[0\]")
            assert await at.books() == books
            await send(at, second)
            await until_settled(at, 700)
        assert "are left out" not in reset.log  # nothing was even fetched again

        await send(at, third)
        await move_group(at, {0: len(expected.commands)})
        with at.role("consumer") as forward:
            await asyncio.to_thread(forward.says, "the group's offsets were moved forward; reading on from the lanes")
            await until_settled(at, len(expected.commands))

        books = await at.books()
        await delete_group(at)
        with at.role("consumer") as fresh:
            await asyncio.to_thread(fresh.says, r"partitions assigned .*partitions=\[0\]")
    assert await at.books() == books
    await judge(at, expected, await summed_up(at))


def group(at: Installation) -> str:
    return f"{at.prefix}partita.{LEDGER}"


async def move_group(at: Installation, offsets: Mapping[int, int]) -> None:
    """Move the group's offsets, as ``kafka-consumer-groups --reset-offsets`` does it."""
    places = {TopicPartition(at.topics.commands(LEDGER), partition): offset for partition, offset in offsets.items()}
    consumer = AIOKafkaConsumer(bootstrap_servers=at.kafka, group_id=group(at), enable_auto_commit=False)
    await consumer.start()
    consumer.assign(list(places))
    await consumer.commit(places)
    await consumer.stop()


async def delete_group(at: Installation) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka)
    await admin.start()
    asked = DeleteGroupsRequest([group(at)])
    answer = await admin._send_request(asked, await admin.find_coordinator(group(at)))
    await admin.close()
    assert answer.results == [(group(at), 0)]
