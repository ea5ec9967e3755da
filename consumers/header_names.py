"""Header names that are no UTF-8, which Kafka takes and aiokafka does not.

aiokafka decodes the names while it hands records out. At one that is no UTF-8 it raises and forgets what it had read
before it, and FastStream's task ends there without a word. One such record would stop a context until somebody looks,
and again after every start.

Promise   Every record that a broker hands out is handed on. What is not UTF-8 in a name is there as ``surrogateescape``
          writes it, so that no byte is lost.
Cost      Records are decoded by batch of their sender instead of one by one; that costs nothing. A batch with such a
          name is decoded a second time in Python, at 15 us a record.
Invariant ``read_any_name`` is called before a consumer starts; it changes aiokafka for the whole process.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_FIRST_FORMAT_WITH_HEADERS: Final = 2
_FORMAT_AT: Final = 16
_LENGTH: Final = struct.Struct(">8xi")


def read_any_name() -> None:
    """Have every consumer of this process read what stands in its topics, whatever the headers are called."""
    assert fetcher.MemoryRecords in (MemoryRecords, Records), "aiokafka reads what is fetched by this name"
    fetcher.MemoryRecords = Records


class Records:
    """What was fetched of one partition, as aiokafka asks for it."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._fast = MemoryRecords(fetched)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Return how much was fetched, a batch that is cut off at the end included."""
        return int(self._fast.size_in_bytes())

    def has_next(self) -> bool:
        """Say whether another batch is there in full."""
        return bool(self._fast.has_next())

    def next_batch(self) -> Any:
        """Return the next batch."""
        batch = self._fast.next_batch()
        (length,) = _LENGTH.unpack_from(self._fetched, self._at)
        raw = self._fetched[self._at : self._at + _LENGTH.size + length]
        self._at += len(raw)
        return _Batch(batch, raw) if raw[_FORMAT_AT] >= _FIRST_FORMAT_WITH_HEADERS else batch


class _Batch:
    """A batch that is decoded as a whole, so that nothing was handed out before it is known to be readable."""

    def __init__(self, fast: DefaultRecordBatch, raw: memoryview) -> None:
        self._fast = fast
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._fast))
        except UnicodeDecodeError:
            return iter(list(_Tolerant(self._raw)))

    def __next__(self) -> Any:
        return next(self._fast)


class _Bytes(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "surrogateescape")


class _Tolerant(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka ships no types
    """aiokafka's own decoder in Python, over bytes that decode."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Bytes(self._buffer)
