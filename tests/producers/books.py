"""Books written by hand: lanes and events as the engine would leave them, without the engine."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumers.results import Received, ResultSubscriber
from contracts.catalog import Topics
from contracts.headers import Headers
from contracts.ids import uuid_bytes
from processor.database import Connection, Database
from processor.engine.dead_letters import packed_headers
from producers.relay import Relay

WITHIN_S = 30.0
RECEIVED_MS = 1_700_000_000_123
OCCURRED_AT = datetime(2024, 5, 6, 7, 8, 9, 12, tzinfo=UTC)


@dataclass
class Lane:
    """A lane, and the tellers of its events."""

    connection: Connection
    context: str
    partition: int
    lane_no: int
    seq: int = 0

    async def answer(self, key: str, payload: bytes, *, command_id: str, headers: bytes | None = None) -> int:
        return await self._event(1, key, payload, command_id=command_id, headers=headers)

    async def repeat(self, key: str, *, command_id: str) -> int:
        return await self._event(2, key, None, command_id=command_id)

    async def dead_letter(
        self,
        reason: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers = (),
        command_id: str | None = None,
        stored: bool = True,
    ) -> None:
        named = uuid_bytes(command_id) if command_id else None
        async with self.connection.transaction():
            seq = await self._event(5, "", None, command_id=None)
            if stored:
                await self.connection.execute(
                    "INSERT INTO dead_letter (lane_no, seq, code, reason, path, key, value, headers, command_id,"
                    " timestamp_ms, timestamp_type)"
                    " VALUES ($1, $2, 'field_invalid', $3, '$.amount', $4, $5, $6, $7, $8, 1)",
                    *(self.lane_no, seq, reason, key, value, packed_headers(headers), named, RECEIVED_MS),
                )

    async def answers(self, keys: Sequence[str], *, bytes_each: int = 300) -> None:
        """Add one answer per key, all in one statement and one commit."""
        first, self.seq = self.seq + 1, self.seq + len(keys)
        seqs = list(range(first, self.seq + 1))
        filler = b"x" * bytes_each
        async with self.connection.transaction():
            await self.connection.execute(
                "INSERT INTO event"
                " SELECT $1, seq, 1, 100 + seq, $2, id, id, $3, key, 'transfer.posted', payload, '\\x00'"
                " FROM unnest($4::bigint[], $5::text[], $6::bytea[], $7::uuid[]) AS u(seq, key, payload, id)",
                self.lane_no,
                OCCURRED_AT,
                self.context,
                seqs,
                list(keys),
                [b'{"n":%d,"f":"%b","replayed":false}' % (seq, filler) for seq in seqs],
                [secrets.token_bytes(16) for _ in seqs],
            )
            await self._forward()

    async def _event(
        self, kind: int, key: str, payload: bytes | None, *, command_id: str | None, headers: bytes | None = None
    ) -> int:
        self.seq += 1
        event_id = uuid_bytes(command_id)[::-1] if command_id else secrets.token_bytes(16)
        async with self.connection.transaction():
            await self.connection.execute(
                "INSERT INTO event VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                self.lane_no,
                self.seq,
                kind,
                100 + self.seq,
                OCCURRED_AT,
                event_id,
                uuid_bytes(command_id) if command_id else None,
                self.context,
                key,
                "transfer.posted" if key else "",
                payload,
                b"\x00" if kind == 1 else None,
                headers,
            )
            await self._forward()
        return self.seq

    async def _forward(self) -> None:
        await self.connection.execute("UPDATE lane SET next_seq = $2 WHERE lane_no = $1", self.lane_no, self.seq + 1)

    async def sent(self) -> int:
        """Return how far the relay says it has published."""
        found = await self.connection.fetchval("SELECT sent FROM relay_position WHERE lane_no = $1", self.lane_no)
        return int(found or 0)


@dataclass(frozen=True, kw_only=True)
class Books:
    """One context: its lanes, its topics, and relays for it."""

    connection: Connection
    database_url: str
    kafka: str
    topics: Topics
    context: str

    async def lane(self, partition: int, *, epoch: int = 1) -> Lane:
        lane_no = await self.connection.fetchval(
            "INSERT INTO lane (context, partition, epoch, start_offset, next_offset)"
            " VALUES ($1, $2, $3, 0, 0) RETURNING lane_no",
            self.context,
            partition,
            epoch,
        )
        return Lane(self.connection, self.context, partition, lane_no)

    def relay(
        self,
        *,
        role: str = "relay",
        page_size: int = 2000,
        poll_s: float = 0.02,
        kafka: str = "",
        wake: asyncio.Event | None = None,
    ) -> Relay:
        return Relay(
            database=Database(self.database_url, role=f"{role} {self.context}"),
            bootstrap=kafka or self.kafka,
            topics=self.topics,
            context=self.context,
            page_size=page_size,
            poll_s=poll_s,
            wake=wake,
        )

    def subscriber(self) -> ResultSubscriber:
        return ResultSubscriber(
            self.kafka,
            contexts=[self.context],
            topics=self.topics,
            from_beginning=True,
            repeats=True,
            dead_letters=True,
        )

    async def told(self, number: int) -> list[Received]:
        """Read from the beginning until *number* records have come, repeats by the relay left out."""
        async with asyncio.timeout(WITHIN_S), self.subscriber() as subscriber:
            received: list[Received] = []
            while len(received) < number:
                received += await subscriber.poll(1.0)
            return received

    async def on_topics(self) -> int:
        """Return how many records lie on the topics, repeats by the relay included."""
        async with self.subscriber() as subscriber:
            consumer = subscriber._consumer
            assert consumer is not None
            ends = await consumer.end_offsets(list(consumer.assignment()))
        return sum(ends.values())

    async def configure_results(self, **settings: int) -> None:
        """Change settings of the result topic; what a name has as ``_`` is a dot."""
        await self.configure(self.topics.results(self.context), **settings)

    async def configure(self, name: str, **settings: int) -> None:
        """Change settings of a topic, and wait until the broker knows them."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            configs = {name.replace("_", "."): str(value) for name, value in settings.items()}
            topic = ConfigResource(ConfigResourceType.TOPIC, name, configs=configs)
            await admin.alter_configs([topic])
            async with asyncio.timeout(WITHIN_S):
                while not configs.items() <= (await _settings(admin, name)).items():  # noqa: ASYNC110 - it rings no bell
                    await asyncio.sleep(0.01)
        finally:
            await admin.close()

    async def until(self, question: str, *arguments: object) -> None:
        """Ask the database until it says yes."""
        async with asyncio.timeout(WITHIN_S):
            while not await self.connection.fetchval(question, *arguments):  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.01)

    async def end_session(self, role: str) -> None:
        """End the relay's session as an administrator would, and wait until it is gone."""
        ended = await self.connection.fetchval(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE application_name = $1",
            f"partita {role} {self.context}",
        )
        assert ended == 1

    async def until_session_after(self, role: str, moment: datetime) -> None:
        """Wait until the relay has opened a session later than *moment*."""
        await self.until(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND backend_start > $2)",
            f"partita {role} {self.context}",
            moment,
        )

    async def until_tried(self, role: str) -> None:
        """Wait until the relay of that *role* has asked for the lead."""
        await self.until(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND query LIKE '%try_advisory%'"
            " AND state = 'idle')",
            f"partita {role} {self.context}",
        )


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    """Run a relay for the length of a block, then stop it cleanly."""
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(WITHIN_S):
            await task


@asynccontextmanager
async def stubborn_door(kafka: str, *, refusals: int) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Stand before the broker: close so many connections at once, then let everything through."""
    host, port = kafka.rsplit(":", 1)
    refused, left = asyncio.Event(), refusals

    async def let_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            writer.close()
            return
        refused.set()
        broker_reader, broker_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pipe(reader, broker_writer), _pipe(broker_reader, writer))

    server = await asyncio.start_server(let_through, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", refused
    finally:
        server.close()


async def _settings(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for entry in answer.resources[0][4]}


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while some := await source.read(65536):
        sink.write(some)
        await sink.drain()
    sink.close()
