"""Rows as PostgreSQL's binary COPY reads them, packed by hand because it is the cost of every command.

Promise   A ``Table`` knows its columns' types and packs a row in about a microsecond; the bytes are those that
          asyncpg's own ``copy_records_to_table`` would send.
Cost      PostgreSQL stores the first rows while later ones are still being made, on a core of its own.
Types     int2, int4, int8; timestamptz and date as ``processor.moments`` counts them; uuid as 16 bytes; hash as 32
          bytes; bool as bool; text as str; bytea as bytes. A type followed by ``?`` may be None.
"""

import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from processor.database import Connection
from processor.faults import reach

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_FIXED: Final = {
    "bool": "?",
    "int2": "h",
    "int4": "i",
    "int8": "q",
    "timestamptz": "q",
    "date": "i",
    "uuid": "16s",
    "hash": "32s",
}
_LENGTH: Final = struct.Struct("!i")
_CHUNK_ROWS: Final = 200


def _optional(code: str) -> Callable[[Any], bytes]:
    packer = struct.Struct(f"!i{code}")
    length = packer.size - _LENGTH.size
    return lambda value: _NULL if value is None else packer.pack(length, value)


class Table:
    """A table that rows are copied into.

    ``pack(*values)`` takes the values in the order of the columns. Columns of fixed length come first in that order, so
    that one ``struct`` call packs them all.
    """

    def __init__(self, name: str, /, **columns: str) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.pack = _packer(columns)

    async def copy_in_tx(self, tx: Connection, rows: Iterable[bytes]) -> None:
        """Add *rows*, sending them as they are made; nothing is sent where there are none."""
        stream = _Stream(iter(rows))
        if not stream.is_empty:
            status = await tx.copy_to_table(self.name, source=stream, columns=self.columns, format="binary")
            assert status == f"COPY {stream.count}", f"{self.name}: {status}, but {stream.count} rows were packed"


class _Stream:
    """Rows on their way; ``count`` is how many have been sent."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self.count = 0
        self._rows = rows
        self._next = self._chunk()

    @property
    def is_empty(self) -> bool:
        """Say whether there is not a single row."""
        return not self._next

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield HEADER
        reach("copying")
        while self._next:
            yield b"".join(self._next)
            self.count += len(self._next)
            self._next = self._chunk()
        yield TRAILER

    def _chunk(self) -> list[bytes]:
        return list(islice(self._rows, _CHUNK_ROWS))


def _packer(columns: dict[str, str]) -> Callable[..., bytes]:
    """Compile the row's packer, as ``dataclasses`` compiles ``__init__``: a loop over columns is three times slower."""
    types = list(columns.values())
    fixed = [kind for kind in types if kind in _FIXED]
    assert types[: len(fixed)] == fixed, "columns of fixed length come first"
    head = struct.Struct("!h" + "".join(f"i{_FIXED[kind]}" for kind in fixed))
    lengths = [struct.calcsize(f"!{_FIXED[kind]}") for kind in fixed]
    head_arguments = [f"{length}, {name}" for length, name in zip(lengths, columns, strict=False)]
    parts = [f"head({', '.join([str(len(types)), *head_arguments])})"]
    scope: dict[str, Any] = {"head": head.pack, "length": _LENGTH.pack, "null": _NULL}
    for name, kind in list(columns.items())[len(fixed) :]:
        parts += _expressions(name, kind, scope)
    source = f"lambda {', '.join(columns)}: {_joined(parts)}"
    packer: Callable[..., bytes] = eval(source, scope)  # noqa: S307 - made of this program's own column names
    return packer


def _expressions(name: str, kind: str, scope: dict[str, Any]) -> list[str]:
    """Return the expressions of a column's bytes: its length, then itself."""
    if kind in ("text", "bytea"):
        encoded = f"({name} := {name}.encode())" if kind == "text" else name
        return [f"length(len({encoded}))", name]
    if kind in ("text?", "bytea?"):
        encoded = f"({name} := {name}.encode())" if kind == "text?" else name
        return [f"null if {name} is None else length(len({encoded}))", f'{name} or b""']
    scope[f"pack_{name}"] = _optional(_FIXED[kind.removesuffix("?")])
    return [f"pack_{name}({name})"]


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f'b"".join(({", ".join(parts)}))'
