"""Dead letters: what is kept of a record that is no command, and what its sender hears of it.

Promise   Key, value and headers are kept as they came, to the byte: names that stand twice, null and binary values too.
          Where a social security number may stand in them, whatever looks like one is masked before it is kept.
Cost      5 us for a record; nothing for those that are commands.
Invariant What is kept, published and told of a record comes from its ``DeadLetter``, so there is no way round the mask.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contracts.catalog import Catalog
from contracts.envelope import Frame
from contracts.headers import Headers, Said
from contracts.ids import BusinessId
from contracts.invalid import CommandInvalid, NotUnderstood, masked
from processor.engine.batch import Garbled, Record, name_bytes
from processor.engine.copy import Table

KEPT: Final = Table(
    "dead_letter",
    lane_no="int4",
    seq="int8",
    timestamp_ms="int8",
    timestamp_type="int2",
    masked="bool",
    code="text",
    reason="text",
    path="text",
    command_type="text",
    command_id="uuid?",
    key="bytea?",
    value="bytea?",
    headers="bytea?",
)

_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | None]])


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record that is given up, fit to be kept, published and told of; *command_type* is empty where none is known."""

    record: Record
    why: NotUnderstood
    said: Said
    command_type: str
    is_masked: bool

    @property
    def key(self) -> str:
        """The key under which its sender hears of it: the record's own where it is an id, else the command's id."""
        return _business_id(self.record.key) or self.why.command_id

    def packed(self, lane_no: int, seq: int) -> bytes:
        """Return the row that keeps it."""
        record, why = self.record, self.why
        fixed = (lane_no, seq, record.timestamp_ms, record.timestamp_type, self.is_masked)
        texts = (why.code.value, why.reason, why.path, self.command_type)
        command_id = bytes.fromhex(why.command_id.replace("-", "")) or None
        return KEPT.pack(*fixed, *texts, command_id, record.key, record.value, packed_headers(record.headers))

    def event(self, *, topic: str, partition: int) -> CommandInvalid:
        """Return what its sender hears."""
        why = self.why
        return CommandInvalid(
            code=why.code,
            reason=why.reason,
            path=why.path,
            topic=topic,
            partition=partition,
            offset=self.record.offset,
        )

    def frame(self, occurred_at: str) -> Frame:
        """Return the frame of what its sender hears."""
        return Frame(
            command_id=self.why.command_id,
            command_type=self.command_type,
            correlation_id=self.said.correlation_id,
            occurred_at=occurred_at,
            replayed=False,
        )


def dead_letter(garbled: Garbled, context: str, catalog: Catalog) -> DeadLetter:
    """Return *garbled* as it may be kept."""
    record, said, why = garbled.record, garbled.said, garbled.why
    if catalog.may_hold_ssn(context, why.type):
        record, said = _masked_record(record), _masked_said(said)
    return DeadLetter(
        record=record,
        why=why,
        said=said,
        command_type=why.type if why.type in catalog.specs else "",
        is_masked=record != garbled.record,
    )


def packed_headers(headers: Headers) -> bytes | None:
    """Return *headers* as MessagePack, an array of pairs of a name's bytes and a value's, or None for none."""
    return _packer.encode([(name_bytes(name), value) for name, value in headers]) if headers else None


def unpacked_headers(packed: bytes | None) -> list[tuple[str, bytes | None]]:
    """Return the headers that ``packed_headers`` has packed."""
    pairs = _unpacker.decode(packed) if packed else []
    return [(name.decode("utf-8", "surrogateescape"), value) for name, value in pairs]


def publishable(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    r"""Return *headers* with names that every client can read: a byte that is not UTF-8 is written as ``\xff``."""
    return [(name_bytes(name).decode("utf-8", "backslashreplace"), value) for name, value in headers]


def _masked_record(record: Record) -> Record:
    headers = [(_masked_name(name), _masked(value)) for name, value in record.headers]
    same = headers == list(record.headers)
    return replace(
        record,
        key=_masked(record.key),
        value=_masked(record.value),
        headers=record.headers if same else tuple(headers),
    )


def _masked_said(said: Said) -> Said:
    # A trace id is random digits, and not what may hold a person's.
    correlation_id, tracestate = (masked(text.encode()).decode() for text in (said.correlation_id, said.tracestate))
    if (correlation_id, tracestate) == (said.correlation_id, said.tracestate):
        return said
    return replace(said, correlation_id=correlation_id, tracestate=tracestate)


def _masked(raw: bytes | None) -> bytes | None:
    return None if raw is None else masked(raw)


def _masked_name(name: str) -> str:
    return masked(name_bytes(name)).decode("utf-8", "surrogateescape")


def _business_id(key: bytes | None) -> str:
    try:
        return msgspec.convert((key or b"").decode(), BusinessId)
    except (UnicodeDecodeError, msgspec.ValidationError):
        return ""
