"""The switches of the consumer: each takes one defence away from this process, for consumers that start afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from faststream.kafka import KafkaBroker

from consumers import gate as gate_module
from consumers import loop, restored
from consumers.gate import Gate, GatedConsumer
from processor.database import Connection


async def gate(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Whatever was fetched is handed out."""

    async def at_once(self: Gate) -> int:
        return self.term

    patch.setattr(Gate, "opened", at_once)
    patch.setattr(Gate, "is_open", lambda _self, _term: True)


async def seek_to_lanes(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """Reading goes on from where the group stands."""
    patch.setattr(GatedConsumer, "seek", lambda *_: None)


async def manual_acknowledgement(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """FastStream acknowledges by its own policy."""
    patch.setattr(loop, "KafkaBroker", _broker_without("ack_policy"))


async def own_header_parser(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """FastStream reads headers by its own parser."""
    patch.setattr(loop, "KafkaBroker", _broker_without("parser"))


def _broker_without(name: str) -> Callable[..., KafkaBroker]:
    """Return what makes a broker whose subscribers have FastStream's default instead of our *name*."""

    class Defaulting(KafkaBroker):
        def subscriber(self, *topics: Any, **options: Any) -> Any:
            del options[name]
            return super().subscriber(*topics, **options)

    return Defaulting


async def any_header_name(patch: pytest.MonkeyPatch, _: Connection) -> None:
    """aiokafka reads what was fetched by its own decoder, which takes names to be UTF-8."""
    for module in (gate_module, restored):
        patch.setattr(module, "read_any_name", lambda: None)
    patch.setattr(fetcher, "MemoryRecords", MemoryRecords)
