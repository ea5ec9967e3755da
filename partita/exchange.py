"""Publishes a stream of commands and follows each one to its answer: under ``publish --wait``, the demo and the bench.

Promise   Every command published is counted once: by the type of the event that applied it, by the code it was refused
          with, or as dead. Each record of a command sent twice has an answer of its own.
Cost      8 us per answer beside what reading it costs; JSON is parsed of refusals only.
Bound     ``in_flight_max`` unanswered commands; publishing waits meanwhile.
Invariant A dead letter is matched by the place of its record, an answer by command id and type; what another sender's
          commands get is not counted, unless they have the ids of ours.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiokafka.errors import KafkaError

from consumers.results import Received, ResultSubscriber
from contracts.catalog import Catalog
from contracts.envelope import Command, type_of
from partita.app import App
from partita.tally import IN_FLIGHT_MAX, OnProgress, Pace, Tally
from processor.errors import PartitaError
from producers.commands import CommandPublisher
from producers.waiting import Acknowledgement, Sent, Waiting

Place = tuple[str, int, int]  # of a record: topic, partition, offset

POLL_S: Final = 0.25
PLACED_WITHIN_S: Final = 30.0
TICK_S: Final = 0.002  # commands that are due within it are published together
BREATH: Final = 100  # commands published between two looks at what else there is to do


class Head(msgspec.Struct):
    """As much of a command as following it needs; anything may stand there."""

    type: Any = None
    command_id: Any = None


class Refused(msgspec.Struct):
    """As much of a refusal as counting it needs."""

    code: str


_head = msgspec.json.Decoder(Head)
_refused = msgspec.json.Decoder(Refused)


class Published(Sent, eq=False, kw_only=True):
    """A command that was published and not answered yet; *command_id* is any text where it has none."""

    at: float
    acknowledgement: Acknowledgement


class NotTaken(PartitaError):
    """Kafka refused a command for good."""


class Exchange:
    """One publisher and one subscriber, made by ``exchange``; streams go through it one after another."""

    def __init__(self, publisher: CommandPublisher, subscriber: ResultSubscriber, catalog: Catalog) -> None:
        self._publisher = publisher
        self._subscriber = subscriber
        self._catalog = catalog
        self._rejections = frozenset(type_of(spec.rejected).encode() for spec in catalog.specs.values())
        self._waiting: Waiting[Published] = Waiting(catalog)
        self._room = asyncio.Event()
        self._tally = Tally()

    async def run(
        self,
        stream: Iterable[Command | bytes] | AsyncIterable[Command | bytes],
        *,
        pace: Pace | None = None,
        on_progress: OnProgress = lambda _: None,
    ) -> Tally:
        """Publish *stream* in order, and return what came of it once all is answered or nothing comes any more.

        Raises:
            ValueError: An element is no command that any topic is right for. What came before it is published.
            NotTaken: Kafka refuses an element.
        """
        pace = pace or Pace()
        self._tally, self._waiting = Tally(), Waiting(self._catalog)
        began = time.perf_counter()
        publishing = asyncio.ensure_future(self._publish(_each(stream), pace))
        try:
            await self._follow(publishing, pace, on_progress)
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        self._tally.seconds = time.perf_counter() - began
        return self._tally

    async def _publish(self, stream: AsyncIterator[Command | bytes], pace: Pace) -> None:
        began = time.perf_counter()
        async for command in stream:
            while len(self._waiting) >= pace.in_flight_max:
                self._room.clear()
                await self._room.wait()
            await self._send(command)
            ahead_s = _ahead_s(self._tally.published, began, pace.rate)
            if ahead_s > TICK_S or self._tally.published % BREATH == 0:
                await asyncio.sleep(ahead_s)
        await self._publisher.flush()

    async def _send(self, command: Command | bytes) -> None:
        at = time.perf_counter()
        if isinstance(command, bytes):
            acknowledgement = await self._publisher.publish_json(command)
            head = _head.decode(command)
        else:
            acknowledgement = await self._publisher.publish(command)
            head = Head(type=type_of(command), command_id=command.command_id)
        # One without an id becomes a dead letter.
        key = head.command_id.lower() if isinstance(head.command_id, str) else f"record {self._tally.published}"
        self._waiting.add(Published(command_id=key, command_type=head.type, at=at, acknowledgement=acknowledgement))
        self._tally.published += 1

    async def _follow(self, publishing: "asyncio.Future[None]", pace: Pace, on_progress: OnProgress) -> None:
        heard_at = time.perf_counter()
        while not publishing.done() or self._waiting:
            if publishing.done():
                publishing.result()
            received = await self._subscriber.poll(POLL_S)
            now = time.perf_counter()
            before = len(self._waiting)
            await self._settle_all(received, now)
            if before == 0 or len(self._waiting) != before:
                heard_at = now
                self._room.set()
            on_progress(self._tally)
            if now - heard_at > pace.timeout_s:
                return
            if not received:
                self._insist_on_acknowledgements()
        publishing.result()

    async def _settle_all(self, received: Sequence[Received], now: float) -> None:
        dead = []
        for one in received:
            if one.is_dead_letter:
                dead.append(_place(one))
            else:
                self._settle(one, now)
        if dead:
            await self._bury({place for place in dead if place is not None})

    def _settle(self, received: Received, now: float) -> None:
        sent = self._waiting.answered_by(received.headers)
        if sent is None or received.value is None:
            return  # an extra event, or the answer to another sender
        kind = received.headers["ce_type"] or b""
        self._tally.latencies.add(now - sent.at)
        self._tally.replayed += received.value.endswith(b'"replayed":true}')
        if kind in self._rejections:
            self._tally.refused[_refused.decode(received.value).code] += 1
        else:
            self._tally.answers[kind.decode()] += 1

    async def _bury(self, places: set[Place]) -> None:
        """Count what became a dead letter, by the places of the records once all of them are known."""
        unsettled = list(self._waiting)
        if unsettled:
            await asyncio.wait([sent.acknowledgement for sent in unsettled], timeout=PLACED_WITHIN_S)
        self._insist_on_acknowledgements()
        for sent in unsettled:
            at = sent.acknowledgement.result() if sent.acknowledgement.done() else None
            if at is not None and (at.topic, at.partition, at.offset) in places:
                self._waiting.remove(sent)
                self._tally.dead += 1

    def _insist_on_acknowledgements(self) -> None:
        for sent in self._waiting:
            if sent.acknowledgement.done() and (error := sent.acknowledgement.exception()):
                raise NotTaken(f"Kafka does not take a {sent.command_type} ({error}).") from error


def _place(dead_letter: Received) -> Place | None:
    topic, partition, offset = (dead_letter.headers.get(f"dlq-{name}") for name in ("topic", "partition", "offset"))
    return (topic.decode(errors="replace"), int(partition), int(offset)) if topic and partition and offset else None


def _ahead_s(published: int, began: float, rate: float) -> float:
    """Return how long to rest, so that so many commands were not published too early."""
    return max(began + published / rate - time.perf_counter(), 0.0) if rate else 0.0


async def _each(stream: Iterable[Command | bytes] | AsyncIterable[Command | bytes]) -> AsyncIterator[Command | bytes]:
    if isinstance(stream, AsyncIterable):
        async for one in stream:
            yield one
        return
    for one in stream:
        yield one


@asynccontextmanager
async def exchange(app: App) -> AsyncIterator[Exchange]:
    """Connect an exchange with *app*'s topics. The subscriber stands before anything is published."""
    contexts = [context.name for context in app.contexts]
    bootstrap = app.settings.kafka_bootstrap
    subscriber = ResultSubscriber(
        bootstrap, contexts=contexts, catalog=app.catalog, topics=app.topics, repeats=True, dead_letters=True
    )
    publisher = CommandPublisher(bootstrap, catalog=app.catalog, topics=app.topics)
    async with subscriber, publisher:
        yield Exchange(publisher, subscriber, app.catalog)


async def publish_only(app: App, stream: AsyncIterable[Command | bytes], *, rate: float = 0.0) -> int:
    """Publish *stream* in order, wait for the acknowledgements only, and return how many that were."""
    published = 0
    began = time.perf_counter()
    acknowledgements: list[Acknowledgement] = []
    async with CommandPublisher(app.settings.kafka_bootstrap, catalog=app.catalog, topics=app.topics) as publisher:
        async for command in stream:
            send = publisher.publish_json(command) if isinstance(command, bytes) else publisher.publish(command)
            acknowledgements.append(await send)
            published += 1
            if rate:
                await asyncio.sleep(_ahead_s(published, began, rate))
            if len(acknowledgements) >= IN_FLIGHT_MAX:
                await _taken(acknowledgements)
        await _taken(acknowledgements)
    return published


async def _taken(acknowledgements: list[Acknowledgement]) -> None:
    try:
        for one in acknowledgements:
            await one
    except KafkaError as error:
        raise NotTaken(f"Kafka does not take a command ({error}).") from error
    acknowledgements.clear()
