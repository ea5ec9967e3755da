"""The lines of a file of activity: which are good as they stand, and which have to be read cell by cell.

Promise   Every line behind the heading is good or a reject, whatever is in the file: no line hides another. What
          becomes of it depends on the line alone, not on how the file was cut into pieces.
Cost      A microsecond and a half a line where lines are plain; some six times as much for each other one.
Bound     ``LineLimits`` for what is held of a line that does not end; a record has at most ``RECORD_LINES_MAX`` lines.
Invariant Records are those of RFC 4180: a quoted cell may hold commas, quotes and line ends. A quote that nobody closes
          spoils its own line, and reading goes on with the next. Numbers of lines begin with 1, which is the heading.
"""

import re
from typing import Final

from msgspec import Struct

from contracts.activity import Policy
from processor.activity.plain import Lines, PlainLines
from processor.activity.rows import NO_ROWS, Gathered, Rows, among
from processor.activity.verdicts import COLUMNS, Reason, judge
from processor.errors import Declined

RECORD_LINES_MAX: Final = 100
_BOM: Final = b"\xef\xbb\xbf"

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

    *rows* are good ones; *repeated* is how many more have the event of one of those, or of the chunk before. *place* is
    where reading goes on.
    """

    rows: Rows
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
        self._is_strict = policy == "strict"
        self._limits = limits
        self._offset, self._line_no = begin.offset, begin.line_no
        self._is_headed = begin.line_no > 1
        self._buffer = b""
        self._skipping = False  # the rest of a line that is too long
        self._gathered = Gathered()
        self._before = NO_ROWS.event_ids  # of the last chunk, in order
        self._rejects: list[Reject] = []
        self.bytes = 0  # of the lines read cell by cell since the last chunk, which are held as they stand

    @property
    def lines(self) -> int:
        """How many lines were read since the last chunk."""
        return len(self._gathered) + len(self._rejects)

    def take(self) -> Chunk:
        """Return what has become of the lines read since the last time: lines that come again mostly do so soon."""
        rows, count = self._gathered.rows(), len(self._gathered)
        self._gathered = Gathered()
        fresh = rows.only(~among(rows.event_ids, self._before))
        place = Place(self._offset, self._line_no)
        chunk = Chunk(rows=fresh, repeated=count - len(fresh), rejects=self._rejects, place=place)
        self._before, self._rejects, self.bytes = rows.event_ids, [], 0
        return chunk

    def feed(self, piece: bytes, *, is_last: bool = False) -> None:
        """Read on, as far as *piece* shows where lines end; behind the last one nothing is left.

        Raises:
            Declined: The first line is not the heading.
        """
        self._buffer += piece
        at = self._skip(0) if self._skipping else 0
        if not self._is_headed:
            at = self._read_heading(is_last=is_last)
        self._line_no += self._buffer.count(b"\n", 0, at)
        if self._is_headed:
            at = self._read_lines(at, is_last=is_last)
        self._offset += at
        self._buffer = self._buffer[at:]

    def _read_heading(self, *, is_last: bool) -> int:
        found = self._record(0, is_last=is_last)
        if found is None:
            return 0
        end, cells = found
        if isinstance(cells, Reason) or [cells[0].removeprefix(_BOM), *cells[1:]] != list(COLUMNS):
            raise _wrong_heading()
        self._is_headed = True
        return end

    def _read_lines(self, begin: int, *, is_last: bool) -> int:
        """Read the lines from *begin* on, and return where the first one begins of which more has to be seen."""
        lines = Lines(self._buffer, begin, line_bytes_max=self._limits.line_bytes_max)
        plain = lines.plain(unknown_time=not self._is_strict)
        at, hidden = self._read_others(lines, plain, begin, is_last=is_last)
        end = lines.before(at)
        if hidden or end < len(lines):
            plain = plain.without(hidden, end)
        self._gathered.add_plain(self._line_no, plain)
        self._line_no += end
        return at

    def _read_others(self, lines: Lines, plain: PlainLines, at: int, *, is_last: bool) -> tuple[int, list[range]]:
        """Read those that are not plain; return where more has to be seen, and which lines belong to others."""
        hidden: list[range] = []
        for number, begin in lines.others(plain):
            if begin < at:
                continue
            after = self._read_other(begin, self._line_no + number, is_last=is_last)
            if after is None:
                return begin, hidden
            at = self._skip(after) if self._skipping else after
            if lines.before(at) > number + 1:
                hidden.append(range(number + 1, lines.before(at)))
        return max(at, lines.end), hidden

    def _read_other(self, at: int, line_no: int, *, is_last: bool) -> int | None:
        """Read one cell by cell, and return where the next begins; None where more has to be seen of it."""
        found = self._record(at, is_last=is_last)
        if found is None:
            return None
        end, cells = found
        record = self._buffer[at:end]
        self.bytes += len(record)
        if is_last and end == len(self._buffer) and not record.strip(b"\r\n"):
            return end
        verdict = cells if isinstance(cells, Reason) else judge(record, cells, is_strict=self._is_strict)
        if isinstance(verdict, Reason):
            raw = record.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace").replace("\0", "\ufffd")
            self._rejects.append(Reject(line_no, verdict, raw))
        else:
            self._gathered.add(line_no, verdict)
        return end

    def _skip(self, at: int) -> int:
        newline = self._buffer.find(b"\n", at)
        self._skipping = newline < 0
        return len(self._buffer) if newline < 0 else newline + 1

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


def _wrong_heading() -> Declined:
    return Declined(
        "header_invalid", f"its first line has to be {b','.join(COLUMNS).decode()}; correct the file, or leave it out"
    )
