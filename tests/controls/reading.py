"""A consumer of the ledger on a real broker, watched: what it was handed, and where its lane stands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.gate import GatedConsumer, Records
from consumers.header_names import read_any_name
from consumers.lane_reader import LaneReader
from tests.consumers.consuming import WITHIN_S, Ground, openings
from tests.controls.verdict import findings
from tests.system import wire

NEXT = "SELECT coalesce(max(next_offset), 0) FROM lane"
BATCH_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'account'::regclass AND NOT granted)"
CORRECTIONS = ("the group's offsets were moved forward", "reading was ahead of the lanes")


@dataclass(kw_only=True)
class Reading:
    """One run of the consumer, from an empty topic to the verdict. There is one partition."""

    ground: Ground
    folder: Path
    lines: Sequence[Mapping[str, Any]]
    handed_out: set[int] = field(default_factory=set)

    async def publish(self, count: int, *, headers: Sequence[tuple[str, Any]] = ()) -> None:
        await self.ground.publish(openings(count), partition=0, headers=headers)

    async def until_lane_is_at(self, offset: int, task: "asyncio.Task[None]") -> None:
        """Wait until what lies below *offset* is behind the lane, applied or not."""

        async def is_there() -> bool:
            return bool(await self.ground.connection.fetchval(NEXT) >= offset)

        await _until(is_there, task)

    async def until_handed_out(self, offset: int, task: "asyncio.Task[None]") -> None:
        """Wait until the consumer was handed the record at *offset*, whatever becomes of it."""

        async def was_handed_out() -> bool:
            return offset in self.handed_out

        await _until(was_handed_out, task)

    async def until_a_batch_waits(self, task: "asyncio.Task[None]") -> None:
        """Wait until a batch needs the accounts that ``books_held`` holds."""

        async def waits() -> bool:
            return bool(await self.ground.connection.fetchval(BATCH_WAITS))

        await _until(waits, task)

    async def move_group(self, offset: int) -> None:
        """Write down for the consumers' group that it has read up to *offset*, as an operator might."""
        place = TopicPartition(self.ground.commands_topic, 0)
        group = f"{self.ground.topics.prefix}partita.ledger"
        consumer = AIOKafkaConsumer(bootstrap_servers=self.ground.kafka, group_id=group, enable_auto_commit=False)
        async with consumer:
            consumer.assign([place])
            await consumer.commit({place: offset})

    @asynccontextmanager
    async def books_held(self) -> AsyncIterator[None]:
        """Have every batch wait, as long as the block lasts."""
        async with self.ground.connection.transaction():
            await self.ground.connection.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
            yield

    @property
    def corrections(self) -> list[str]:
        """What the consumer says where it was about to read on from the wrong place."""
        return [line["event"] for line in self.lines if line["event"].startswith(CORRECTIONS)]

    async def findings(self) -> list[str]:
        """Return what audit and oracle find."""
        read_any_name()
        read = await wire.read(self.ground.kafka, self.ground.commands_topic, 1)
        records = [(record.partition, record.offset, record.value) for record in read]
        return await findings(self.ground.connection, self.folder, records)


async def _until(seen: Callable[[], Awaitable[bool]], task: "asyncio.Task[None]") -> None:
    """Look again until it is *seen*, or the consumer in *task* has failed."""
    async with asyncio.timeout(WITHIN_S):
        while not await seen():
            if task.done():
                task.result()
            await asyncio.sleep(0.01)


def note_what_is_handed_out(patch: pytest.MonkeyPatch, handed_out: set[int]) -> None:
    real = GatedConsumer.getmany

    async def noted(self: GatedConsumer, *places: TopicPartition, **options: Any) -> Records:
        records = await real(self, *places, **options)
        handed_out.update(record.offset for some in records.values() for record in some)
        return records

    patch.setattr(GatedConsumer, "getmany", noted)


def seek_after_the_first_fetch(patch: pytest.MonkeyPatch, handed_out: set[int]) -> None:
    """Have the listener ask for the lanes no sooner than records are there: handed out, or held back by the gate."""
    real = LaneReader._go_to_lanes

    def there(reader: LaneReader) -> bool:
        assert reader.consumer is not None
        return bool(handed_out if reader.gate.is_open(reader.gate.term) else reader.consumer._fetcher._records)

    async def late(self: LaneReader, assigned: Sequence[TopicPartition]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not there(self):  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.005)
        await real(self, assigned)

    patch.setattr(LaneReader, "_go_to_lanes", late)
