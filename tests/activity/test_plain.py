"""Plain lines, which are read all at once: each comes to what it comes to cell by cell, and names are told apart."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.activity import names
from processor.activity.lines import Chunk, LineLimits, LineReader, Place
from processor.activity.names import cells_of, named
from processor.activity.plain import Lines
from processor.activity.rows import Gathered, among
from processor.activity.verdicts import Line, judge

LINES: Final = (
    b"0190a0e0-0000-4000-8000-0000000000ab,MRC-000001,2024-01-31T23:59:59,POS,SALE,12.50,SUCCESS,POS,KANO,STARTER",
    b"0190A0E0-0000-4000-8000-0000000000ab,m,2024-02-29T00:00:00.123456Z,,,9999999999.9,,,,",
    b"ffffffff-ffff-ffff-ffff-ffffffffffff,x.:-_ ,1999-12-31T12:30:45.5,P,T,0.00,\xc3\xa9,C,R,T\r",
    b'"0190a0e0-0000-4000-8000-0000000000ab","MRC",2024-01-31T23:59:59Z,"","SALE","1.05","S","","",""',
)
BYTES: Final = st.sampled_from([bytes([each]) for each in b'09afFgT:-. Z+,"\r\0\x7f\xc3\xa9/x'] + [b"", b"\xc3\xa9"])


def cell_by_cell(line: bytes, *, is_strict: bool) -> Line | None:
    """Return what a line comes to that has no quotes but around cells, by the way that reads any."""
    cells = [cell[1:-1] if cell[:1] == b'"' else cell for cell in line.removesuffix(b"\r").split(b",")]
    verdict = judge(line, cells, is_strict=is_strict)
    return verdict if isinstance(verdict, Line) else None


def plain(line: bytes, *, is_strict: bool) -> Line | None:
    """Return what a line comes to if it is plain."""
    data = b"heading\n" + line + b"\n"
    found = Lines(data, data.index(b"\n") + 1, line_bytes_max=500).plain(unknown_time=not is_strict)
    if not len(found.lines):
        return None
    gathered = Gathered()
    gathered.add_plain(0, found)
    rows = gathered.rows()
    deed, manner = (texts.tobytes().rstrip(b"\0") for texts in (found.deeds, found.manners))
    assert rows.kinds == [deed + b"," + manner]
    return Line(
        event_id=rows.event_ids.tobytes(),
        instant=int(rows.instants[0]),
        amount=int(rows.amounts[0]),
        merchant=rows.merchants[0],
        deed=deed,
        manner=manner,
    )


@pytest.mark.parametrize("line", LINES)
def test_lines_as_nearly_all_are_are_plain(line: bytes) -> None:
    assert plain(line, is_strict=True) == cell_by_cell(line, is_strict=True) is not None


@settings(max_examples=1_500)
@given(
    line=st.sampled_from(LINES),
    edits=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 2), BYTES), min_size=1, max_size=3),
    is_strict=st.booleans(),
)
def test_a_plain_line_comes_to_what_it_comes_to_cell_by_cell(
    *, line: bytes, edits: Sequence[tuple[int, int, bytes]], is_strict: bool
) -> None:
    for at, length, instead in edits:
        line = line[:at] + instead + line[at + length :]
    found = plain(line, is_strict=is_strict)
    assert found is None or found == cell_by_cell(line, is_strict=is_strict)


def read(data: bytes, *, cut: int = 0) -> Chunk:
    """Return what becomes of *data*, handed in in two pieces."""
    reader = LineReader(policy="lenient", limits=LineLimits(), begin=Place(0, 2))
    reader.feed(data[:cut])
    reader.feed(data[cut:], is_last=True)
    return reader.take()


def test_lines_without_a_time_are_plain_where_they_may_be() -> None:
    line = LINES[0].replace(b"2024-01-31T23:59:59", b"")
    assert plain(line, is_strict=True) is None
    assert plain(line, is_strict=False) == cell_by_cell(line, is_strict=False) is not None


def test_lines_that_look_plain_inside_of_a_record_belong_to_it() -> None:
    record = LINES[0].replace(b"KANO", b'"KA\n' + LINES[2].replace(b"\r", b"") + b'\nNO"')
    data = record + b"\n" + LINES[1] + b"\n"
    for cut in range(len(data)):
        chunk = read(data, cut=cut)
        assert [chunk.lines, len(chunk.rows), chunk.place.line_no] == [2, 1, 6]
        (kind,) = [cells_of(each) for each in chunk.rows.kinds if b"KA" in each]
        assert kind[4] == "KA\n" + LINES[2].decode().replace("\r", "") + "\nNO"


def test_of_lines_with_one_event_the_first_counts_however_each_was_read() -> None:
    by_cell, also = LINES[0].replace(b",POS,SALE", b',POS,"SA""LE"'), LINES[0].replace(b",POS,SALE", b",BILLS,SALE")
    for first, second in ((by_cell, also), (also, by_cell), (LINES[0], also)):
        chunk = read(first + b"\n" + LINES[2] + b"\n" + second + b"\n")
        kinds = [cells_of(chunk.rows.kinds[code])[:2] for code in chunk.rows.kind_codes]
        assert kinds[0] == cells_of(first.split(b",", 3)[3])[:2]
        assert (len(kinds), chunk.repeated) == (2, 1)


def test_names_are_told_apart_even_if_all_look_alike_to_what_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def texts(*words: bytes) -> list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]:
        return [np.frombuffer(word.ljust(16, b"\0"), np.uint8).reshape(1, 16) for word in words]

    columns = [texts(b"a", b"b", b"a", b"abcdefghijk"), texts(b"1", b"1", b"1", b"2")]
    told = [b"a,1", b"b,1", b"a,1", b"abcdefghijk,2", b"b,1", b'"c,1"']
    for by in (None, np.uint64(0)):
        if by is not None:
            monkeypatch.setattr(names, "_MIXED_BY", by)
        found = named(columns, [b"b,1", b'"c,1"'])
        assert [found.names[code] for code in found.codes] == told
        assert len(found.names) == len(set(told))


def test_events_are_found_among_others_by_all_their_bytes() -> None:
    def ids(*numbers: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        return np.frombuffer(b"".join(each.to_bytes(16, "big") for each in numbers), np.uint8).reshape(-1, 16)

    some, others = (0, 1, 256, 2**64, 2**64 + 1, 2**120, 2**127, 2**128 - 1), (0, 255, 256, 2**64, 2**128 - 1)
    assert among(ids(*some), ids(*others)).tolist() == [each in others for each in some]
    assert among(ids(*some), ids()).tolist() == [False] * len(some)
