"""Rows of activity in the binary format of COPY, read back by its manual."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from processor.activity import packing
from processor.activity.columns import UNKNOWN
from processor.activity.rows import Rows


def unpacked(sent: bytes) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a COPY: a number, 16 bytes, two numbers of 8 bytes and two of 4, the second maybe missing."""
    head = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    assert sent.startswith(head)
    at = len(head)
    while (fields := struct.unpack_from("!h", sent, at)[0]) != -1:
        assert fields == 6
        at, row = at + 2, list[Any]()
        for format_ in ("q", "16s", "q", "q", "i", "i"):
            (length,) = struct.unpack_from("!i", sent, at)
            at += 4
            assert length in (struct.calcsize(format_), -1)
            row.append(None if length < 0 else struct.unpack_from(f"!{format_}", sent, at)[0])
            at += max(length, 0)
        yield tuple(row)
    assert at + 2 == len(sent)


@pytest.mark.asyncio
@pytest.mark.parametrize("count", [1, 7, 8, 15])
async def test_rows_are_read_back_as_they_were_packed(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(packing, "_SENT_ROWS", 7)
    told = [
        (10 + n, bytes([n]) * 16, None if n % 3 == 1 else n * 10**14 - 5, -n * 10**13, n + 1, 2**31 - 1 - n)
        for n in range(count)
    ]
    _, event_ids, instants, amounts, merchants, kinds = zip(*told, strict=True)
    rows = Rows(
        event_ids=np.frombuffer(b"".join(event_ids), np.uint8).reshape(-1, 16),
        instants=np.array([UNKNOWN if each is None else each for each in instants]),
        amounts=np.array(amounts),
        merchant_codes=np.zeros(count, np.int64),
        merchants=[b"m"],
        kind_codes=np.zeros(count, np.int64),
        kinds=[b",,,,,"],
    )
    sent = [part async for part in packing.packed(rows, 10, merchant_nos=np.array(merchants), kind_nos=np.array(kinds))]
    assert list(unpacked(b"".join(sent))) == told
