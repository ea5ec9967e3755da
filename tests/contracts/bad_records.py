"""The bad records of ``bad_records.jsonl``: what each is, and which code it must get."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.specs import LEDGER

FILE: Final = Path(__file__).with_name("bad_records.jsonl")

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, kw_only=True)
class BadRecord:
    """``context`` is what it is said to; ``command_id`` is what can be read of it, or None.

    *code* and *path* are what must be said about it. ``kept`` is its value as its dead letter has it: itself, unless a
    social security number is masked.
    """

    name: str
    context: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    code: str
    path: str
    command_id: str | None
    kept: bytes | None


def bad_records(context: str = LEDGER) -> Iterator[BadRecord]:
    """Yield those that are said to *context*."""
    return (record for record in _in_file() if record.context == context)


def _in_file() -> Iterator[BadRecord]:
    for line in FILE.read_text("ascii").splitlines():
        said = json.loads(line)
        headers = tuple((name, _bytes(value)) for name, value in said.pop("headers", ()))
        key = _bytes(said.pop("key", "A1"))
        said.setdefault("context", LEDGER)
        value = said.pop("value")
        kept = said.pop("kept", value)
        yield BadRecord(key=key, value=_bytes(value), kept=_bytes(kept), headers=headers, **said)


def _bytes(said: Any) -> bytes | None:
    """Return bytes that are written as a text, as ``hex``, or as ``parts`` that are each repeated."""
    if said is None:
        return None
    if isinstance(said, str):
        return said.encode()
    if "hex" in said:
        return bytes.fromhex(said["hex"])
    return b"".join(text.encode() * times for text, times in said["parts"])
