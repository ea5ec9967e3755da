"""Rows as PostgreSQL's binary COPY reads them, packed by hand because it is the cost of every command.

Promise   A ``Table`` knows its columns' types and packs a row in about a microsecond; the bytes are those that
          asyncpg's own ``copy_records_to_table`` would send.
Types     int2, int4, int8; timestamptz as microseconds since 2000-01-01 UTC; uuid as 16 bytes; hash as 32 bytes;
          bool as bool; text as str; bytea as bytes. A type followed by ``?`` may be None.
"""

import struct
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from processor.database import Connection
from processor.faults import reach

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_FIXED: Final = {"bool": "?", "int2": "h", "int4": "i", "int8": "q", "timestamptz": "q", "uuid": "16s", "hash": "32s"}
_LENGTH: Final = struct.Struct("!i")
_CHUNK_ROWS: Final = 500

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return *moment* as PostgreSQL counts it: microseconds since 2000-01-01 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def _variable(value: bytes | None) -> bytes:
    return _NULL if value is None else _LENGTH.pack(len(value)) + value


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

    async def copy_in_tx(self, tx: Connection, rows: Sequence[bytes]) -> None:
        """Add *rows*; nothing is sent where there are none."""
        if rows:
            status = await tx.copy_to_table(self.name, source=_stream(rows), columns=self.columns, format="binary")
            assert status == f"COPY {len(rows)}", f"{self.name}: {status}, but {len(rows)} rows were packed"


async def _stream(rows: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield _HEADER
    reach("copying")
    for start in range(0, len(rows), _CHUNK_ROWS):
        yield b"".join(rows[start : start + _CHUNK_ROWS])
    yield _TRAILER


def _packer(columns: dict[str, str]) -> Callable[..., bytes]:
    """Compile the row's packer, as ``dataclasses`` compiles ``__init__``: a loop over columns is three times slower."""
    types = list(columns.values())
    fixed = [kind for kind in types if kind in _FIXED]
    assert types[: len(fixed)] == fixed, "columns of fixed length come first"
    head = struct.Struct("!h" + "".join(f"i{_FIXED[kind]}" for kind in fixed))
    lengths = [struct.calcsize(f"!{_FIXED[kind]}") for kind in fixed]
    head_arguments = [f"{length}, {name}" for length, name in zip(lengths, columns, strict=False)]
    parts = [f"head({', '.join([str(len(types)), *head_arguments])})"]
    scope: dict[str, Any] = {"head": head.pack, "variable": _variable}
    for name, kind in list(columns.items())[len(fixed) :]:
        parts.append(_expression(name, kind, scope))
    source = f"lambda {', '.join(columns)}: {' + '.join(parts)}"
    packer: Callable[..., bytes] = eval(source, scope)  # noqa: S307 - made of this program's own column names
    return packer


def _expression(name: str, kind: str, scope: dict[str, Any]) -> str:
    if kind == "text":
        return f"variable({name}.encode())"
    if kind == "text?":
        return f"variable({name} if {name} is None else {name}.encode())"
    if kind in ("bytea", "bytea?"):
        return f"variable({name})"
    scope[f"pack_{name}"] = _optional(_FIXED[kind.removesuffix("?")])
    return f"pack_{name}({name})"
