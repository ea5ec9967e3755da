"""Faults of Kafka: of the broker, of the way to it, and of what it remembers of the group."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DeleteGroupsRequest

from consumers.restored import Memory
from contracts.specs import LEDGER
from partita.chaos.missed import PATIENCE_S, Missed
from partita.chaos.proxy import Way
from partita.chaos.scene import PARTITIONS, Scene

SLOW_S: Final = (0.005, 0.1)
CUT_BYTES_MAX: Final = 200_000
LOOK_S: Final = 0.1
STRUCK_S: Final = 10.0


@asynccontextmanager
async def killed(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Kill the broker and start it again at once."""
    await asyncio.to_thread(scene.kafka.kill)
    await asyncio.to_thread(scene.kafka.start)
    yield


@asynccontextmanager
async def stopped(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Stop the broker in good order and start it again at once."""
    await asyncio.to_thread(scene.kafka.stop)
    await asyncio.to_thread(scene.kafka.start)
    yield


@asynccontextmanager
async def away(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Kill the broker and leave it dead for a while."""
    await asyncio.to_thread(scene.kafka.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(scene.kafka.start)


@asynccontextmanager
async def slow(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Let every byte take its time."""
    scene.kafka_way.delay_s = dice.uniform(*SLOW_S)
    scene.kafka_way.jitter_s = scene.kafka_way.delay_s
    try:
        yield
    finally:
        scene.kafka_way.heal()


@asynccontextmanager
async def black_hole(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """Let nothing pass on one way or both."""
    scene.kafka_way.black_hole(dice.choice([[Way.TO_SERVER], [Way.TO_CLIENT], list(Way)]))
    try:
        yield
    finally:
        scene.kafka_way.heal()


@asynccontextmanager
async def reset(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """End every connection."""
    scene.kafka_way.reset()
    yield


@asynccontextmanager
async def cut(scene: Scene, dice: random.Random) -> AsyncIterator[None]:
    """End a connection somewhere in the middle of what it says."""
    way = dice.choice(list(Way))
    scene.kafka_way.cut_after(dice.randrange(CUT_BYTES_MAX), way)
    try:
        async with asyncio.timeout(STRUCK_S):
            await scene.kafka_way.struck.wait()
        yield
    except TimeoutError:
        raise Missed(f"too few bytes passed {way.value}") from None
    finally:
        scene.kafka_way.heal()


@asynccontextmanager
async def offsets_moved_back(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Set the group's offsets to the beginning of the log, as a hand does that knows no better."""
    async with _without_workers(scene):
        await _insisted(lambda: _commit(scene, dict.fromkeys(range(PARTITIONS), 0)))
    yield


@asynccontextmanager
async def offsets_moved_forward(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Set the group's offsets to the end of the log, past records that nobody has applied."""
    async with _without_workers(scene):
        await _insisted(lambda: _commit(scene, None))
    yield


@asynccontextmanager
async def group_deleted(scene: Scene, _dice: random.Random) -> AsyncIterator[None]:
    """Delete the group and all that it remembers."""
    async with _without_workers(scene):
        await _insisted(lambda: _delete_group(scene))
    yield


@asynccontextmanager
async def _without_workers(scene: Scene) -> AsyncIterator[None]:
    """End all workers for as long as the block lasts: Kafka lets nobody touch the offsets of a group at work."""
    names = [post.name for post in scene.crew.posts if "consumer" in post.roles]
    posts = await asyncio.gather(*(scene.crew.leave(name) for name in names))
    try:
        yield
    finally:
        for post in posts:
            await scene.crew.join(post)


async def _insisted(deed: Callable[[], Awaitable[None]]) -> None:
    """Do *deed* again and again: static members belong to a group until their session is over."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return await deed()
                except (KafkaError, OSError):
                    await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise Missed("Kafka did not let go of the group") from None


def _memory(scene: Scene) -> Memory:
    return Memory(bootstrap=scene.kafka.bootstrap, topics=scene.system.app.topics, context=LEDGER)


async def _commit(scene: Scene, offsets: dict[int, int] | None) -> None:
    """Commit *offsets*, or the ends of the log, for the group, without the mark of a consumer of ours."""
    memory = _memory(scene)
    places = [TopicPartition(memory.topics.commands(LEDGER), partition) for partition in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=memory.bootstrap, group_id=memory.group, enable_auto_commit=False)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(places) if offsets is None else {}
        consumer.assign(places)
        await consumer.commit({place: ends[place] if offsets is None else offsets[place.partition] for place in places})
    finally:
        await consumer.stop()


async def _delete_group(scene: Scene) -> None:
    memory = _memory(scene)
    admin = AIOKafkaAdminClient(bootstrap_servers=memory.bootstrap)
    try:
        await admin.start()
        coordinator = await admin.find_coordinator(memory.group)
        answer = await admin._send_request(DeleteGroupsRequest([memory.group]), coordinator)  # noqa: SLF001 - no public way
    finally:
        await admin.close()
    if [code for _, code in answer.results] != [0]:
        raise KafkaError(f"{memory.group} cannot be deleted: {answer.results}")
