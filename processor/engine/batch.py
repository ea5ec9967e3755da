"""A micro-batch: what was read from each partition, understood once however often it is run.

Invariant The parts of a batch are prefixes of what their partitions hold, in offset order; partitions differ. So any
          batch may be cut into two that are run one after the other.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from contracts.catalog import Catalog
from contracts.envelope import Command, TextHash, fingerprint, type_of
from contracts.ids import uuid_bytes
from contracts.invalid import NotUnderstood


class Record(Struct, frozen=True):
    """One record as Kafka gave it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Ask(Struct, frozen=True):
    """A record that is a command, with everything about it that no rule or row can change."""

    record: Record
    command: Command
    command_type: str
    command_id: bytes
    key: str
    fingerprint: bytes

    @property
    def wrong_key(self) -> bool:
        """Say whether the record came under another key than the command's own."""
        return self.record.key != self.key.encode()


class Garbled(Struct, frozen=True):
    """A record that is no command, or one that cannot be decided or stored, and why."""

    record: Record
    reason: str


class Part(Struct, frozen=True):
    """What was read from one partition, from offset *start* on. Offsets may have gaps; what was read has none."""

    partition: int
    start: int
    items: Sequence[Ask | Garbled]

    @property
    def end(self) -> int:
        """Return the offset to go on from."""
        return self.items[-1].record.offset + 1 if self.items else self.start


Batch = Sequence[Part]


class Reader:
    """Understands the records of one context."""

    def __init__(self, *, context: str, catalog: Catalog, hashed: TextHash) -> None:
        self._context = context
        self._catalog = catalog
        self._hashed = hashed

    def part(self, partition: int, start: int, records: Iterable[Record]) -> Part:
        """Return *records* of one partition as commands, or as what is wrong with them."""
        return Part(partition, start, [self._item(record) for record in records])

    def _item(self, record: Record) -> Ask | Garbled:
        command = self._catalog.understand(self._context, record.value)
        if isinstance(command, NotUnderstood):
            return Garbled(record, command.reason)
        return Ask(
            record,
            command,
            type_of(command),
            uuid_bytes(command.command_id),
            self._catalog.key_of(command),
            fingerprint(command, self._hashed),
        )


def size(batch: Batch) -> int:
    """Return the number of records in *batch*."""
    return sum(len(part.items) for part in batch)


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Cut *batch* into two that may be run one after the other: a prefix of each partition, and what remains."""
    left = size(batch) // 2
    first: list[Part] = []
    second: list[Part] = []
    for part in batch:
        taken = min(left, len(part.items))
        left -= taken
        head = Part(part.partition, part.start, part.items[:taken])
        first += [head] if taken else []
        second += [Part(part.partition, head.end, part.items[taken:])] if taken < len(part.items) else []
    return first, second


def as_garbled(batch: Batch, reason: str) -> Batch:
    """Return a batch of one record with that record given up as undecidable."""
    (part,) = batch
    (item,) = part.items
    return [Part(part.partition, part.start, [Garbled(item.record, reason)])]
