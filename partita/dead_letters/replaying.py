"""Replays: dead letters sent again to the topic they came from, as they were or mended.

Promise   What is sent is a command by the very rules a consumer reads by; anything else is refused and says why. Every
          replay can be found in ``dead_letter_replay``: the intent is committed before anything is published and where
          it went is added in a second row, so that a crash in between leaves an intent that nobody has seen arrive. One
          row written afterwards would hide it, one written before would claim what may not have happened; and the table
          is append-only, so one row cannot be both. A replay that is repeated for that reason does no harm: its command
          id is remembered.
Cost      Two commits and one wait for Kafka per page of dead letters.
Bound     One page in memory.
"""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts.envelope import TextHash
from partita.app import App
from partita.dead_letters.letters import Letter, Place
from partita.dead_letters.mending import Mend, NotMended
from processor.database import Connection, named_queries
from processor.engine.batch import Garbled, Reader, Record
from processor.engine.dead_letters import publishable
from processor.errors import PartitaError, kafka_unreachable
from processor.faults import reach
from producers.kafka import abandon, require_topics, started

REPLAY_OF: Final = "partita_replay_of"
MASKED: Final = "A social security number is masked in it, or its user was erased; mend it with --edit or --filter."

_SQL: Final = named_queries("partita.dead_letters", "dead_letters.sql")


class NotSent(PartitaError):
    """Kafka did not take a replay."""


@dataclass(frozen=True, kw_only=True)
class Mending:
    """What is mended on the way: the value, and the key. Without either a record is sent as it came."""

    value: Mend | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A dead letter that was not sent, because it is still no command."""

    place: Place
    code: str
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A dead letter that was sent; *partition* and *offset* are None if it was only tried."""

    place: Place
    topic: str
    partition: int | None = None
    offset: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Ready:
    letter: Letter
    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def intent(self) -> tuple[Any, ...]:
        letter = self.letter
        is_mended = (self.key, self.value) != (letter.key, letter.value)
        hashes = (self.key if self.key is None else sha256(self.key).digest(), sha256(self.value).digest())
        return (letter.lane_no, letter.seq, self.topic, is_mended, *hashes, _caller())


class Replayer:
    """Sends dead letters of *app* again; without a *producer* it only says what would become of them."""

    def __init__(
        self, app: App, connection: Connection, mending: Mending, *, producer: AIOKafkaProducer | None
    ) -> None:
        self._topics = app.topics
        self._connection = connection
        self._mending = mending
        self._producer = producer
        self._readers = {
            context.name: Reader(context=context.name, catalog=context.catalog_at(app.topics), hashed=TextHash(b""))
            for context in app.contexts
        }

    async def replay(self, letters: Sequence[Letter]) -> list[Sent | Refused]:
        """Send what of *letters* is a command, and return what became of each, in their order.

        Raises:
            NotSent: Kafka did not take one; what it took is recorded.
        """
        judged = [self._judged(letter) for letter in letters]
        ready = [each for each in judged if isinstance(each, _Ready)]
        sent = await self._published(ready) if self._producer else [_tried(each) for each in ready]
        outcomes = iter(sent)
        return [each if isinstance(each, Refused) else next(outcomes) for each in judged]

    def _judged(self, letter: Letter) -> "_Ready | Refused":
        try:
            value = self._mending.value(letter.value) if self._mending.value else letter.value
        except NotMended as error:
            return Refused(place=letter.place, code="not_mended", path="$", reason=str(error))
        if letter.masked and value == letter.value:
            return Refused(place=letter.place, code="masked", path="$", reason=MASKED)
        key = letter.key if self._mending.key is None else self._mending.key.encode()
        headers = [*letter.headers, (REPLAY_OF, str(letter.place).encode())]
        item = self._readers[letter.place.context].read(Record(letter.place.offset, 0, key, value, headers))
        if isinstance(item, Garbled):
            return Refused(place=letter.place, code=item.why.code, path=item.why.path, reason=item.why.reason)
        if value != letter.value and self._mending.key is None:
            key = item.key.encode()
        topic = self._topics.commands(letter.place.context)
        assert value is not None, "a command has a value"
        return _Ready(letter=letter, topic=topic, key=key, value=value, headers=publishable(headers))

    async def _published(self, ready: Sequence["_Ready"]) -> list[Sent]:
        async with self._connection.transaction():
            intents = [await self._connection.fetchval(_SQL["intend"], *each.intent) for each in ready]
        arrivals = await self._arrivals(ready)
        reach("replay_sent")
        arrived = [(no, at) for no, at in zip(intents, arrivals, strict=True) if not isinstance(at, BaseException)]
        async with self._connection.transaction():
            await self._connection.executemany(_SQL["complete"], [(no, at.partition, at.offset) for no, at in arrived])
        return [_sent(each, at) for each, at in zip(ready, arrivals, strict=True)]

    async def _arrivals(self, ready: Sequence["_Ready"]) -> list[Any]:
        """Send all of *ready*, and return where each lies, or why Kafka did not take it."""
        assert self._producer is not None, "what is only tried is not sent"
        sending = [
            self._producer.send(each.topic, each.value, key=each.key, headers=list(each.headers)) for each in ready
        ]
        handed_over = await asyncio.gather(*sending, return_exceptions=True)
        waiting = [_failed(each) if isinstance(each, BaseException) else each for each in handed_over]
        return await asyncio.gather(*waiting, return_exceptions=True)


@asynccontextmanager
async def replayer(app: App, connection: Connection, mending: Mending, *, dry_run: bool) -> AsyncIterator[Replayer]:
    """Make what sends dead letters again, connected with Kafka unless it is only tried.

    Raises:
        NotPrepared: Kafka cannot be reached, or a command topic is missing.
    """
    if dry_run:
        yield Replayer(app, connection, mending, producer=None)
        return
    bootstrap = app.settings.kafka_bootstrap
    await require_topics(bootstrap, [app.topics.commands(context.name) for context in app.contexts])
    try:
        producer = await started(bootstrap, client_id="partita replay")
    except (KafkaError, OSError) as error:
        raise kafka_unreachable(bootstrap, error) from error
    try:
        yield Replayer(app, connection, mending, producer=producer)
    finally:
        await abandon(producer)


def _sent(ready: _Ready, at: Any) -> Sent:
    if isinstance(at, BaseException):
        raise NotSent(f"Kafka does not take the replay of {ready.letter.place} ({at}).") from at
    return Sent(place=ready.letter.place, topic=ready.topic, partition=at.partition, offset=at.offset)


def _tried(ready: _Ready) -> Sent:
    return Sent(place=ready.letter.place, topic=ready.topic)


async def _failed(error: BaseException) -> None:
    raise error


def _caller() -> str:
    """Return the name of the account that called, as the machine knows it and the environment cannot change it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
