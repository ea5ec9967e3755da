"""What PostgreSQL copies becomes lines as RFC 4180 has them, in parts that depend on nothing but the bytes."""

import csv
import io
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.export_parts import Cutter

HEADING = ("a", "b")
CELLS = st.text(st.sampled_from('x",\r\n é'), max_size=5)
ROWS = st.lists(st.tuples(CELLS, CELLS).map(list), max_size=12)


def copied(rows: Sequence[Sequence[str]]) -> bytes:
    """Return *rows* as COPY writes them."""
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows).encode()


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(each in text for each in ',"\r\n') else text


def cut(pieces: Iterator[bytes] | Sequence[bytes], bytes_max: int) -> list[tuple[bytes, int]]:
    cutter = Cutter(HEADING, bytes_max=bytes_max)
    filled = [part for piece in pieces for part in cutter.feed(piece)]
    return [(b"".join(part.pieces), part.rows) for part in [*filled, *cutter.end()]]


def read_back(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(rows=ROWS, bytes_max=st.integers(1, 80), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_parts_are_the_same_however_the_bytes_come_and_read_back_as_the_rows(
    rows: list[list[str]], bytes_max: int, sizes: list[int]
) -> None:
    whole, start = copied(rows), 0
    pieces: list[bytes] = []
    while start < len(whole):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(whole[start : start + size])
        start += size
    parts = cut(pieces, bytes_max)

    assert parts == cut([whole], bytes_max)
    assert read_back(b"".join(data for data, _ in parts)) == [list(HEADING), *rows]
    for data, count in parts:
        assert len(read_back(data)) == count + data.startswith(b"a,b\r\n") * (data is parts[0][0])
    assert all(len(data) >= bytes_max for data, _ in parts[:-1])


@given(rows=ROWS, bytes_max=st.integers(1, 80))
def test_a_part_ends_with_the_first_row_that_reaches_its_size(rows: list[list[str]], bytes_max: int) -> None:
    lines = [b"a,b\r\n", *(_line(row) for row in rows)]
    expected, part = [], b""
    for line in lines:
        part += line
        if len(part) >= bytes_max and line is not lines[0]:
            expected.append(part)
            part = b""
    if part or not expected:
        expected.append(part)
    assert [data for data, _ in cut([copied(rows)], bytes_max)] == expected


def _line(row: Sequence[str]) -> bytes:
    return copied([row])[:-1] + b"\r\n"


@pytest.mark.parametrize("pieces", [[], [b""]])
def test_without_rows_there_is_one_part_with_the_heading(pieces: list[bytes]) -> None:
    assert cut(pieces, 1) == [(b"a,b\r\n", 0)]


def test_a_file_that_ends_inside_quotes_is_none() -> None:
    with pytest.raises(AssertionError, match="the last row has ended"):
        cut([b'1,"2\n'], 100)
