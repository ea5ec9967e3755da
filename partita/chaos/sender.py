"""Publishes the stream of a run at a steady rate, to Kafka itself and not by the proxy, through every outage.

Promise   Every record is handed over until Kafka has acknowledged one copy of it; what was handed over without an
          acknowledgement is noted as unknown, and looked up in the log at the end.
Bound     ``UNACKNOWLEDGED_MAX`` records on their way; the stream waits meanwhile, and gives up after ``GIVE_UP_S``.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError

from contracts.specs import LEDGER
from partita.app import App
from partita.chaos.history import History
from partita.chaos.items import Item
from partita.chaos.scene import PARTITIONS
from processor.errors import PartitaError, Transient
from producers.commands import CommandPublisher
from producers.kafka import Partitioner, abandon, started

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

RATE: Final = 300.0  # records a second
UNACKNOWLEDGED_MAX: Final = 3_000
PAUSE_S: Final = 0.2
FLUSH_S: Final = 60.0
GIVE_UP_S: Final = 180.0

Place = tuple[int, int]


@dataclass(kw_only=True)
class Published:
    """What was handed over, and where Kafka says it lies; *unknown* copies may lie somewhere or nowhere."""

    item: Item
    place: Place | None = None
    unknown: int = 0


@dataclass(kw_only=True)
class Sent:
    """Everything that was handed over, by the number of its item; ``ends`` are the offsets after what was taken."""

    published: dict[int, Published] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    waiting: int = 0

    def acknowledged(self, one: Published, place: Place) -> None:
        """Note where a record lies."""
        one.place = place
        self.ends[place[0]] = max(self.ends.get(place[0], 0), place[1] + 1)


class Sender:
    """Publishes items; what the history says of them goes to *history*."""

    def __init__(self, app: App, history: History) -> None:
        self.sent = Sent()
        self._app = app
        self._history = history
        self._topic = app.topics.commands(LEDGER)
        self._partition_of = Partitioner().partition_of
        self._again: deque[Item] = deque()
        self._settled = asyncio.Event()
        self._publisher: CommandPublisher | None = None
        self._producer: AIOKafkaProducer | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Be able to publish as long as the block lasts."""
        bootstrap = self._app.settings.kafka_bootstrap
        self._producer = await started(bootstrap, client_id="partita chaos")
        try:
            async with CommandPublisher(bootstrap, catalog=self._app.catalog, topics=self._app.topics) as publisher:
                self._publisher = publisher
                yield
        finally:
            await abandon(self._producer)

    async def send(self, items: Iterable[Item], stop: asyncio.Event, *, rate: float = RATE) -> None:
        """Publish *items* in their order, until they end or *stop* is set; then wait for what is on its way."""
        began = time.monotonic()
        for count, item in enumerate(items, 1):
            if stop.is_set():
                break
            while self._again:
                await self._hand_over(self._again.popleft())
            await self._hand_over(item)
            await self._room()
            await asyncio.sleep(max(began + count / rate - time.monotonic(), 0))
        await self._flushed()

    async def _room(self) -> None:
        while self.sent.waiting >= UNACKNOWLEDGED_MAX:
            self._settled.clear()
            await self._settled.wait()

    async def _flushed(self) -> None:
        """Wait for every acknowledgement; what has none by then stays unknown."""
        try:
            async with asyncio.timeout(FLUSH_S):
                while self.sent.waiting or self._again:
                    while self._again:
                        await self._hand_over(self._again.popleft())
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            self._history.note("gave up waiting", unacknowledged=self.sent.waiting)

    async def _hand_over(self, item: Item) -> None:
        one = self.sent.published.setdefault(item.number, Published(item=item))
        said = {"n": item.number, "sort": item.sort, "key": item.key, "id": item.command_id}
        self._history.note("invoke", **said)
        acknowledgement = await self._insisted(item)
        self.sent.waiting += 1
        acknowledgement.add_done_callback(partial(self._told, one))

    async def _insisted(self, item: Item) -> "asyncio.Future[Any]":
        try:
            async with asyncio.timeout(GIVE_UP_S):
                while (acknowledgement := await self._tried(item)) is None:  # noqa: ASYNC110 - Kafka tells nobody when
                    await asyncio.sleep(PAUSE_S)
        except TimeoutError:
            raise Transient(f"Kafka has taken nothing for {GIVE_UP_S:g} s; see its log and history.jsonl.") from None
        return acknowledgement

    async def _tried(self, item: Item) -> "asyncio.Future[Any] | None":
        try:
            return await self._handed_over(item)
        except (PartitaError, KafkaError) as error:  # it is not on its way
            self._history.note("refused", n=item.number, error=type(error).__name__)
            return None

    async def _handed_over(self, item: Item) -> "asyncio.Future[Any]":
        assert self._publisher is not None, "inside the block"
        assert self._producer is not None, "inside the block"
        if item.command_id and not item.away:
            return await self._publisher.publish_json(item.value)
        partition = self._partition_of(item.key.encode(), PARTITIONS)
        wrong = (partition + 1 + item.number % (PARTITIONS - 1)) % PARTITIONS if item.away else partition
        key = f"wrong {item.key}" if item.away else item.key
        acknowledgement: asyncio.Future[Any] = await self._producer.send(
            self._topic, item.value, key.encode(), partition=wrong
        )
        return acknowledgement

    def _told(self, one: Published, acknowledgement: "asyncio.Future[Any]") -> None:
        self.sent.waiting -= 1
        self._settled.set()
        number = one.item.number
        if acknowledgement.cancelled() or (error := acknowledgement.exception()) is not None:
            one.unknown += 1
            self._again.append(one.item)
            self._history.note("unknown", n=number, error="cancelled" if acknowledgement.cancelled() else repr(error))
            return
        at = acknowledgement.result()
        self.sent.acknowledged(one, (at.partition, at.offset))
        self._history.note("acknowledged", n=number, partition=at.partition, offset=at.offset)
