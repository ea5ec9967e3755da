"""What was published is told apart by topic, too: offsets of one context mean nothing in another."""

import asyncio

from aiokafka.structs import RecordMetadata, TopicPartition

from consumers.results import Received, ResultSubscriber
from contracts.catalog import Catalog
from partita.exchange import Exchange, Published
from producers.commands import CommandPublisher

CATALOG = Catalog()


def published(command_id: str, command_type: str, topic: str) -> Published:
    place: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
    place.set_result(RecordMetadata(topic, 3, TopicPartition(topic, 3), 17, -1, 0, 0))
    return Published(command_id=command_id, command_type=command_type, at=0.0, acknowledgement=place)


def dead_letter(topic: str) -> Received:
    return Received(
        topic=f"{topic}-dlt",
        partition=3,
        offset=0,
        key=None,
        value=b"{",
        headers={"dlq-topic": topic.encode(), "dlq-partition": b"3", "dlq-offset": b"17"},
        timestamp_ms=0,
        is_dead_letter=True,
        catalog=CATALOG,
    )


async def test_a_dead_letter_is_the_record_at_its_place_in_its_own_topic() -> None:
    market = Exchange(CommandPublisher("nowhere"), ResultSubscriber("nowhere"), CATALOG)
    market._waiting.add(published("a", "transfer.make", "ledger.commands.v1"))
    market._waiting.add(published("b", "expense.add", "expenses.commands.v1"))

    await market._settle_all([dead_letter("expenses.commands.v1")], 0.0)

    assert ([sent.command_id for sent in market._waiting], market._tally.dead) == (["a"], 1)
