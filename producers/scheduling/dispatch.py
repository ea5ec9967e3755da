"""The scheduler's way to Kafka: commands to the topic of their context, each under its own key.

Promise   What ``send`` returns for is acknowledged by all in-sync replicas, in the order of the commands for each key.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaTimeoutError

from contracts.catalog import Catalog, Topics
from contracts.envelope import Command, encode_command
from producers.kafka import abandon, started
from producers.scheduling.in_flight import Lies

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

ACKS_S: Final = 30.0


class Dispatch:
    """Sends commands of one *context*, and opens its producer when there is the first to send."""

    def __init__(self, bootstrap: str, *, catalog: Catalog, topics: Topics, context: str) -> None:
        self._bootstrap = bootstrap
        self._catalog = catalog
        self._topic = topics.commands(context)
        self._client_id = f"partita scheduler {context}"
        self._producer: AIOKafkaProducer | None = None

    async def send(self, commands: Sequence[Command]) -> list[Lies]:
        """Send *commands* and return where each lies.

        Raises:
            KafkaError: Not all were acknowledged; some may have arrived. ``drop`` before the next try.
        """
        if not commands:
            return []
        if self._producer is None:
            self._producer = await started(self._bootstrap, client_id=self._client_id)
        try:
            async with asyncio.timeout(ACKS_S):
                waiting = [await self._handed(self._producer, command) for command in commands]
                return [Lies(told.partition, told.offset) for told in await asyncio.gather(*waiting)]
        except TimeoutError as error:
            raise KafkaTimeoutError(f"not everything was acknowledged within {ACKS_S:g} s") from error

    async def _handed(self, producer: "AIOKafkaProducer", command: Command) -> "asyncio.Future[Lies]":
        key = self._catalog.key_of(command.canonical()).encode()
        acknowledged: asyncio.Future[Lies] = await producer.send(self._topic, encode_command(command), key)
        return acknowledged

    async def drop(self) -> None:
        """Give the producer up; the next command opens another."""
        doomed, self._producer = self._producer, None
        if doomed is not None:
            await abandon(doomed)
