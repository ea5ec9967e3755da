"""Commands sent by the test itself, record by record where it wants them, and what became of them."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.system import wire
from tests.system.installation import PATIENCE_S, Installation

KEYS = ("user_id", "account_id", "source_account_id", "product", "base")
SETTLED = """
    SELECT coalesce(sum(lane.records), 0) = $1 AND coalesce(sum(next_seq - 1 - coalesce(sent, 0)), 0) = 0
      FROM lane LEFT JOIN relay_position USING (lane_no)
"""


def raw(command: Mapping[str, Any], *, partition: int = 0) -> wire.Raw:
    """Return the record of *command*, as a sender of any kind would write it."""
    key = next(str(command[name]) for name in KEYS if name in command).encode()
    return wire.Raw(key=key, value=json.dumps(command).encode(), partition=partition)


async def send(at: Installation, commands: Sequence[Mapping[str, Any]], *, partition: int = 0) -> None:
    """Send *commands*, in order, and wait for no more than the broker's word."""
    async with wire.producing(at.kafka) as producer:
        topic = at.topics.commands(at.context)
        await wire.send(producer, topic, [raw(each, partition=partition) for each in commands])


async def until(at: Installation, question: str, *arguments: object) -> None:
    """Ask the books until they say yes."""
    async with at.asking() as connection, asyncio.timeout(PATIENCE_S):
        while not await connection.fetchval(question, *arguments):  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)


async def until_applied(at: Installation, records: int) -> None:
    await until(at, "SELECT coalesce(sum(records), 0) >= $1 FROM lane", records)


async def until_settled(at: Installation, records: int) -> None:
    """Wait until so many records are applied in all, and everything is published."""
    await until(at, SETTLED, records)


async def summed_up(at: Installation) -> dict[str, Any]:
    """Return what ``publish --wait`` would say of everything that was sent, from the topics and the books."""
    told = [received.fields for received in await at.results()]
    ((dead,),) = await at.fetch("SELECT count(*) FROM dead_letter")
    return {
        "published": len(await at.records()),
        "answers": Counter(fields["type"] for fields in told if "code" not in fields),
        "refused": Counter(fields["code"] for fields in told if "code" in fields),
        "dead": dead,
    }


async def lasting(seconds: float) -> None:
    """Let a fault last."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)  # the fault itself, not a way to wait
    await over.wait()
