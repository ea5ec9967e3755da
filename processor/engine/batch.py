"""A micro-batch: what was read from each partition, understood once however often it is run.

Invariant The parts of a batch are prefixes of what their partitions hold, in offset order; partitions differ. So any
          batch may be cut into two that are run one after the other.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from contracts import headers
from contracts.catalog import Catalog
from contracts.envelope import Command, TextHash, fingerprint
from contracts.headers import NOTHING, Headers, Said
from contracts.ids import uuid_bytes
from contracts.invalid import NotUnderstood


class TimestampType(IntEnum):
    """Who gave a record its time, as Kafka numbers it."""

    CREATE = 0  # its sender
    LOG_APPEND = 1  # the broker


class Record(Struct, frozen=True, gc=False):
    """One record as Kafka gave it. What is not UTF-8 in a header's name is there as ``surrogateescape`` writes it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_type: int = TimestampType.CREATE


class Ask(Struct, frozen=True, gc=False):
    """A record that is a command, with everything about it that no rule or row can change."""

    record: Record
    command: Command
    command_type: str
    command_id: bytes
    key: str
    fingerprint: bytes
    said: Said = NOTHING

    @property
    def wrong_key(self) -> bool:
        """Say whether the record came under another key than the command's own."""
        return self.record.key != self.key.encode()

    @property
    def header_mismatch(self) -> bool:
        """Say whether the record's headers name another command than its body."""
        return _disagree(self.said, self.command.command_id, self.command_type)


class Garbled(Struct, frozen=True):
    """A record that is no command, or one that cannot be decided or stored, and why."""

    record: Record
    why: NotUnderstood
    said: Said = NOTHING

    @property
    def header_mismatch(self) -> bool:
        """Say whether the record's headers name another command than its body, as far as that can be read."""
        return _disagree(self.said, self.why.command_id or self.said.id, self.why.type or self.said.type)


class Part(Struct, frozen=True):
    """What was read from one partition of *topic*, from offset *start* on.

    Offsets may have gaps; what was read has none.
    """

    partition: int
    start: int
    items: Sequence[Ask | Garbled]
    topic: str = ""

    @property
    def end(self) -> int:
        """Return the offset to go on from."""
        return self.items[-1].record.offset + 1 if self.items else self.start


Batch = Sequence[Part]


class Reader:
    """Understands the records of one context."""

    def __init__(self, *, context: str, catalog: Catalog, hashed: TextHash) -> None:
        self._context = context
        self._understand = catalog.understand
        self._hashed = hashed
        self._rows = {spec.command: (spec.type, attrgetter(spec.key)) for spec in catalog.specs.values()}

    def part(self, partition: int, start: int, records: Iterable[Record], *, topic: str = "") -> Part:
        """Return *records* of one partition as commands, or as what is wrong with them."""
        return Part(partition, start, [self.read(record) for record in records], topic)

    def read(self, record: Record) -> Ask | Garbled:
        """Return *record* as a command, or as what is wrong with it."""
        said, other_bytes = NOTHING, len(record.key or b"")
        if record.headers:
            said, other_bytes = headers.read(record.headers), other_bytes + _size(record.headers)
        command = self._understand(self._context, record.value, said, other_bytes)
        if isinstance(command, NotUnderstood):
            return Garbled(record, command, said)
        name, key_of = self._rows[type(command)]
        comparable = fingerprint(command, self._hashed)
        return Ask(record, command, name, uuid_bytes(command.command_id), key_of(command), comparable, said)


def name_bytes(name: str) -> bytes:
    """Return the bytes of a header's name as they came."""
    return name.encode("utf-8", "surrogateescape")


def _size(said: Headers) -> int:
    """Return how large the headers are; a name counts by its characters, which are bytes in all but a few."""
    return sum([len(name) + len(value or b"") for name, value in said])


def _disagree(said: Said, command_id: str, command_type: str) -> bool:
    other_id = bool(said.id) and said.id.lower() != command_id.lower()
    return other_id or (bool(said.type) and said.type != command_type)


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
        head = replace(part, items=part.items[:taken])
        first += [head] if taken else []
        second += [replace(part, start=head.end, items=part.items[taken:])] if taken < len(part.items) else []
    return first, second


def as_garbled(batch: Batch, garbled: Garbled) -> Batch:
    """Return a batch of one record with that record given up."""
    (part,) = batch
    assert len(part.items) == 1, "what is given up is one record"
    return [replace(part, items=[garbled])]
