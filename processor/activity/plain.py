"""Plain lines, found and read all at once: those that say what they say in the way in which nearly all lines do.

Promise   A plain line is good, and comes to what reading it cell by cell comes to. Of any other nothing is said but
          where it lies. A record over several lines has a first line that is not plain.
Cost      A microsecond a line, and some 100 microseconds for each call.
Invariant A plain line has ten cells, no NUL, no return but the one that ends it, and a quote only where each second one
          closes a cell that the one before it has opened. Its bytes are UTF-8.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from processor.activity.columns import (
    EVENT_ID_CHARS,
    TEXT_BYTES_MAX,
    UNKNOWN,
    Bytes,
    Ints,
    Mask,
    amounts,
    event_ids,
    instants,
    texts,
)
from processor.activity.verdicts import COLUMNS

_NUL, _NEWLINE, _RETURN, _QUOTE, _COMMA = b'\0\n\r",'
_EVENT_ID, _MERCHANT, _MOMENT, _PRODUCT, _EVENT_TYPE, _AMOUNT, _STATUS, _TIER = 0, 1, 2, 3, 4, 5, 6, 9
_CELLS: Final = len(COLUMNS)
_SPACE, _DELETE = 0x20, 0x7F
_MARGIN: Final = bytes(TEXT_BYTES_MAX)  # nothing is looked for further behind a cell


@dataclass(frozen=True, kw_only=True)
class PlainLines:
    """Those lines of some bytes that are plain: the number of each among all lines, from 0 on, and what it says.

    A merchant is a cell; a deed is the cells of product and type, a manner those from the status on, with commas. Such
    texts are rows of bytes, with zeros behind them.
    """

    lines: Ints
    event_ids: Bytes
    instants: Ints
    amounts: Ints
    merchants: Bytes
    deeds: Bytes
    manners: Bytes

    def without(self, hidden: Iterable[range], end: int) -> "PlainLines":
        """Return those before the line *end* that are not *hidden*."""
        fits = self.lines < end
        for lines in hidden:
            fits &= (self.lines < lines.start) | (self.lines >= lines.stop)
        return replace(self, **{each.name: getattr(self, each.name)[fits] for each in fields(self)})


class Lines:
    """The lines of *data* that have an end, from the byte *begin* on, where a record begins.

    *begins* and *ends* are where each begins, and where its newline lies.
    """

    def __init__(self, data: bytes, begin: int, *, line_bytes_max: int) -> None:
        self._data, self._begin = data, begin
        self._buffer = np.frombuffer(data + _MARGIN, np.uint8)
        self._limit = line_bytes_max
        special = np.flatnonzero(self._buffer[begin : len(data)] <= _COMMA) + begin
        marks = self._buffer[special]
        self.ends = special[marks == _NEWLINE]
        self.begins = np.concatenate(([begin], self.ends[:-1] + 1)) if len(self.ends) else self.ends
        self._commas = special[marks == _COMMA]
        self._quotes = special[marks == _QUOTE]
        returns = special[marks == _RETURN]
        self._stray = np.concatenate((special[marks == _NUL], returns[self._buffer[returns + 1] != _NEWLINE]))

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def end(self) -> int:
        """Where the line begins that has no end yet; the end of all where each has one."""
        return int(self.ends[-1]) + 1 if len(self) else self._begin

    def before(self, place: int) -> int:
        """How many lines begin before *place*."""
        return int(np.searchsorted(self.begins, place))

    def others(self, plain: PlainLines) -> Iterator[tuple[int, int]]:
        """Yield the number of each line that is not plain, and where it begins; last that of one without an end."""
        numbers = np.setdiff1d(np.arange(len(self)), plain.lines, assume_unique=True)
        yield from zip(numbers.tolist(), self.begins[numbers].tolist(), strict=True)
        if self.end < len(self._data):
            yield len(self), self.end

    def plain(self, *, unknown_time: bool) -> PlainLines:
        """Read what is plain of them; *unknown_time* says whether a line may have no time."""
        buffer, lines, begins, ends = self._of_ten_cells()
        fits = _short(buffer, begins, ends)
        lines, begins, ends = _chosen(fits, lines, begins, ends)
        ids, are_ids = event_ids(buffer, begins[:, _EVENT_ID])
        kobo, are_amounts = amounts(buffer, ends[:, _AMOUNT], (ends - begins)[:, _AMOUNT])
        moments, are_moments = instants(buffer, begins[:, _MOMENT], ends[:, _MOMENT])
        if unknown_time:
            is_unknown = begins[:, _MOMENT] == ends[:, _MOMENT]
            moments[is_unknown] = UNKNOWN
            are_moments |= is_unknown
        fits = are_ids & are_amounts & are_moments
        lines, begins, ends, ids, kobo, moments = _chosen(fits, lines, begins, ends, ids, kobo, moments)
        return PlainLines(
            lines=lines,
            event_ids=ids,
            instants=moments,
            amounts=kobo,
            merchants=texts(buffer, begins[:, _MERCHANT], ends[:, _MERCHANT]),
            deeds=texts(buffer, begins[:, _PRODUCT], ends[:, _EVENT_TYPE]),
            manners=texts(buffer, begins[:, _STATUS], ends[:, _TIER]),
        )

    def _of_ten_cells(self) -> tuple[Bytes, Ints, Ints, Ints]:
        """Return the numbers of lines that have ten cells and nothing strange, and where in which bytes these lie."""
        commas_before = np.searchsorted(self._commas, self.ends)
        is_plain = np.diff(commas_before, prepend=0) == _CELLS - 1
        stops = self.ends - (self._buffer[self.ends - 1] == _RETURN)
        is_plain &= stops - self.begins <= self._limit
        is_plain[self._lines_at(self._strange())] = False
        lines = np.flatnonzero(is_plain)
        commas = self._commas[commas_before[lines][:, None] + np.arange(1 - _CELLS, 0)]
        begins = np.column_stack((self.begins[lines], commas + 1))
        ends = np.column_stack((commas, stops[lines]))
        return self._unquoted(lines, begins, ends) if len(self._quotes) else (self._buffer, lines, begins, ends)

    def _unquoted(self, lines: Ints, begins: Ints, ends: Ints) -> tuple[Bytes, Ints, Ints, Ints]:
        """Return the same without quotes, and without lines in which these stand elsewhere than around cells."""
        is_quoted = (ends - begins > 1) & (self._buffer[begins] == _QUOTE) & (self._buffer[ends - 1] == _QUOTE)
        quotes = np.bincount(self._lines_at(self._quotes), minlength=len(self.ends))[lines]
        lines, begins, ends = _chosen(quotes == 2 * is_quoted.sum(axis=1), lines, begins, ends)
        begins, ends = (each - np.searchsorted(self._quotes, each) for each in (begins, ends))
        return self._buffer[self._buffer != _QUOTE], lines, begins, ends

    def _strange(self) -> Ints:
        """Return where bytes are that no plain line has: those of no text, when there are any, and stray ones."""
        if not len(self.ends) or self._data.isascii():
            return self._stray
        try:
            self._data[self.begins[0] : self.ends[-1]].decode()
        except UnicodeDecodeError:
            return np.concatenate((self._stray, np.flatnonzero(self._buffer > _DELETE)))
        return self._stray

    def _lines_at(self, places: Ints) -> Ints:
        """Return the numbers of the lines that lie at *places*."""
        lines = np.searchsorted(self.ends, places)
        return lines[lines < len(self.ends)]


def _short(buffer: Bytes, begins: Ints, ends: Ints) -> Mask:
    """Return which lines have cells as long as they may be, and a merchant who begins with more than a space."""
    lengths = ends - begins
    merchants = buffer[begins[:, _MERCHANT]]
    fits: Mask = (
        (lengths[:, _EVENT_ID] == EVENT_ID_CHARS)
        & (ends[:, _EVENT_TYPE] - begins[:, _PRODUCT] <= TEXT_BYTES_MAX)
        & (ends[:, _TIER] - begins[:, _STATUS] <= TEXT_BYTES_MAX)
        & (lengths[:, _MERCHANT] <= TEXT_BYTES_MAX)
        & (lengths[:, _MERCHANT] > 0)
        & (merchants > _SPACE)
        & (merchants < _DELETE)
    )
    return fits


def _chosen(fits: Mask, *columns: Any) -> Any:
    """Return *columns* for those lines that fit."""
    return columns if fits.all() else tuple(column[fits] for column in columns)
