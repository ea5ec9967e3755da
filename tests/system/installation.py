"""An installation of its own on the run's servers: a database, topics, and roles as processes that may be killed."""

import json
import os
import queue
import re
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.results import Received, ResultSubscriber
from contracts.catalog import Topics
from contracts.specs import LEDGER
from processor.database import Connection, connect
from tests.processes import PIPE, Process, run
from tests.system import wire

PATIENCE_S = 100.0


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Where everything is, and the doors to it."""

    kafka: str
    database_url: str
    prefix: str
    partitions: int
    folder: Path
    context: str = LEDGER  # the only one whose roles run, and of whose commands ``publish`` knows
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def topics(self) -> Topics:
        return Topics(prefix=self.prefix)

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
        own = {
            "PARTITA_KAFKA_BOOTSTRAP": self.kafka,
            "PARTITA_DATABASE_URL": self.database_url,
            "PARTITA_TOPIC_PREFIX": self.prefix,
        }
        return {**inherited, **own, **self.settings, **more}

    def door(self, *arguments: str, within_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run one door to its end."""
        return run(arguments, env=self.environment(), within_s=within_s)

    def publish(self, name: str, commands: Sequence[Mapping[str, Any]], *, rate: int = 0) -> "Publishing":
        """Publish *commands* by the door, so many a second, and wait for their answers in another process."""
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(command) + "\n" for command in commands), encoding="utf-8")
        return Publishing(self, path, rate)

    @contextmanager
    def role(self, *roles: str, **more: str) -> Iterator["Role"]:
        """Run *roles* in one process until the block ends; it must end well unless it was meant to die."""
        process = Role(self, roles, more)
        try:
            yield process
        finally:
            process.end()

    async def results(self) -> list[Received]:
        """Return all results that the topic holds now, as a subscriber reads them from the beginning."""
        topic, ends = self.topics.results(self.context), await self._ends()
        received: list[Received] = []
        async with ResultSubscriber(
            self.kafka, contexts=[self.context], topics=self.topics, from_beginning=True, repeats=True
        ) as subscriber:
            places = json.loads(subscriber.position)[topic]
            while any(places[str(each.partition)]["next_offset"] < end for each, end in ends.items()):
                received += await subscriber.poll(1.0)
                places = json.loads(subscriber.position)[topic]
        return received

    async def answered(self) -> dict[str, list[str]]:
        """Return the types of results by command id."""
        told: dict[str, list[str]] = {}
        for received in await self.results():
            told.setdefault(received.fields["command_id"], []).append(received.fields["type"])
        return told

    async def results_sent(self) -> int:
        """Return how many records the result topic holds, repeats and all."""
        return sum((await self._ends()).values())

    async def _ends(self) -> dict[TopicPartition, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
        await consumer.start()
        try:
            topic = self.topics.results(self.context)
            places = [TopicPartition(topic, number) for number in range(self.partitions)]
            ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
            return ends
        finally:
            await consumer.stop()

    async def records(self) -> list[tuple[int, int, bytes | None]]:
        """Return the command topic as (partition, offset, value)."""
        read = await wire.read(self.kafka, self.topics.commands(self.context), self.partitions)
        return [(record.partition, record.offset, record.value) for record in read]

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Connection]:
        """Hand out a session of the test's own."""
        connection = await connect(self.database_url, role="test")
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        async with self.asking() as connection:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]

    async def books(self) -> str:
        """Return one hash over every account and entry row, with the transaction that wrote it."""
        ((digest,),) = await self.fetch(
            "SELECT md5(string_agg(line, '' ORDER BY line)) FROM ("
            " SELECT account::text || xmin::text AS line FROM account"
            " UNION ALL SELECT entry::text || xmin::text FROM entry)"
        )
        return str(digest)

    async def balances(self) -> dict[str, int]:
        """Return the customers' balances in minor units."""
        rows = await self.fetch("SELECT account_id, ledger_minor FROM account WHERE lane_no = 0")
        return {row[0]: row[1] for row in rows}


class Publishing:
    """A ``partita publish --wait`` that runs beside the test."""

    def __init__(self, at: Installation, path: Path, rate: int) -> None:
        pace = ("--rate", str(rate), "--timeout", str(round(PATIENCE_S)))
        arguments = ["publish", str(path), "--context", at.context, "--wait", *pace]
        self._process = Process(arguments, env=at.environment(), stdout=PIPE, stderr=PIPE)

    def result(self) -> dict[str, Any]:
        """Wait for all answers, and return the line that sums them up."""
        out, err = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, err + out
        summary: dict[str, Any] = json.loads(out.splitlines()[-1])
        return summary


class Role:
    """A process of ``partita run``, every line of which can be waited for; a failed test quotes them."""

    def __init__(self, at: Installation, roles: Sequence[str], more: Mapping[str, str]) -> None:
        self._process = Process(["run", *roles, "--context", at.context], env=at.environment(**more), stderr=PIPE)
        self._lines: queue.Queue[str] = queue.Queue()
        self._said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None, "it is a pipe"
        with self._process.stderr as lines:
            for line in lines:
                self._said.append(line)
                self._lines.put(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """Return what the process has said so far."""
        return "".join(self._said)

    def says(self, pattern: str) -> None:
        """Wait until the process says a line that *pattern* is found in."""
        while not re.search(pattern, self._lines.get(timeout=PATIENCE_S)):
            pass

    def died(self) -> str:
        """Wait until the process is dead by SIGKILL, and return what it said before."""
        assert self._process.wait(PATIENCE_S) == -9, self.log
        self._listener.join(PATIENCE_S)
        return self.log

    def gave_up(self) -> str:
        """Wait until the process has ended by itself, with the code of an incident, and return what it said."""
        assert self._process.wait(PATIENCE_S) == 2, self.log
        self._listener.join(PATIENCE_S)
        return self.log

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            assert self._process.wait(PATIENCE_S) == 0, self.log
        self._listener.join(PATIENCE_S)
