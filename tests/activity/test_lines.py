"""Lines of activity: what becomes of each, however the file is cut into pieces, and whatever is in it."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.activity import Policy
from processor.activity.columns import UNKNOWN
from processor.activity.lines import RECORD_LINES_MAX, Chunk, LineLimits, LineReader, Place
from processor.activity.names import cells_of
from processor.activity.verdicts import Reason, amount_of, moment_of
from processor.errors import Declined
from tests.activity.by_hand import HEADING, Row, read

ID: Final = "0190a0e0-0000-4000-8000-0000000000{:02x}"
TOP: Final = ",".join(HEADING).encode() + b"\n"
GOOD: Final = (
    ID.format(1),
    "MRC-000001",
    "2024-01-31T23:59:59",
    "POS",
    "SALE",
    "12.50",
    "SUCCESS",
    "POS",
    "KANO",
    "STARTER",
)
LIMIT: Final = 2_000
EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - UTC, as rows say it


def line(**cells: str) -> bytes:
    return ",".join({**dict(zip(HEADING, GOOD, strict=True)), **cells}.values()).encode()


def judged(body: bytes, policy: Policy = "lenient", *, top: bytes = TOP, pieces: Sequence[int] = ()) -> Chunk:
    """Return what becomes of a file that is handed in by *pieces* of these sizes."""
    reader, file, at = LineReader(policy=policy, limits=LineLimits(line_bytes_max=LIMIT)), top + body, 0
    for size in pieces:
        reader.feed(file[at : at + size])
        at += size
    reader.feed(file[at:], is_last=True)
    return reader.take()


def rows_of(chunk: Chunk) -> list[Row]:
    """Return what rows say, as it was told by hand."""
    rows, told = chunk.rows, list[Row]()
    for number, event_id in enumerate(rows.event_ids):
        product, event_type, *others = cells_of(rows.kinds[rows.kind_codes[number]])
        instant, merchant = int(rows.instants[number]), rows.merchants[rows.merchant_codes[number]].decode()
        time = None if instant == UNKNOWN else (EPOCH + timedelta(microseconds=instant)).replace(tzinfo=None)
        told.append((event_id.tobytes().hex(), merchant, time, product, event_type, int(rows.amounts[number]), *others))
    return told


def verdicts(body: bytes, policy: Policy = "lenient") -> list[Any]:
    chunk = judged(body, policy)
    assert chunk.place.offset == len(TOP + body)
    return [len(chunk.rows) + chunk.repeated, *(reject.reason.value for reject in chunk.rejects)]


A: Final = line()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", [0]),
        (A, [1]),
        (A + b"\n", [1]),
        (A + b"\n" + A + b"\n\n", [2]),
        (A + b"\r\n" + A + b"\r\n", [2]),
        (A + b"\n\n" + A + b"\n", [2, "column_count"]),
        (b"\n\n", [0, "column_count"]),
        (A + b",\n" + A + b"\n", [1, "column_count"]),
        (A[:-9] + b"\n" + A + b"\n", [1, "column_count"]),
        (line(merchant_id="  ") + b"\n", [0, "merchant_blank"]),
        (line(merchant_id="\u3000") + b"\n" + line(merchant_id="\u3000x") + b"\n", [1, "merchant_blank"]),
        (line(merchant_id="", event_id="x") + b"\n", [0, "merchant_blank"]),
        (line(event_id="") + b"\n", [0, "event_id_invalid"]),
        (line(event_id=ID.format(1)[:-1]) + b"\n", [0, "event_id_invalid"]),
        (line(event_id=ID.format(1).upper()) + b"\n", [1]),
        (line(product="x" * 256) + b"\n" + line(product="x" * 257) + b"\n", [1, "cell_too_long"]),
        (line(channel="x" * 200) + b"\n" + line(merchant_id="x" * 200) + b"\n", [2]),
        (line(product="x\0") + b"\n" + A, [1, "nul"]),
        (A + b"\n" + line() + b"\xff\n" + A + b"\n", [2, "not_utf8"]),
        (line(region="Ιωάννινα", product="=1+1", channel="\\N", status="\\.") + b"\n", [1]),
        (line(product='"a,b"', region='"c""d"', channel='e"f') + b"\n", [1]),
        (line(product='"a\nb\r\n"') + b"\r\n" + A + b"\n", [2]),
        (line(product='"a') + b"\n" + A + b"\n" + A + b"\n", [2, "quote_unbalanced"]),
        (line(product='"a"b') + b"\n" + A + b"\n", [1, "quote_unbalanced"]),
        (line(product='"a') + b"\n" + (A + b"\n") * 100, [100, "quote_unbalanced"]),
        (line(product='"' + "\n" * (RECORD_LINES_MAX - 1) + '"') + b"\n", [1]),
        (
            line(product='"' + "\n" * RECORD_LINES_MAX + '"') + b"\n",
            [0, "quote_unbalanced", *["column_count"] * (RECORD_LINES_MAX - 1), "quote_unbalanced"],
        ),
        (b"x" * LIMIT + b"\n" + A, [1, "column_count"]),
        (b"x" * (LIMIT + 1) + b"\n" + A, [1, "line_too_long"]),
        (b"x" * (9 * LIMIT), [0, "line_too_long"]),
        (b'"' + b"x" * (9 * LIMIT) + b"\n" + A, [1, "line_too_long"]),
        (b'"' + b"x\n" * LIMIT + b"\n" + A, [1, "quote_unbalanced", *["column_count"] * LIMIT]),
    ],
)  # fmt: skip
def test_each_line_is_taken_or_is_a_reject_with_its_reason(body: bytes, told: list[Any]) -> None:
    assert verdicts(body) == told


@pytest.mark.parametrize("cell", ["amount", "event_timestamp"])
@pytest.mark.parametrize("text", ["", "INVALID", "nan", "2024-02-30T00:00:00", "1e3", "1.234"])
def test_what_cannot_be_read_is_a_reject_where_that_is_asked_for_and_else_unknown(cell: str, text: str) -> None:
    body = line(**{cell: text}) + b"\n"
    assert verdicts(body, "strict") == [0, "amount_invalid" if cell == "amount" else "time_invalid"]
    (row,) = rows_of(judged(body, "lenient"))
    assert row[HEADING.index(cell)] == (0 if cell == "amount" else None)


@pytest.mark.parametrize(
    ("text", "kobo"),
    [
        *[("12.30", 1230), ("12.3", 1230), ("12", 1200), (" +0012.300 ", 1230), ("-0.05", -5), ("7.0", 700)],
        *[(".5", 50), ("5.", 500), ("9999999999999.99", 999999999999999), ("0", 0), ("9999999999.99", 999999999999)],
        *[("10000000000000", None), ("0.001", None), ("1,000.00", None), ("12 .0", None), ("٣", None), ("1:.00", None)],
        *[(".", None), ("", None), ("-", None), ("1e2", None), ("NaN", None), ("Infinity", None), ("1_0", None)],
    ],
)
def test_an_amount_is_a_plain_decimal_of_naira(text: str, kobo: int | None) -> None:
    assert amount_of(text) == kobo
    assert [row[5] for row in rows_of(judged(line(amount=text) + b"\n", "strict"))] == [kobo] * (kobo is not None)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-01-31T23:30:00", "2024-01-31T23:30:00"),
        ("2024-01-31 23:30", "2024-01-31T23:30:00"),
        *[("2024-01-31T23:30:00.25Z", "2024-01-31T23:30:00.250000"), ("2024-01-31T23:30:00Z", "2024-01-31T23:30:00")],
        *[("2024-01-31T23:30:00.000001", "2024-01-31T23:30:00.000001"), ("2024-01-31T23:30:00.", None)],
        ("2024-01-31T23:30:00.1234567", "2024-01-31T23:30:00.123456"),
        ("2024-01-31T23:30:00-02:00", "2024-02-01T01:30:00"),
        *[("2024-01-31", "2024-01-31T00:00:00"), ("2024-02-29T12:00:00", "2024-02-29T12:00:00")],
        *[("1600-02-29T00:00:00", "1600-02-29T00:00:00"), ("0999-12-31T00:00:00", "0999-12-31T00:00:00")],
        *[("2999-12-31T23:59:59", "2999-12-31T23:59:59"), ("9999-12-31T23:59:59", "9999-12-31T23:59:59")],
        *[("2023-02-29T00:00:00", None), ("2100-02-29T00:00:00", None), ("2024-04-31T00:00:00", None)],
        *[("2024-00-01T00:00:00", None), ("2024-13-01T00:00:00", None), ("2024-01-00T00:00:00", None)],
        *[("2024-02-30T00:00:00", None), ("2024-01-31T24:30:00", None), ("31/01/2024", None), ("", None)],
        *[("2024-01-31T23:60:00", None), ("2024-01-31T23:59:60", None), ("2024-01-31T23:59:5x", None)],
        *[("0001-01-01T00:00:00+01:00", None), ("1706743800", None), ("2024-01-31T23:30:00ZZ", None)],
        *[
            ("2024-01-31T23:30:00.123456x", None),
            ("2024-01-31T23:30:00Z.1", None),
            ("2024-01-31T23:30", "2024-01-31T23:30:00"),
        ],
    ],
)
def test_a_time_is_iso_8601_and_without_a_zone_it_is_utc(text: str, meant: str | None) -> None:
    times = [row[2] for row in rows_of(judged(line(event_timestamp=text) + b"\n", "strict"))]
    assert [time.isoformat() for time in times] == [meant] * (meant is not None)
    assert (moment_of(text) is None) == (meant is None)


@pytest.mark.parametrize(
    "top",
    [
        b"",
        TOP.upper(),
        TOP.replace(b"status,", b""),
        TOP.replace(b"event_id", b" event_id"),
        TOP.replace(b"\n", b",\n"),
        b"\n" + TOP,
        b'"' * 5_000,
        b"\x1f\x8b" * 50,
    ],
)
def test_another_heading_is_declined(top: bytes) -> None:
    with pytest.raises(Declined) as declined:
        judged(A + b"\n", top=top)
    assert declined.value.code == "header_invalid"


@pytest.mark.parametrize(
    "top",
    [b"\xef\xbb\xbf" + TOP, TOP.replace(b"\n", b"\r\n"), b'"' + TOP[:-1].replace(b",", b'","') + b'"\n', TOP[:-1]],
)
def test_a_heading_may_be_marked_quoted_and_ended_otherwise(top: bytes) -> None:
    assert judged(A if top.endswith(b"\n") else b"", top=top).lines == top.endswith(b"\n")


def test_a_line_is_found_where_its_number_says_and_says_what_it_said() -> None:
    body = b"\n".join([A, line(product='"a\nb"'), line(event_id="1"), b"x" * (LIMIT + 5), b"\xffy\0", b'"z', A])
    assert [(each.line_no, each.raw) for each in judged(body).rejects] == [
        (5, line(event_id="1").decode()),
        (6, "x" * LIMIT),
        (7, "\ufffdy\ufffd"),
        (8, '"z'),
    ]


@pytest.mark.parametrize("limit", [len(A) - 1, len(A)])
def test_a_line_may_be_as_long_as_is_said(limit: int) -> None:
    reader = LineReader(policy="strict", limits=LineLimits(line_bytes_max=limit), begin=Place(0, 2))
    reader.feed(A + b"\n", is_last=True)
    chunk = reader.take()
    assert (len(chunk.rows), [each.reason for each in chunk.rejects]) in [(1, []), (0, [Reason.LINE_TOO_LONG])]
    assert len(chunk.rows) == (limit == len(A))


def test_reading_goes_on_where_it_stopped() -> None:
    file = TOP + b"\n".join([A, line(product='"a\nb"'), b"bad", A, b"worse"]) + b"\n"
    whole = LineReader(policy="strict", limits=LineLimits())
    for end in range(len(file) + 1):
        first = LineReader(policy="strict", limits=LineLimits())
        first.feed(file[:end])
        before = first.take()
        if before.place == Place():
            continue
        second = LineReader(policy="strict", limits=LineLimits(), begin=before.place)
        second.feed(file[before.place.offset :], is_last=True)
        behind = second.take()
        assert [(each.line_no, each.raw) for each in (*before.rejects, *behind.rejects)] == [(5, "bad"), (7, "worse")]
        assert (before.lines + behind.lines, behind.place) == (5, Place(len(file), 8))
    assert whole.lines == 0


CUTS: Final = st.lists(st.integers(1, 40), max_size=12)
WORDS: Final = st.text(st.sampled_from('ab,"\n é=\\'), max_size=8)


@given(
    words=st.lists(st.tuples(WORDS, WORDS, WORDS, st.integers(0, 9)), max_size=6),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    cuts=CUTS,
)
def test_cells_are_those_that_were_written(
    words: list[tuple[str, str, str, int]], quoting: Any, end: str, cuts: list[int]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    for product, region, merchant, number in words:
        writer.writerow([ID.format(number), merchant, *GOOD[2:3], product, *GOOD[4:8], region, *GOOD[9:]])
    chunk = judged(text.getvalue().encode(), "strict", pieces=[*cuts, 500])
    told = read([",".join(HEADING) + "\n" + text.getvalue()], "strict")
    assert len(chunk.rejects) == told.rejected
    assert rows_of(chunk) == sorted(told.rows.values())


@given(text=st.text(st.sampled_from('a,"\n'), max_size=60), cuts=CUTS)
def test_records_are_those_of_the_csv_module_and_no_line_is_lost(text: str, cuts: list[int]) -> None:
    rejects = judged(text.encode(), pieces=[len(TOP), *cuts]).rejects
    lines = text.split("\n")
    lines = lines[: -1 if text.endswith("\n") or not text else None]
    if lines and not lines[-1]:  # an empty last line is none
        lines.pop()
    assert "\n".join(each.raw for each in rejects) == "\n".join(lines)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        ends = [reader.line_num for _ in reader]
    except csv.Error:
        assert Reason.QUOTE_UNBALANCED in {each.reason for each in rejects}
    else:
        assert [each.line_no - 2 for each in rejects] == [0, *ends][: len(rejects)]
