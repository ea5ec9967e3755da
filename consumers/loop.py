"""The consumer loop: hides FastStream and aiokafka, and turns off each of their defaults that loses or repeats money.

Promise   Every record of the command topics reaches the engine in batches, in order per partition, until ``stop``.
Invariant Offsets are neither committed nor moved by the framework: ``MANUAL`` acknowledgement, no auto commit, offset
          reset ``none``, and raw records, because FastStream swallows what a handler raises and its header parser dies
          on a header that is not text.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from consumers.gate import GatedConsumer
from consumers.lane_reader import LaneReader
from consumers.restored import Memory
from contracts.catalog import Topics
from contracts.envelope import TextHash
from processor.database import Database, Timeouts
from processor.engine.batch import Reader
from processor.engine.context import Context
from processor.errors import NotPrepared, kafka_unreachable
from processor.telemetry import logger

_log = logger(__name__)
_STOP_S: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How a consumer reads. The session timeout is the longest pause after a kill; a broker allows no less than 6 s."""

    bootstrap: str
    database_url: str
    topics: Topics
    batch_size_max: int = 4000
    batch_timeout_ms: int = 20
    session_timeout_ms: int = 6000
    heartbeat_interval_ms: int = 500
    rebalance_timeout_ms: int = 60_000
    metadata_max_age_ms: int = 10_000  # how soon a changed partition count is noticed
    instance: str = ""  # a stable name of this process makes its restart take over its own partitions at once
    fingerprint_key: bytes = b""
    timeouts: Timeouts = field(default_factory=Timeouts)


async def consume(
    settings: LoopSettings,
    contexts: Sequence[Context[Any]],
    *,
    stop: asyncio.Event,
    on_committed: Mapping[str, Callable[[Database], Awaitable[None]]],
) -> None:
    """Consume *contexts* until *stop* is set.

    Raises:
        NotPrepared: A command topic is missing.
        Incident: It has another partition count than its context.
        Fatal: A context cannot go on.
    """
    await _require_topics(settings, contexts)
    async with AsyncExitStack() as stack:
        readers: dict[str, LaneReader] = {}
        for context in contexts:
            role = f"consumer {context.name}"
            database = await stack.enter_async_context(
                Database(settings.database_url, role=role, timeouts=settings.timeouts)
            )
            readers[context.name] = reader = LaneReader(
                context=context,
                database=database,
                reader=_reader(settings, context),
                memory=_memory(settings, context.name),
                on_committed=on_committed[context.name],
                batch_size_max=settings.batch_size_max,
            )
            stack.push_async_callback(reader.let_go)
        broker = await _broker(settings, readers)
        stack.push_async_callback(_stopped, broker)
        await broker.start()
        _log.info("consuming", contexts=list(readers))
        await _until(stop, readers.values())


def _reader(settings: LoopSettings, context: Context[Any]) -> Reader:
    catalog = context.catalog_at(settings.topics)
    return Reader(context=context.name, catalog=catalog, hashed=TextHash(settings.fingerprint_key))


def _memory(settings: LoopSettings, context: str) -> Memory:
    return Memory(bootstrap=settings.bootstrap, topics=settings.topics, context=context)


async def _require_topics(settings: LoopSettings, contexts: Sequence[Context[Any]]) -> None:
    """Make sure that the command topic of each context is there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    try:
        await admin.start()
        described = await admin.describe_topics([settings.topics.commands(context.name) for context in contexts])
    except (KafkaError, OSError) as error:
        raise kafka_unreachable(settings.bootstrap, error) from error
    finally:
        await admin.close()
    if missing := [topic["topic"] for topic in described if not topic["partitions"]]:
        raise NotPrepared(f"Topic {missing[0]} is missing; run `partita topics`.")


async def _broker(settings: LoopSettings, readers: Mapping[str, LaneReader]) -> KafkaBroker:
    broker = KafkaBroker(
        settings.bootstrap,
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,
        metadata_max_age_ms=settings.metadata_max_age_ms,
        logger=None,
        graceful_timeout=_STOP_S,
    )
    by_group = {_memory(settings, name).group: reader for name, reader in readers.items()}
    for group_id, (name, reader) in zip(by_group, readers.items(), strict=True):
        subscriber = broker.subscriber(
            settings.topics.commands(name),
            group_id=group_id,
            group_instance_id=f"{settings.instance}.{name}" if settings.instance else None,
            batch=True,
            max_records=settings.batch_size_max,
            batch_timeout_ms=settings.batch_timeout_ms,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.heartbeat_interval_ms,
            rebalance_timeout_ms=settings.rebalance_timeout_ms,
            listener=reader,
            parser=_unparsed,
            decoder=_raw,
        )
        subscriber(reader.handle)
    await broker.connect()
    built_in: Any = broker.config.broker_config.builder
    broker.config.broker_config.builder = partial(_gated, built_in.keywords, by_group)
    return broker


def _gated(options: Mapping[str, Any], by_group: Mapping[str, LaneReader], **more: Any) -> GatedConsumer:
    """Build the consumer that FastStream asks for, with the gate of the group's reader."""
    reader = by_group[more["group_id"]]
    reader.consumer = GatedConsumer(gate=reader.gate, on_fatal=reader.fail, **{**options, **more})
    return reader.consumer


async def _unparsed(records: tuple[ConsumerRecord[bytes, bytes], ...], original: Any) -> KafkaAckableMessage:
    """Wrap *records* without a look at them. Asynchronous, or FastStream would run it in a thread."""
    parser = original.__self__
    return KafkaAckableMessage(body=b"", headers={}, raw_message=records, consumer=parser._consumer)  # noqa: SLF001


async def _raw(message: KafkaAckableMessage) -> Any:
    return message.raw_message


async def _stopped(broker: KafkaBroker) -> None:
    with suppress(TimeoutError):  # aiokafka may wait for brokers that are gone
        await asyncio.wait_for(broker.stop(), 2 * _STOP_S)


async def _until(stop: asyncio.Event, readers: Collection[LaneReader]) -> None:
    """Wait for *stop*, or raise the first failure of one of *readers*."""
    stopped = asyncio.create_task(stop.wait())
    ends: list[asyncio.Future[Any]] = [stopped, *(reader.failed for reader in readers)]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        for reader in readers:
            reader.leave()
    for reader in readers:
        if reader.failed.done():
            reader.failed.result()
