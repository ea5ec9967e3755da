"""The relay: publishes the events of a context, each lane's in order, from the books to Kafka.

Promise   Every committed event reaches its topic at least once and, for one key, in the order of commit. After a clean
          stop nothing is published again.
Cost      9 us per event; one read, one produce request per batch of 256 KiB and one update per page.
Bound     A page of events in memory, whatever waits.
Invariant A position moves only after every record up to it was acknowledged, or parked in the database because its
          topic will never take it.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import asyncpg
from aiokafka.errors import KafkaError

from contracts.catalog import Topics
from processor import faults
from processor.database import DATABASE_ILL, Database
from processor.engine.failures import describe
from processor.telemetry import logger
from producers.kafka import Partitioner, abandon, started
from producers.page import Page
from producers.patience import STOP_S, back_off, first, until_stopped
from producers.shipment import BatchTooLarge, Origin, RecordTooLarge, Shipment
from producers.unsent import PositionTaken, Unpublished, Unsent, unpublished

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

__all__ = ["Relay", "Unpublished", "unpublished"]

POLL_MAX_S: Final = 0.25
STAND_BY_S: Final = 1.0
CAREFUL_PAGE: Final = 64

_log = logger(__name__)


class Relay:
    """One context's relay. *wake* is set by whoever commits in this process; others NOTIFY ``partita_<context>``."""

    def __init__(
        self,
        *,
        database: Database,
        bootstrap: str,
        topics: Topics,
        context: str,
        page_size: int = 2000,
        poll_s: float = 0.02,
        wake: asyncio.Event | None = None,
    ) -> None:
        self._wake = wake or asyncio.Event()
        self._unsent = Unsent(database, context, on_news=self._wake.set)
        self._page = Page(context=context, topics=topics, partitioner=Partitioner(), parked=self._unsent.parked)
        self._bootstrap = bootstrap
        self._context = context
        self._page_size = page_size
        self._poll_min_s = self._poll_s = poll_s
        self._producer: AIOKafkaProducer | None = None
        self._careful = False
        self._failures = 0

    @property
    def parked(self) -> Collection[Origin]:
        """The events left out because their topic will never take them, as far as they were still to be sent."""
        return self._unsent.parked

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until *stop* is set; the page in hand is finished first.

        Raises:
            Incident: Events are missing from a lane.
        """
        work = asyncio.ensure_future(self._work(stop))
        try:
            await until_stopped(work, stop, wake=self._wake)
        finally:
            await self._close()
        if not work.cancelled():
            work.result()

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._turn(stop)
            except KafkaError as error:
                await self._drop_producer()
                await self._back_off(stop, "relay_cannot_publish", error)
            except (PositionTaken, *DATABASE_ILL) as error:
                self._unsent.drop()
                await self._back_off(stop, "relay_cannot_read", error)

    async def _turn(self, stop: asyncio.Event) -> None:
        if not await self._unsent.lead():
            await first(stop, STAND_BY_S)
            return
        self._wake.clear()  # before reading: who commits while we read wakes us again
        rows = await self._unsent.page(CAREFUL_PAGE if self._careful else self._page_size)
        if not rows:
            await self._wait_for_news()
            return
        try:
            await self._publish(rows)
        except (RecordTooLarge, BatchTooLarge) as error:
            await self._go_carefully(error)

    async def _publish(self, rows: Sequence[asyncpg.Record]) -> None:
        if self._producer is None:
            self._producer = await started(self._bootstrap, client_id=f"partita relay {self._context}")
        shipment = Shipment(self._producer, singly=self._careful)
        moves = await self._page.pack(rows, self._producer, shipment)
        faults.reach("relay_read")
        await shipment.send()
        faults.reach("relay_sent")
        await self._unsent.mark_sent(moves)
        self._careful = False
        self._failures = 0
        self._poll_s = self._poll_min_s

    async def _wait_for_news(self) -> None:
        """Wait to be woken, a little longer every time that nothing has come."""
        if await first(self._wake, self._poll_s):
            self._poll_s = self._poll_min_s
        else:
            self._poll_s = min(2 * self._poll_s, POLL_MAX_S)

    async def _go_carefully(self, error: RecordTooLarge | BatchTooLarge) -> None:
        """Read a small page again and send it record by record; leave out the one that will never go through."""
        if isinstance(error, RecordTooLarge):
            await self._unsent.park(error)
            faults.reach("parked")
            what = {"lane_no": error.origin.lane_no, "seq": error.origin.seq, "bytes": error.bytes}
            _log.error("event_parked", context=self._context, topic=error.topic, **what)
        self._careful = True
        await self._drop_producer()

    async def _back_off(self, stop: asyncio.Event, event: str, error: Exception) -> None:
        self._failures += 1
        _log.warning(event, context=self._context, failures=self._failures, error=describe(error))
        await back_off(stop, self._failures)

    async def _drop_producer(self) -> None:
        doomed, self._producer = self._producer, None
        if doomed is not None:
            await abandon(doomed)

    async def _close(self) -> None:
        await self._drop_producer()
        try:
            async with asyncio.timeout(STOP_S):
                await self._unsent.close()
        except DATABASE_ILL:
            self._unsent.drop()
