"""The lines of a file of activity: which are good as they stand, and which have to be read cell by cell.

Promise   Every line behind the heading is good or a reject, whatever is in the file: no line hides another. What
          becomes of it depends on the line alone, not on how the file was cut into pieces.
Cost      Two microseconds a line where lines are plain: one pass of an expression over as many as follow each other,
          and sorting. Some five times as much for each other line.
Bound     ``LineLimits`` for what is held of a line that does not end; a record has at most ``RECORD_LINES_MAX`` lines.
Invariant Records are those of RFC 4180: a quoted cell may hold commas, quotes and line ends. A quote that nobody closes
          spoils its own line, and reading goes on with the next. Numbers of lines begin with 1, which is the heading.
"""

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from msgspec import Struct

from contracts.activity import Policy
from processor.activity.verdicts import COLUMNS, Reason, judge
from processor.errors import Declined

RECORD_LINES_MAX: Final = 100
EVENT_ID_CHARS: Final = 36
_BOM: Final = b"\xef\xbb\xbf"

_DAY: Final = rb"""[12]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)
    |(?:0[13578]|1[02])-31)"""
_TIME: Final = (
    _DAY + rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z?"
)  # PostgreSQL passes over a Z, and it is UTC
_EVENT_ID: Final = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MERCHANT: Final = rb"[\w.:-]{1,256}"
_AMOUNT: Final = rb"\d{1,12}\.\d{1,2}"
_WORD: Final = rb'[^,"\x00-\x1f\x7f]{0,256}'


def _run(*, unknown_time: bool, quoted: bool) -> "re.Pattern[bytes]":
    """Return what matches one plain line after another."""
    time = b"(?:" + _TIME + (b")?" if unknown_time else b")")
    cells = [_EVENT_ID, _MERCHANT, time, _WORD, _WORD, _AMOUNT, _WORD, _WORD, _WORD, _WORD]
    if quoted:
        cells = [b'(?:"' + cell + b'"|' + cell + b")" for cell in cells]
    return re.compile(rb"(?:" + b",".join(cells) + rb"\r?\n)++", re.VERBOSE)


_RUNS: Final = {
    "strict": (_run(unknown_time=False, quoted=False), _run(unknown_time=False, quoted=True)),
    "lenient": (_run(unknown_time=True, quoted=False), _run(unknown_time=True, quoted=True)),
}
_EVENT_ID_OF: Final = itemgetter(slice(EVENT_ID_CHARS))
# One cell; a quoted one that is not closed is none.
_CELL: Final = re.compile(rb'"(?:[^"]++|"")*+"|(?!")[^,\n]*+')


class LineLimits(Struct, frozen=True, kw_only=True):
    """How much may belong together: the bytes of a record, without its line end."""

    line_bytes_max: int = 65_536


class Place(Struct, frozen=True):
    """Where reading stands in a file: behind so many bytes, before the line of this number."""

    offset: int = 0
    line_no: int = 1


class Reject(Struct, frozen=True, gc=False):
    """A line that breaks a rule: the number of its first line, why, and what it says."""

    line_no: int
    reason: Reason
    raw: str


class Chunk(Struct, kw_only=True):
    """What has become of some lines that follow each other.

    *rows* are good ones as CSV, by event_id, which each of them begins with; *repeated* is how many more have one of
    those. *place* is where reading goes on.
    """

    rows: list[str]
    repeated: int
    rejects: list[Reject]
    place: Place

    @property
    def lines(self) -> int:
        """How many lines these were."""
        return len(self.rows) + self.repeated + len(self.rejects)


class LineReader:
    """A file of activity, handed in piece by piece, from *begin* on."""

    def __init__(self, *, policy: Policy, limits: LineLimits, begin: Place = Place()) -> None:  # noqa: B008 - a value
        self._runs = _RUNS[policy]
        self._is_strict = policy == "strict"
        self._limits = limits
        self._offset, self._line_no = begin.offset, begin.line_no
        self._is_headed = begin.line_no > 1
        self._buffer = b""
        self._skipping = False  # the rest of a line that is too long
        self._rows: list[str] = []
        self._rejects: list[Reject] = []
        self.bytes = 0  # of the lines read since the last chunk

    @property
    def lines(self) -> int:
        """How many lines were read since the last chunk."""
        return len(self._rows) + len(self._rejects)

    def take(self) -> Chunk:
        """Return what has become of the lines read since the last time; of those with one event_id, of the first."""
        rows = sorted(self._rows)
        event_ids = list(map(_EVENT_ID_OF, rows))
        if len(set(event_ids)) < len(rows):
            rows = sorted(self._rows, key=_EVENT_ID_OF)  # of equal ones the first stays the first
            rows = [row for row, own, before in zip(rows, event_ids, ["", *event_ids], strict=False) if own != before]
        place, repeated = Place(self._offset, self._line_no), len(event_ids) - len(rows)
        chunk = Chunk(rows=rows, repeated=repeated, rejects=self._rejects, place=place)
        self._rows, self._rejects, self.bytes = [], [], 0
        return chunk

    def feed(self, piece: bytes, *, is_last: bool = False) -> None:
        """Read on, as far as *piece* shows where lines end; behind the last one nothing is left.

        Raises:
            Declined: The first line is not the heading.
        """
        self._buffer += piece
        at = 0
        while at < len(self._buffer):
            after = self._next(at, is_last=is_last)
            if after is None:
                break
            self._line_no += self._buffer.count(b"\n", at, after)
            at = after
        if is_last and not self._is_headed:
            raise _wrong_heading()
        self._offset += at
        self.bytes += at
        self._buffer = self._buffer[at:]

    def _next(self, at: int, *, is_last: bool) -> int | None:
        """Read what begins *at*, and return where the next begins; None where more has to be seen of it."""
        if self._skipping:
            return self._skip(at)
        if self._is_headed:
            for run in self._runs:
                if (match := run.match(self._buffer, at)) is not None and self._take_run(match.group()):
                    return match.end()
        found = self._record(at, is_last=is_last)
        if found is None:
            return None
        end, cells = found
        if self._is_headed:
            self._judge(self._buffer[at:end], cells, is_end=is_last and end == len(self._buffer))
        else:
            self._check_heading(cells)
        return end

    def _skip(self, at: int) -> int:
        newline = self._buffer.find(b"\n", at)
        self._skipping = newline < 0
        return len(self._buffer) if newline < 0 else newline + 1

    def _take_run(self, run: bytes) -> bool:
        """Take plain lines as they stand, unless they are no UTF-8."""
        try:
            rows = run.decode().split("\n")
        except UnicodeDecodeError:
            return False
        rows.pop()
        if b"\r" in run:
            rows = [row.removesuffix("\r") for row in rows]
        if b'"' in run:
            rows = [row[1 : EVENT_ID_CHARS + 1] + row[EVENT_ID_CHARS + 2 :] if row[0] == '"' else row for row in rows]
        self._rows += rows
        return True

    def _record(self, at: int, *, is_last: bool) -> "tuple[int, list[bytes] | Reason] | None":
        """Return where the record ends that begins *at*, and its cells or why it has none; None for more to be seen."""
        buffer, limit = self._buffer, self._limits.line_bytes_max
        newline = buffer.find(b"\n", at, at + limit + 1)
        if newline < 0 and len(buffer) - at > limit:
            self._skipping = True
            return at + limit, Reason.LINE_TOO_LONG
        if newline < 0 and not is_last:
            return None
        end = newline + 1 or len(buffer)
        line = buffer[at:end].removesuffix(b"\n").removesuffix(b"\r")
        if not line and end == len(buffer) and not is_last:
            return None  # it may be the end of the file, which is no line
        if b'"' not in line:
            return end, line.split(b",")
        return self._quoted(at, end, is_last=is_last)

    def _quoted(self, at: int, line_end: int, *, is_last: bool) -> "tuple[int, list[bytes] | Reason] | None":
        """Do the same for a record with quotes, whose first line ends at *line_end*."""
        buffer, begin, limit = self._buffer, at, at + self._limits.line_bytes_max
        unbalanced = line_end, Reason.QUOTE_UNBALANCED
        cells: list[bytes] = []
        while (match := _CELL.match(buffer, at, limit)) is not None:
            at, cell = match.end(), match.group()
            if len(buffer) < at + 2 and not is_last:
                return None
            is_quoted = cell.startswith(b'"')
            cells.append(cell[1:-1].replace(b'""', b'"') if is_quoted else cell)
            behind = buffer[at : at + 2]
            if behind.startswith(b","):
                at += 1
            elif behind.startswith(b"\n") or behind in (b"\r\n", b""):
                end = at + len(behind[: behind.find(b"\n") + 1])
                cells[-1] = cells[-1] if is_quoted else cell.removesuffix(b"\r")
                return (end, cells) if buffer.count(b"\n", begin, end) <= RECORD_LINES_MAX else unbalanced
            else:
                return unbalanced
        return unbalanced if is_last or len(buffer) >= limit else None

    def _check_heading(self, cells: Sequence[bytes] | Reason) -> None:
        if isinstance(cells, Reason) or [cells[0].removeprefix(_BOM), *cells[1:]] != list(COLUMNS):
            raise _wrong_heading()
        self._is_headed = True

    def _judge(self, record: bytes, cells: Sequence[bytes] | Reason, *, is_end: bool) -> None:
        if is_end and not record.strip(b"\r\n"):
            return
        verdict = cells if isinstance(cells, Reason) else judge(record, cells, is_strict=self._is_strict)
        if isinstance(verdict, Reason):
            raw = record.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace").replace("\0", "\ufffd")
            self._rejects.append(Reject(self._line_no, verdict, raw))
        else:
            self._rows.append(verdict)


def _wrong_heading() -> Declined:
    return Declined(
        "header_invalid", f"its first line has to be {b','.join(COLUMNS).decode()}; correct the file, or leave it out"
    )
