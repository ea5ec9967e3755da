"""One context's way from its command topic into the engine: where to read, when to stop, what was done.

Promise   A batch is either applied or read again. Where reading goes on is the lane's business: Kafka's own offsets are
          written for dashboards and never read to go on by; they are only held against the lanes, to notice that the
          books went back.
Invariant Partitions are given up only after the batch in flight is applied or abandoned; nothing is processed between
          an assignment and the seeks to its lanes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeVar

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from consumers.careful import Step, let_lanes_go, steps
from consumers.gate import Gate, GatedConsumer
from consumers.restored import FAR, NEAR, Memory, Recalled, mark, recall, require_in_log
from processor.database import DATABASE_ILL, Connection, Database
from processor.engine import epochs, lanes, layout
from processor.engine.batch import Batch, Part, Reader, Record
from processor.engine.context import Context
from processor.engine.custody import DEATHS_MAX, Custody, Trial, given_up
from processor.engine.failures import Remedy, describe, remedy_for
from processor.engine.lanes import Skipped
from processor.engine.persist import Abandoned, persist
from processor.errors import Fatal, Incident
from processor.faults import reach
from processor.telemetry import frames, logger

_log = logger(__name__)
_COMMIT_S: Final = 5.0
_END_S: Final = 3.0
_RETRY_S: Final = 0.5
_LOOKS: Final = 10

T = TypeVar("T")


class LaneReader(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """Reads one context, of which Kafka remembers *memory*. *on_committed* is called after every batch."""

    def __init__(
        self,
        *,
        context: Context[Any],
        database: Database,
        reader: Reader,
        memory: Memory,
        on_committed: Callable[[Database], Awaitable[None]],
        batch_size_max: int,
    ) -> None:
        self.gate = Gate()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.consumer: GatedConsumer | None = None
        self._context = context
        self._database = database
        self._reader = reader
        self._memory = memory
        self._on_committed = on_committed
        self._custody = Custody(context.name, batch_size_max=batch_size_max)
        self._next: dict[int, int] = {}  # partition -> the offset to read on from
        self._marks: dict[int, str] = {}  # partition -> what is committed to Kafka beside its offset
        self._moved: dict[int, int] = {}  # partition -> an offset of the group that was moved by hand, and looked into
        self._busy = asyncio.Lock()
        self._let_go = asyncio.Event()

    def leave(self) -> None:
        """Abandon the batch in flight if it waits for something, because the process is about to stop."""
        self._let_go.set()

    def fail(self, error: Fatal) -> None:
        """Stop reading for good; whoever waits for ``failed`` learns why."""
        self.gate.close()
        if not self.failed.done():
            self.failed.set_exception(error)

    async def let_go(self) -> None:
        """Say in the books that this run has ended in good order, once nothing is read any more."""
        self._let_go.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S), self._busy:
                await let_lanes_go(self._custody, self._database)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish or abandon the batch in flight before the partitions are given up."""
        self.gate.close()
        self._let_go.set()
        async with self._busy:
            await let_lanes_go(self._custody, self._database)
            _log.info("partitions revoked", context=self._context.name, partitions=_numbers(revoked))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Find out from the lanes where to read, go there, and only then let records through."""
        async with self._busy, self._nothing_swallowed():
            self._let_go.clear()
            try:
                await self._go_to_lanes(list(assigned))
            except Abandoned:
                return
            self.gate.open()
            _log.info("partitions assigned", context=self._context.name, partitions=_numbers(assigned))

    async def handle(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        """Apply what was fetched. Nothing is raised: what cannot be waited out ends the reader."""
        assert self.consumer is not None, "records come from the consumer"
        async with self._busy, self._nothing_swallowed():
            if not self.gate.is_open(self.consumer.fetched_in):
                return
            reach("fetched")
            read_from = dict(self._next)
            for step in steps(records, self._custody.careful_until):
                if not await self._applied(step):
                    break
            if ended := {at: offset for at, offset in self._next.items() if offset > read_from.get(at, offset)}:
                await self._went_on(records[0].topic, ended)
            self._tell_suspects()

    async def _applied(self, step: Step) -> bool:
        """Apply *step*, and say whether what comes behind it may follow; else it is read again."""
        try:
            trial, deaths = await self._begun(step) if step.is_trial else (None, 0)
            batch = self._given_up(step) if deaths >= DEATHS_MAX else self._batch(step.records)
            await persist(self._database, self._context, batch, let_go=self._let_go, trial=trial)
        except Skipped as skipped:
            await self._go_back(skipped)
        except Abandoned:
            self.gate.close()
        else:
            self._next |= {part.partition: part.end for part in batch}
            return True
        return False

    async def _begun(self, step: Step) -> tuple[Trial, int]:
        """Begin the trial of the one record of *step*; return it, and how many runs in a row ended at that record."""
        if self._let_go.is_set():
            raise Abandoned
        trial = self._custody.trial(step.first.partition, step.first.offset)
        return trial, await self._asked(trial.begin)

    @asynccontextmanager
    async def _nothing_swallowed(self) -> AsyncIterator[None]:
        """End the reader by whatever is raised: FastStream and aiokafka would log it and read on past the records."""
        try:
            yield
        except Fatal as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 - see above
            _log.error("the reader ends", context=self._context.name, error=describe(error), at=frames(error))
            self.fail(Fatal(f"{self._context.name} stops: {describe(error)}; look at the log before starting it again"))

    def _batch(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Batch:
        parts: list[Part] = []
        for partition, group in groupby(records, key=lambda record: record.partition):
            read = [_record(each) for each in group]
            parts.append(self._reader.part(partition, self._next[partition], read, topic=records[0].topic))
        return parts

    def _given_up(self, step: Step) -> Batch:
        partition, record = step.first.partition, _record(step.first)
        item = given_up(self._context.name, partition, record)
        return [Part(partition, self._next[partition], [item], step.first.topic)]

    async def _went_on(self, topic: str, ended: Mapping[int, int]) -> None:
        """Tell the relay that there is news, and Kafka up to which offset each partition is applied."""
        with suppress(*DATABASE_ILL):  # the relay polls too
            await self._on_committed(self._database)
        assert self.consumer is not None, "records come from the consumer"
        try:
            positions = {TopicPartition(topic, at): (offset, self._marks[at]) for at, offset in ended.items()}
            await asyncio.wait_for(self.consumer.commit(positions), _COMMIT_S)
        except (KafkaError, TimeoutError) as error:
            _log.warning("Kafka did not take the offsets; its lag is shown too high", error=type(error).__name__)

    async def _go_back(self, skipped: Skipped) -> None:
        """Read again what is not applied, in partitions that were ahead of their lane from where it stands.

        The database may have failed over to a server that lacks commits, which is no less than a restore.
        """
        try:
            await self._require_books_up_to_date()
        except Abandoned:
            self.gate.close()
            return
        _log.warning("reading was ahead of the lanes; going back", context=self._context.name, offsets=skipped.offsets)
        self._next |= skipped.offsets
        self._seek()

    def _tell_suspects(self) -> None:
        """Have the consumer bring little of the partitions whose records are on trial."""
        assert self.consumer is not None, "records come from the consumer"
        until = self._custody.careful_until
        self.consumer.suspects = {
            place for place in self.consumer.assignment() if self._next[place.partition] < until.get(place.partition, 0)
        }

    def _seek(self) -> None:
        """Read every partition on from the end of what is applied."""
        assert self.consumer is not None, "records come from the consumer"
        for place in self.consumer.assignment():
            self.consumer.seek(place, self._next[place.partition])

    async def _go_to_lanes(self, assigned: Sequence[TopicPartition]) -> None:
        assert self.consumer is not None, "set before the group is joined"
        await self._require_layout()
        await self._require_books_up_to_date()
        beginnings = await self.consumer.beginning_offsets(assigned)
        ends = await self.consumer.end_offsets(assigned)
        firsts = {place.partition: offset for place, offset in beginnings.items()}
        name = self._context.name
        self._next = await self._asked(lambda connection: lanes.take_up(connection, name, firsts))
        standing = await self._asked(lambda connection: epochs.standing(connection, name))
        self._marks = {partition: mark(each.epoch) for partition, each in standing.items()}
        for place in assigned:
            offset = self._next[place.partition]
            require_in_log(place, offset, beginnings[place], ends[place])
            self.consumer.seek(place, offset)
        until = {place.partition: offset for place, offset in ends.items()}
        await self._asked(lambda connection: self._custody.take_up(connection, until))
        self._tell_suspects()

    async def _require_layout(self) -> None:
        """Make sure that the topic has as many partitions as the books know of, asking a broker and not our memory."""
        name = self._context.name
        for last in [False] * _LOOKS + [True]:
            if count := await self._partition_count():
                known = await self._asked(partial(layout.known_layout, context=name, partitions=count))
                if count >= known or last:
                    layout.require_layout(name, known, count)
                    return
            await self._pause()  # the door that raised it has seen it; this broker may not yet
        topic = self._memory.topics.commands(name)
        raise Incident(f"Topic {topic} is missing; docs/operations.md says how to go on if it is made again.")

    async def _partition_count(self) -> int:
        assert self.consumer is not None, "set before the group is joined"
        topic = self._memory.topics.commands(self._context.name)
        cluster = await self.consumer._client.fetch_all_metadata()  # noqa: SLF001 - the public way may be minutes old
        return len(cluster.partitions_for_topic(topic) or ())

    async def _require_books_up_to_date(self) -> None:
        """Hold what Kafka remembers against the lanes, which are read after it: they only move forward."""
        name, recalled = self._context.name, await self._recalled(depth=NEAR)
        standing = await self._asked(lambda connection: epochs.standing(connection, name))
        recalled.require_known_to(standing, self._memory)
        moved = recalled.moved_by_hand(standing)
        if moved.items() - self._moved.items():
            recalled = await self._recalled(depth=FAR)
            standing = await self._asked(lambda connection: epochs.standing(connection, name))
            recalled.require_known_to(standing, self._memory)
            self._moved = moved  # a long look may cost the membership; after it has been taken it is not taken again
            _log.warning("the group's offsets were moved forward; reading on from the lanes", context=name, to=moved)

    async def _recalled(self, *, depth: int) -> Recalled:
        """Return what Kafka remembers, waiting for it as long as it takes."""
        while True:
            try:
                return await recall(self._memory, depth=depth)
            except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
                raise Fatal(f"{self._context.name}: a consumer has to read its group and results: {error!r}") from error
            except (KafkaError, OSError) as error:
                _log.warning("Kafka cannot be asked yet", context=self._context.name, error=type(error).__name__)
                await self._pause()

    async def _asked(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what the lanes say, waiting for the database as long as it takes."""
        while True:
            try:
                return await question(await self._database.connection())
            except Exception as error:
                if remedy_for(error) in (Remedy.STOP, Remedy.HALVE):
                    raise Fatal(f"{self._context.name}: the lanes cannot be read: {describe(error)}") from error
                _log.warning("the lanes cannot be read yet", context=self._context.name, error=describe(error))
                self._database.drop()
                await self._pause()

    async def _pause(self) -> None:
        """Wait a moment before asking again, unless the process is about to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._let_go.wait(), _RETRY_S)
            raise Abandoned


def _record(read: ConsumerRecord[bytes, bytes]) -> Record:
    return Record(read.offset, read.timestamp, read.key, read.value, read.headers, read.timestamp_type)


def _numbers(places: Iterable[TopicPartition]) -> list[int]:
    return sorted(place.partition for place in places)
