"""A running system with its doors, and a way to send it what is no command."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from contracts.catalog import Topics
from contracts.ids import uuid_bytes
from processor.database import Connection

if TYPE_CHECKING:
    import subprocess

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Headers = list[tuple[str, bytes | None]]
WITHIN_S = 30.0


class Letters:
    """A running system, its doors, and a way to send it what is no command."""

    def __init__(self, door: Run, settings: Mapping[str, str], connection: Connection) -> None:
        self._door = door
        self._settings = settings
        self.connection = connection
        self.topic = Topics(prefix=settings["PARTITA_TOPIC_PREFIX"]).commands("ledger")

    def at(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return self._door("dead-letters", *arguments, settings={**self._settings, **more})

    def door(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._door(*arguments, settings=self._settings)

    async def send(self, value: bytes | None, *, key: bytes | None = b"k", headers: Headers | None = None) -> str:
        """Publish a record, wait until it is applied, and return its place."""
        producer = AIOKafkaProducer(bootstrap_servers=self._settings["PARTITA_KAFKA_BOOTSTRAP"])
        await producer.start()
        lies = await producer.send_and_wait(self.topic, value, key=key, headers=headers or [])
        await producer.stop()
        await self.until(
            "SELECT next_offset > $1 FROM lane WHERE context = 'ledger' AND partition = $2", lies.offset, lies.partition
        )
        return f"ledger/{lies.partition}/{lies.offset}"

    async def until(self, question: str, *arguments: object) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not await self.connection.fetchval(question, *arguments):  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.02)

    async def until_answered(self, command_id: str, answer: str) -> None:
        await self.until(
            "SELECT EXISTS (SELECT FROM event WHERE command_id = $1 AND kind = 1 AND type = $2)",
            *(uuid_bytes(command_id), answer),
        )

    def shown(self, place: str) -> dict[str, Any]:
        done = self.at("show", place, "--json")
        assert done.returncode == 0, done.stderr
        letter: dict[str, Any] = json.loads(done.stdout)
        return letter
