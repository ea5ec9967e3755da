"""What a relay writes, written by hand: results and what only looks like them."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from consumers.results import Received, ResultSubscriber
from contracts.accounts import AccountRejected
from contracts.envelope import Frame, encode_result, type_of

CONTEXT = "ledger"


@dataclass(kw_only=True)
class Teller:
    """Writes to one topic."""

    producer: AIOKafkaProducer
    topic: str

    async def tell(self, *sequences: int, lane: int = 0, epoch: int = 1, partition: int = 0, answer: str = "") -> None:
        """Tell results that are known by their *sequences*; *answer* is the id, where they repeat one."""
        for sequence in sequences:
            headers = {
                "ce_id": answer or f"{epoch}-{lane}-{sequence}",
                "ce_type": type_of(AccountRejected),
                "partita_lane": lane,
                "partita_epoch": epoch,
                "ce_sequence": sequence,
            }
            await self.write(result(sequence, replayed=bool(answer)), partition=partition, **headers)

    async def write(self, value: bytes | None, *, partition: int = 0, **headers: Any) -> None:
        encoded = [(name, str(text).encode()) for name, text in headers.items()]
        await self.producer.send_and_wait(self.topic, value, key=b"A", partition=partition, headers=encoded)


def result(number: int, *, command_id: str = "c", replayed: bool = False) -> bytes:
    """Return a refusal that says its *number*."""
    event = AccountRejected(code="account_closed", reason="closed", details={"number": number})
    return encode_result(
        event, Frame(command_id=command_id, command_type="account.freeze", occurred_at="", replayed=replayed)
    )


def numbers(received: Iterable[Received]) -> list[int]:
    """Return the numbers that typed results say."""
    events = [one.result.event for one in received]
    return [event.details["number"] for event in events if isinstance(event, AccountRejected)]


async def read(subscriber: ResultSubscriber, number: int) -> list[Received]:
    async with asyncio.timeout(30):
        return [await anext(subscriber) for _ in range(number)]
