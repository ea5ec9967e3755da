"""Tables that go on over pages, with their heads on each.

Promise   No text is clipped: numbers get the width they need, texts share what is left and are wrapped. The decimal
          points of a column stand below one another. A row stays on one page unless it is higher than a page.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from partita.expense_report.flow import BODY, LEFT, RIGHT, Flow
from partita.expense_report.typeface import Style

Cells = Sequence[str]

_LEADING: Final = 1.25  # of the size of the text
_DESCENT: Final = 0.3  # of the size: how far letters may reach below the line they stand on
_PAD: Final = 2.25
_RULE: Final = 0.4
_PALE, _GREY, _DARK = 0.92, 0.8, 0.2


class Column(Struct, frozen=True, kw_only=True):
    """A column. ``weight`` is its part of what is left of the page's width, for texts that are wrapped; else 0."""

    head: str
    number: bool = False
    head_left: bool = False  # also above numbers
    weight: int = 0
    gap: float = 10.0  # to the column before


class Look(Struct, frozen=True, eq=False, kw_only=True):
    """The styles of a table, all of one size; *bold* for heads and totals, *faint* for what is not data."""

    plain: Style
    bold: Style
    faint: Style


class _Place(Struct, frozen=True):
    """Where a column is. ``tail`` is what its numbers have from the decimal point on."""

    left: float
    width: float
    tail: float

    def x(self, text: str, style: Style, *, number: bool) -> float:
        """Return where *text* begins."""
        if not number:
            return self.left
        return self.left + self.width - self.tail - style.width(text.partition(".")[0])


class Table:
    """Rows of cells below heads; after the last row those of the totals."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Cells], totals: Sequence[Cells], look: Look) -> None:
        self._columns = columns
        self._rows = rows
        self._totals = totals
        self._look = look
        self._places = _places(columns, rows, totals, look)
        self._leading = look.plain.size * _LEADING
        self._full = BODY - self._height(1)

    @property
    def height_min(self) -> float:
        """Return what the head and the first row need, or the beginning of a high one."""
        first = max(len(lines) for lines in self._wrapped(self._rows[0], self._look.plain))
        return self._height(1) + self._height(min(first, 5))

    def put(self, flow: Flow) -> None:
        """Write the table where *flow* is."""
        self._put_head(flow)
        below = [self._wrapped(cells, self._look.bold) for cells in self._totals]
        totals_height = sum(self._height(max(map(len, cells))) for cells in below)
        last = len(self._rows) - 1
        for number, cells in enumerate(self._rows):
            kept = totals_height if number == last else 0.0
            self._put_row(flow, self._wrapped(cells, self._look.plain), self._look.plain, kept=kept)
        for number, lines in enumerate(below):
            self._rule(flow, _GREY if number else _DARK)
            self._put_row(flow, lines, self._look.bold)

    def _put_head(self, flow: Flow) -> None:
        height = self._height(1)
        flow.band(self._places[0].left, self._right, height, height=height, grey=_PALE)
        for column, place in zip(self._columns, self._places, strict=True):
            right = column.number and not column.head_left
            indent = place.width - self._look.bold.width(column.head) if right else 0.0
            flow.text(place.left + indent, self._stand(0), column.head, self._look.bold)
        flow.skip(height)

    def _put_row(self, flow: Flow, cells: Sequence[Sequence[str]], style: Style, *, kept: float = 0.0) -> None:
        """Write a row of wrapped *cells*, with room below it for *kept* if a page has so much."""
        count, done = max(map(len, cells)), 0
        while True:
            wanted = self._height(count - done) + kept
            if wanted > flow.room and (wanted <= self._full or not self._fitting(flow)):
                flow.turn()
                self._put_head(flow)
            part = min(count - done, self._fitting(flow))
            if done and not cells[0][done:]:
                flow.text(self._places[0].left, self._stand(0), "continued", self._look.faint)
            self._put_lines(flow, [lines[done : done + part] for lines in cells], style)
            flow.skip(self._height(part))
            self._rule(flow, _GREY)
            done += part
            if done == count:
                return

    def _put_lines(self, flow: Flow, cells: Sequence[Sequence[str]], style: Style) -> None:
        for column, place, lines in zip(self._columns, self._places, cells, strict=True):
            for number, line in enumerate(lines):
                flow.text(place.x(line, style, number=column.number), self._stand(number), line, style)

    def _wrapped(self, cells: Cells, style: Style) -> Sequence[Sequence[str]]:
        pairs = zip(cells, self._columns, self._places, strict=True)
        return [style.lines(cell, place.width) if column.weight else [cell] for cell, column, place in pairs]

    def _rule(self, flow: Flow, grey: float) -> None:
        flow.band(self._places[0].left, self._right, 0.0, height=_RULE, grey=grey)

    def _height(self, lines: int) -> float:
        return lines * self._leading + 2 * _PAD

    def _stand(self, line: int) -> float:
        return _PAD + (line + 1) * self._leading - self._look.plain.size * _DESCENT

    def _fitting(self, flow: Flow) -> int:
        """Return how many lines the page has room for."""
        return max(0, int((flow.room - 2 * _PAD) // self._leading))

    @property
    def _right(self) -> float:
        return self._places[-1].left + self._places[-1].width


def _places(columns: Sequence[Column], rows: Sequence[Cells], totals: Sequence[Cells], look: Look) -> list[_Place]:
    sizes = [
        _size(column, [row[number] for row in rows], [row[number] for row in totals], look)
        for number, column in enumerate(columns)
    ]
    free = RIGHT - LEFT - sum(column.gap for column in columns[1:])
    free -= sum(width for column, (width, _) in zip(columns, sizes, strict=True) if not column.weight)
    wanted = {number: sizes[number][0] for number, column in enumerate(columns) if column.weight}
    shares = _shares(wanted, {number: columns[number].weight for number in wanted}, free)
    return list(_in_a_row(columns, [(shares.get(number, width), tail) for number, (width, tail) in enumerate(sizes)]))


def _in_a_row(columns: Sequence[Column], sizes: Iterable[tuple[float, float]]) -> Iterator[_Place]:
    left = LEFT - columns[0].gap
    for column, (width, tail) in zip(columns, sizes, strict=True):
        yield _Place(left + column.gap, width, tail)
        left += column.gap + width


def _size(column: Column, plain: Sequence[str], bold: Sequence[str], look: Look) -> tuple[float, float]:
    """Return the width that the texts of a column need in one line, and the tail of its numbers."""
    texts = [(each, look.plain) for each in plain] + [(each, look.bold) for each in bold]
    head = look.bold.width(column.head)
    if not column.number:
        return max([head, *(style.width(style.face.shown(" ".join(text.splitlines()))) for text, style in texts)]), 0.0
    parts = [(text.partition("."), style) for text, style in texts]
    tail = max((style.width(point + decimals) for (_, point, decimals), style in parts), default=0.0)
    whole = max((style.width(whole) for (whole, _, _), style in parts), default=0.0)
    return max(head, whole + tail), tail


def _shares(wanted: dict[int, float], weights: dict[int, int], free: float) -> dict[int, float]:
    """Divide *free* by *weights*; who wants less than a share gets that, and leaves the rest to the others."""
    for number, width in wanted.items():
        share = free * weights[number] / sum(weights.values())
        if width <= share:
            rest = {other: each for other, each in wanted.items() if other != number}
            left = {other: weights[other] for other in rest}
            return {number: width} | _shares(rest, left, free - width)
    return {number: free * weights[number] / sum(weights.values()) for number in wanted}
