"""Good lines as columns: gathered in the order of reading, and handed on by event, each event once.

Promise   Of lines with one event_id the first that was read is taken.
Cost      A quarter of a microsecond a line.
Bound     48 bytes for each line, and what its chunk names; before they are handed on also its texts, 192 bytes at most.
Units     Instants and amounts are those of ``columns``. What is named often, merchants and kinds, is a column of codes
          and a list of what they stand for. A kind is the last six texts of a line, as CSV.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from processor.activity.columns import EVENT_ID_BYTES, Bytes, Ints, Mask
from processor.activity.names import named
from processor.activity.plain import PlainLines
from processor.activity.verdicts import Line


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Lines in the order of their events; *merchants* and *kinds* are what codes stand for, and may be of no line."""

    event_ids: Bytes
    instants: Ints
    amounts: Ints
    merchant_codes: Ints
    merchants: Sequence[bytes]
    kind_codes: Ints
    kinds: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.event_ids)

    def only(self, fits: Mask) -> "Rows":
        """Return those that fit."""
        if fits.all():
            return self
        return replace(
            self,
            event_ids=self.event_ids[fits],
            instants=self.instants[fits],
            amounts=self.amounts[fits],
            merchant_codes=self.merchant_codes[fits],
            kind_codes=self.kind_codes[fits],
        )


_NONE: Final = np.empty(0, np.int64)
NO_ROWS: Final = Rows(
    event_ids=np.empty((0, EVENT_ID_BYTES), np.uint8),
    instants=_NONE,
    amounts=_NONE,
    merchant_codes=_NONE,
    merchants=(),
    kind_codes=_NONE,
    kinds=(),
)


class Gathered:
    """Lines as they are read. Each comes with its place, which is higher for one that is read later."""

    def __init__(self) -> None:
        self._plain: list[PlainLines] = []  # numbered by their places
        self._others: list[tuple[int, Line]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count + len(self._others)

    def add(self, place: int, line: Line) -> None:
        """Take one that was read cell by cell."""
        self._others.append((place, line))

    def add_plain(self, first: int, lines: PlainLines) -> None:
        """Take plain ones; *first* is the place of the line 0."""
        if len(lines.lines):
            self._plain.append(replace(lines, lines=lines.lines + first))
            self._count += len(lines.lines)

    def rows(self) -> Rows:
        """Return all of them, of those with one event the first."""
        if not len(self):
            return NO_ROWS
        plain, others = self._plain, [line for _, line in self._others]
        places = _column([each.lines for each in plain], [place for place, _ in self._others])
        ids_of_others = np.frombuffer(b"".join([line.event_id for line in others]), np.uint8)
        event_ids = np.concatenate([*(each.event_ids for each in plain), ids_of_others.reshape(-1, EVENT_ID_BYTES)])
        order = _by_event(event_ids, places if others else None)
        merchants = named([[each.merchants for each in plain]], [line.merchant for line in others])
        kinds = named(
            [[each.deeds for each in plain], [each.manners for each in plain]],
            [line.deed + b"," + line.manner for line in others],
        )
        return Rows(
            event_ids=event_ids[order],
            instants=_column([each.instants for each in plain], [line.instant for line in others])[order],
            amounts=_column([each.amounts for each in plain], [line.amount for line in others])[order],
            merchants=merchants.names,
            merchant_codes=merchants.codes[order],
            kinds=kinds.names,
            kind_codes=kinds.codes[order],
        )


def _column(of_plain: Sequence[Ints], of_others: Sequence[int]) -> Ints:
    return np.concatenate([*of_plain, np.array(of_others, np.int64)])


def _by_event(event_ids: Bytes, places: Ints | None) -> Ints:
    """Return which rows there are by event, of those with one event the first; None for *places* that rise already."""
    own = _sortable(event_ids)
    order = np.argsort(own, kind="stable") if places is None else np.lexsort((places, own))
    own = own[order]
    return order[np.concatenate(([True], own[1:] != own[:-1]))]


def among(event_ids: Bytes, others: Bytes) -> Mask:
    """Return which of *event_ids* are among *others*; both are in order."""
    found = np.zeros(len(event_ids), np.bool_)
    if not len(others):
        return found
    own, known = _halves(event_ids), _halves(others)
    maybe = np.flatnonzero(known[_nearest(known, own)] == own)  # few, and nearly always they are
    some, all_ = _sortable(event_ids[maybe]), _sortable(others)
    found[maybe] = all_[_nearest(all_, some)] == some
    return found


def _nearest(known: Any, own: Any) -> Ints:
    """Return where in *known*, in order, each of *own* is if it is there."""
    places: Ints = np.minimum(np.searchsorted(known, own), len(known) - 1)
    return places


def _halves(event_ids: Bytes) -> NDArray[np.uint64]:
    """Return the first eight bytes of each as a number."""
    return event_ids.view(">u8")[:, 0].astype(np.uint64)


def _sortable(event_ids: Bytes) -> Any:
    """Return them as strings of bytes; zeros at the end do not count in these, and all have as many bytes."""
    return np.ascontiguousarray(event_ids).view(f"S{EVENT_ID_BYTES}")[:, 0]
