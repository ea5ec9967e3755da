"""Cells of many lines at once, as columns: ids of events, instants and amounts, where they are written the plain way.

Promise   A column comes with a mask: where it says so, the value is the one that ``verdicts`` reads from the same
          cell. Where it does not, the cell may be anything, and its value means nothing.
Cost      A tenth of a microsecond for each cell, however many there are; a few for each call.
Shapes    *buffer* is the bytes of a file, and some behind them; *begins* and *ends* are where in it the cells of a
          column begin and end, one for each line.
Source    Amounts are kobo; instants are microseconds since 2000 in UTC, as PostgreSQL counts them.
"""

from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

TEXT_BYTES_MAX: Final = 64
WORD: Final = 8  # bytes
UNKNOWN: Final = np.iinfo(np.int64).min  # an instant that could not be read
EVENT_ID_CHARS: Final = 36
EVENT_ID_BYTES: Final = 16
_AMOUNT_CHARS_MAX: Final = 13  # ten digits, a point, two decimals
_AMOUNT_CHARS_MIN: Final = 3
_MOMENT_CHARS: Final = 19  # to the second

_ZERO, _POINT, _Z = (ord(each) for each in "0.Z")
_DIGIT_MAX: Final = 9
_NOT_HEX: Final = 255
_DASHES: Final = np.array([8, 13, 18, 23])
_DIGITS: Final = np.array([at for at in range(EVENT_ID_CHARS) if at not in _DASHES])
_HEX: Final = np.full(256, _NOT_HEX, np.uint8)
for _value in range(16):
    _HEX[[ord(digit) for digit in f"{_value:x}{_value:X}"]] = _value

_SEPARATORS: Final = np.array([4, 7, 10, 13, 16])
_SEPARATED_BY: Final = np.frombuffer(b"--T::", np.uint8)
_PAIRS: Final = np.array([[0, 1], [2, 3], [5, 6], [8, 9], [11, 12], [14, 15], [17, 18]])
_PARTS_MIN: Final = np.array([10, 0, 1, 1, 0, 0, 0], np.uint8)  # century, year in it, month, day, hour, minute, second
_PARTS_MAX: Final = np.array([29, 99, 12, 31, 23, 59, 59], np.uint8)
_DAY_OF_2000: Final = 10_957  # days since 1970
_SECOND: Final = 1_000_000
_FRACTION_CHARS: Final = 7  # a point and six digits
_MICROS: Final = np.array([0, *(10**power for power in range(5, -1, -1))])

_TWO: Final = np.array([*(10**power for power in range(11, 1, -1)), 0, 10, 1])  # 0000000000.00
_ONE: Final = np.array([*(10**power for power in range(12, 1, -1)), 0, 10])  # 00000000000.0


def event_ids(buffer: Bytes, begins: Ints) -> tuple[Bytes, Mask]:
    """Return UUIDs, 16 bytes each, of cells of 36 characters, and which of them are some."""
    cells = _windows(buffer, begins, EVENT_ID_CHARS)
    nibbles = _HEX[cells[:, _DIGITS]]
    fits: Mask = (cells[:, _DASHES] == ord("-")).all(axis=1) & (nibbles.max(axis=1, initial=0) != _NOT_HEX)
    ids: Bytes = nibbles[:, 0::2] << np.uint8(4) | nibbles[:, 1::2]
    return ids, fits


def instants(buffer: Bytes, begins: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Return the instants of cells like 2024-01-31T23:59:59.123456Z, fraction and Z left out or not, and which are."""
    cells = _windows(buffer, begins, _MOMENT_CHARS)
    digits = cells[:, _PAIRS] - np.uint8(_ZERO)
    parts = digits[:, :, 0] * np.uint8(10) + digits[:, :, 1]
    century, year, month, day, hour, minute, second = parts.T.astype(np.int64)
    first = ((century * 100 + year - 1970) * 12 + month - 1).view("M8[M]")
    days, following = _days(first), _days(first + 1)
    fits = (
        (digits <= _DIGIT_MAX).all(axis=(1, 2))
        & (cells[:, _SEPARATORS] == _SEPARATED_BY).all(axis=1)
        & ((parts >= _PARTS_MIN) & (parts <= _PARTS_MAX)).all(axis=1)
        & (day <= following - days)
    )
    seconds = ((days + day - 1 - _DAY_OF_2000) * 24 + hour) * 3600 + minute * 60 + second
    micros, ended = _fractions(buffer, begins + _MOMENT_CHARS, ends)
    return seconds * _SECOND + micros, fits & ended


def _days(months: NDArray[Any]) -> Ints:
    """Return the first days of *months*, since 1970."""
    return months.astype("M8[D]").astype(np.int64)


def _fractions(buffer: Bytes, begins: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """Return the microseconds that cells say behind their seconds, and which end as they may."""
    micros, fits = np.zeros(len(begins), np.int64), ends == begins
    some = np.flatnonzero(~fits)
    if len(some):
        begins, ends = begins[some], ends[some]
        cells = _windows(buffer, begins, _FRACTION_CHARS)
        count = ends - begins - (buffer[ends - 1] == _Z)
        place = np.arange(_FRACTION_CHARS)
        digits = np.where((place > 0) & (place < count[:, None]), cells - np.uint8(_ZERO), 0).astype(np.int64)
        micros[some] = digits @ _MICROS
        has_fraction = (cells[:, 0] == _POINT) & (count > 1) & (count <= _FRACTION_CHARS)
        fits[some] = (digits <= _DIGIT_MAX).all(axis=1) & (has_fraction | (count == 0))
    return micros, fits


def amounts(buffer: Bytes, ends: Ints, lengths: Ints) -> tuple[Ints, Mask]:
    """Return the kobo of cells like 1234.50 or 1234.5 that have so many characters, and which are like that."""
    cells = _windows(buffer, ends - _AMOUNT_CHARS_MAX, _AMOUNT_CHARS_MAX)
    has_two = cells[:, -3] == _POINT
    point = np.where(has_two, _AMOUNT_CHARS_MAX - 3, _AMOUNT_CHARS_MAX - 2)[:, None]
    place = np.arange(_AMOUNT_CHARS_MAX)
    is_digit = (place >= _AMOUNT_CHARS_MAX - lengths[:, None]) & (place != point)
    digits = np.where(is_digit, cells - np.uint8(_ZERO), 0).astype(np.int64)
    fits = (
        (digits <= _DIGIT_MAX).all(axis=1)
        & (has_two | (cells[:, -2] == _POINT))
        & (lengths >= _AMOUNT_CHARS_MIN)
        & (lengths <= _AMOUNT_CHARS_MAX)
    )
    return np.where(has_two, digits @ _TWO, digits @ _ONE), fits


def texts(buffer: Bytes, begins: Ints, ends: Ints) -> Bytes:
    """Return texts of ``TEXT_BYTES_MAX`` at most, each with zeros behind it: as wide as the longest, in whole words."""
    lengths = (ends - begins)[:, None]
    width = -(-int(lengths.max(initial=0)) // WORD) * WORD
    cells = _windows(buffer, begins, width)
    cells[np.arange(width) >= lengths] = 0
    return cells


def _windows(buffer: Bytes, begins: Ints, width: int) -> Bytes:
    """Return so many bytes from each of *begins* on."""
    if not len(begins) or not width:
        return np.empty((len(begins), width), np.uint8)
    windows: Bytes = sliding_window_view(buffer, width)[begins]
    return windows
