"""A Kafka consumer that hands out nothing before its gate is open.

aiokafka begins to fetch as soon as partitions are assigned, from wherever the group once committed, and hands that out
even while the listener is still finding out where to read. So records pass only if the gate was open when they were
asked for and is open, for the same assignment, when they have come.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from consumers.header_names import read_any_name
from processor.errors import Fatal, Incident
from processor.telemetry import frames

_TRIED_AT_ONCE: Final = 20

Records = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


class Gate:
    """Open between an assignment that is ready and its end; ``term`` numbers the assignments."""

    def __init__(self) -> None:
        self.term = 0
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Let records through."""
        self._opened.set()

    def close(self) -> None:
        """End this term: nothing that was fetched in it is worth anything."""
        self.term += 1
        self._opened.clear()

    def is_open(self, term: int) -> bool:
        """Say whether *term* still lasts."""
        return self._opened.is_set() and term == self.term

    async def opened(self) -> int:
        """Wait until records may pass, and return the term."""
        await self._opened.wait()
        return self.term


class GatedConsumer(AIOKafkaConsumer):  # type: ignore[misc] # aiokafka ships no types
    """The consumer of one context. *on_fatal* is told of what no waiting mends; the gate stays closed then."""

    def __init__(self, *, gate: Gate, on_fatal: Callable[[Fatal], None], **options: Any) -> None:
        read_any_name()
        super().__init__(**options)
        self._gate = gate
        self._on_fatal = on_fatal
        self.fetched_in = -1  # the term in which the latest records were fetched
        self.suspects: Collection[TopicPartition] = ()  # partitions whose records are tried one by one

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Records:
        """Return what may be processed, by partition; see the module."""
        term = await self._gate.opened()
        try:
            records = await self._some(partitions, timeout_ms, max_records)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            text = f"The log does not hold the next record any more ({error!r}); docs/operations.md says what to do."
            self._give_up(term, Incident(text))
            return {}
        except KafkaError as error:
            if error.retriable:
                raise
            self._give_up(term, Fatal(f"Kafka refuses this consumer: {error!r}"))
            return {}
        except ConsumerStoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - the framework's task would end without a word
            text = f"What Kafka holds cannot be read: {type(error).__name__} at {frames(error)}; report it."
            self._give_up(term, Fatal(text))
            return {}
        self.fetched_in = term
        return records if self._gate.is_open(term) else {}

    async def _some(self, partitions: Sequence[TopicPartition], timeout_ms: int, max_records: int | None) -> Records:
        """Return what has come; few records of suspect partitions, so that the others have their turn between."""
        if not self.suspects:
            everything: Records = await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
            return everything
        calm = [place for place in partitions or self.assignment() if place not in self.suspects]
        found: Records = await super().getmany(*calm, timeout_ms=0, max_records=max_records) if calm else {}
        left_ms = 0 if found else timeout_ms
        tried: Records = await super().getmany(*self.suspects, timeout_ms=left_ms, max_records=_TRIED_AT_ONCE)
        return found | tried

    def _give_up(self, term: int, error: Fatal) -> None:
        if self._gate.is_open(term):  # else it is about partitions that were to be read from elsewhere
            self._gate.close()
            self._on_fatal(error)
