"""Texts that many lines share, as codes: each text once, and for each line which it has.

Cost      A third of a microsecond a line.
Invariant Texts are compared by all their bytes; what they are sorted by only finds those that may be equal.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from processor.activity.columns import TEXT_BYTES_MAX, WORD, Bytes, Ints

_ODD: Final = np.array([0x9E3779B97F4A7C15 * (2 * at + 1) % 2**64 for at in range(TEXT_BYTES_MAX // WORD)], np.uint64)
_MIXED_BY: Final = np.uint64(0xFF51AFD7ED558CCD)
_HALF: Final = np.uint64(32)


@dataclass(frozen=True)
class Named:
    """*names* that differ, and of each line the place of its own among them."""

    names: list[bytes]
    codes: Ints


def named(columns: Sequence[Sequence[Bytes]], others: Sequence[bytes]) -> Named:
    """Return what lines are named by.

    First come the lines that *columns* are of: some after the other, as rows of bytes with zeros behind them. A name is
    what these say side by side, with commas. Then come *others*, which are names.
    """
    stacked = [_stacked(parts) for parts in columns]
    firsts, codes = _alike(stacked)
    names = [b",".join(cells) for cells in zip(*(_texts(column[firsts]) for column in stacked), strict=True)]
    if not others:
        return Named(names, codes)
    known = {name: code for code, name in enumerate(names)}
    more = [known.setdefault(name, len(known)) for name in others]
    return Named(list(known), np.concatenate((codes, more)))


def cells_of(name: bytes) -> list[str]:
    """Return the texts of a name that is CSV."""
    return next(csv.reader([name.decode()], strict=True))


def _stacked(parts: Sequence[Bytes]) -> Bytes:
    """Return *parts* one after the other, as wide as the widest."""
    width = max((part.shape[1] for part in parts), default=0)
    stacked = np.zeros((sum(map(len, parts)), width), np.uint8)
    begin = 0
    for part in parts:
        stacked[begin : begin + len(part), : part.shape[1]] = part
        begin += len(part)
    return stacked


def _alike(columns: Sequence[Bytes]) -> tuple[Ints, Ints]:
    """Return a row of each sort of rows, and of which sort each row is; alike are those that say the same."""
    words = [column.view(np.uint64) for column in columns]
    digests = np.zeros(len(columns[0]), np.uint64)
    for each in words:
        mixed = each * _ODD[: each.shape[1]]
        mixed ^= mixed >> _HALF
        digests = digests * _MIXED_BY + (mixed * _MIXED_BY).sum(axis=1)
    _, firsts, codes = np.unique(digests, return_index=True, return_inverse=True)
    if not all((each[firsts][codes] == each).all() for each in words):
        _, firsts, codes = np.unique(np.hstack(words), axis=0, return_index=True, return_inverse=True)
    return firsts, codes


def _texts(rows: Bytes) -> list[Any]:
    """Return rows as texts, without the zeros behind them."""
    width = rows.shape[1]
    return rows.view(f"S{width}")[:, 0].tolist() if width else [b""] * len(rows)
