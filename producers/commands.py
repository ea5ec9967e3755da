"""The way in for whoever asks something of the system: commands to the topic of their context, in order per key.

Promise   What was published under one key is read in that order. A line that is no valid command is published too where
          its type is known, since the system answers it by a dead letter. ``ask`` returns what answers its command.
Cost      9 us per command, 12 us as JSON; the acknowledgement is waited for by whoever wants to.
Invariant A command's key is the one the catalog names. A missing topic or broker is said at once, never waited for.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from msgspec import UNSET

from contracts.catalog import Catalog, Topics
from contracts.envelope import Command, Result, encode_command, moment_text, type_of
from contracts.headers import CE_CORRELATION_ID, CE_ID, CE_TYPE, TRACEPARENT
from contracts.invalid import NotUnderstood
from contracts.specs import Spec
from processor.errors import Transient, kafka_unreachable
from producers.asks import Asks, NotAnswered, OpensResults
from producers.kafka import abandon, require_topic, started
from producers.waiting import Acknowledgement

FLUSH_S: Final = 30.0
ANSWER_S: Final = 30.0

Header = tuple[str, bytes]


class Head(msgspec.Struct):
    """As much of a line as says where it goes."""

    type: Any = None


_head = msgspec.json.Decoder(Head)


class CommandPublisher:
    """Publishes commands inside an ``async with`` block; leaving it waits for what was not acknowledged yet.

    With *results*, which is ``consumers.results.ResultSubscriber``, it can ``ask``. With *ce_source*, the sender's own
    URI, a command is a CloudEvent in binary mode too; the system needs none of that, and it makes a command 200 bytes
    longer and 6 us dearer.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        catalog: Catalog | None = None,
        topics: Topics | None = None,
        results: OpensResults | None = None,
        ce_source: str = "",
    ) -> None:
        self._bootstrap = bootstrap
        self._catalog = catalog or Catalog()
        self._topics = topics or Topics()
        self._opens_results = results
        self._ce_source = ce_source
        self._known: set[str] = set()
        self._one_asks_kafka = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._asks: Asks | None = None
        self._cleanup = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as cleanup:
            if self._opens_results is not None:
                self._asks = await cleanup.enter_async_context(self._hearing(self._opens_results))
            try:
                self._producer = await started(self._bootstrap, client_id="partita publisher")
            except KafkaError as error:
                raise kafka_unreachable(self._bootstrap, error) from error
            cleanup.push_async_callback(self._close)  # before the asks end: answers may come until then
            self._cleanup = cleanup.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    def _hearing(self, results: OpensResults) -> Asks:
        # Several asks under one id get an answer each, so repeats have to be heard.
        heard = results(self._bootstrap, catalog=self._catalog, topics=self._topics, repeats=True)
        return Asks(heard, self._catalog)

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        assert producer is not None, "closed once"
        try:
            async with asyncio.timeout(FLUSH_S):
                await producer.flush()
        except TimeoutError as error:
            raise Transient(f"Kafka has not acknowledged every command within {FLUSH_S:g} s; publish again.") from error
        finally:
            await abandon(producer)

    async def ask(self, command: Command, *, timeout_s: float = ANSWER_S, traceparent: str = "") -> Result:
        """Publish *command* and return its answer: applied or refused, for the first time or ``replayed``.

        A second ask under the same id is a repeat, and has an answer of its own.

        Raises:
            NotAnswered: No answer came within *timeout_s*; the command may still be applied.
            NoCommand: It became a dead letter.
            Unanswered: The answer cannot be heard any more.
        """
        assert self._asks is not None, (
            "give the publisher results=ResultSubscriber, and ask inside the async with block"
        )
        with self._asks.waiting(command) as asked:
            try:
                async with asyncio.timeout(timeout_s):
                    asked.published(await self.publish(command, traceparent=traceparent))
                    return await asked.answer
            except TimeoutError:
                raise NotAnswered(_unanswered(command, timeout_s, asked.acknowledgement)) from None

    async def publish(self, command: Command, *, traceparent: str = "") -> Acknowledgement:
        """Hand *command* over and return the future of its acknowledgement (aiokafka's ``RecordMetadata``).

        *traceparent* is a W3C trace context, which its results will carry.

        Raises:
            NotPrepared: Its topic does not exist.
            Transient: The brokers have stopped taking records.
        """
        spec = self._catalog.specs[type_of(command)]
        key = self._catalog.key_of(command.canonical()).encode()
        headers = self._cloud_event(command, key) if self._ce_source else []
        if traceparent:
            headers.append((TRACEPARENT, traceparent.encode()))
        return await self._send(spec, key, encode_command(command), headers)

    async def publish_json(self, value: bytes) -> Acknowledgement:
        """Hand over a command as the JSON it was written in, unchanged.

        Raises:
            ValueError: It is no JSON object, or its type is none of ours, so that no topic is right for it.
            NotPrepared: Its topic does not exist.
            Transient: The brokers have stopped taking records.
        """
        spec = self._spec_of(value)
        command = self._catalog.understand(spec.context, value)
        if isinstance(command, NotUnderstood):
            return await self._send(spec, _likely_key(value, spec.key), value)
        return await self._send(spec, self._catalog.key_of(command).encode(), value)

    async def flush(self) -> None:
        """Wait until everything published so far is acknowledged, or has failed."""
        await self._ready().flush()

    def _spec_of(self, value: bytes) -> Spec:
        try:
            name = _head.decode(value).type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError("this is no JSON object") from error
        if not isinstance(name, str):
            raise ValueError("this names no type")  # noqa: TRY004 - the value of a line, not of an argument
        spec = self._catalog.specs.get(name)
        if spec is None:  # what stands there may be anything, and errors are kept in logs
            raise ValueError("no command has the type that this names")
        return spec

    def _cloud_event(self, command: Command, key: bytes) -> list[Header]:
        asked_at = datetime.now(UTC) if command.requested_at is UNSET else command.requested_at
        headers = [
            ("ce_specversion", b"1.0"),
            (CE_ID, command.command_id.encode()),
            (CE_TYPE, type_of(command).encode()),
            ("ce_source", self._ce_source.encode()),
            ("ce_time", moment_text(asked_at).encode()),
            ("ce_subject", key),
            ("content-type", b"application/json"),
        ]
        if command.correlation_id:
            headers.append((CE_CORRELATION_ID, command.correlation_id.encode()))
        return headers

    async def _send(
        self, spec: Spec, key: bytes | None, value: bytes, headers: Sequence[Header] = ()
    ) -> Acknowledgement:
        producer = self._ready()
        topic = self._topics.commands(spec.context)
        if topic not in self._known:
            await self._get_to_know(topic, producer)
        try:
            acknowledgement: Acknowledgement = await producer.send(topic, value, key, headers=headers)
        except MessageSizeTooLargeError as error:
            raise ValueError(f"this command of {len(value)} bytes is too long for a record") from error
        except KafkaError as error:
            raise Transient(f"Kafka at {self._bootstrap} takes no commands at present ({error!r})") from error
        return acknowledgement

    async def _get_to_know(self, topic: str, producer: AIOKafkaProducer) -> None:
        async with self._one_asks_kafka:
            if topic not in self._known:
                await require_topic(producer, topic, bootstrap=self._bootstrap)
                self._known.add(topic)

    def _ready(self) -> AIOKafkaProducer:
        assert self._producer is not None, "publish inside the async with block"
        return self._producer


def _unanswered(command: Command, timeout_s: float, acknowledgement: Acknowledgement | None) -> str:
    if acknowledgement is None or not acknowledgement.done():
        cause = "Kafka has not acknowledged it; check that its brokers run"
    else:
        cause = "It was published; check with `partita status` that a consumer and a relay are at work"
    return (
        f"{type_of(command)} {command.command_id} was not answered within {timeout_s:g} s. {cause}. It may still be "
        "applied: ask again under the same command_id."
    )


def _likely_key(value: bytes, field: str) -> bytes | None:
    """Return what an invalid command names as its key, if it is text."""
    text = msgspec.json.decode(value).get(field)
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else None
