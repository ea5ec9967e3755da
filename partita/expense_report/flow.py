"""Pages of A4, used from top to bottom. Lengths are points, y grows upwards from the foot of the page.

Invariant Nothing lies outside the margins of a page.
"""

from typing import Final

from msgspec import Struct

from partita.expense_report.typeface import Style

WIDTH, HEIGHT = 595.276, 841.89
MARGIN: Final = 42.52  # 15 mm
LEFT, RIGHT = MARGIN, WIDTH - MARGIN
_EDGE: Final = 22.0  # above and below the body, for what every page says
_TOP, _BOTTOM = HEIGHT - MARGIN - _EDGE, MARGIN + _EDGE
BODY: Final = _TOP - _BOTTOM


class Text(Struct, frozen=True, gc=False):
    """A line of text that begins at *x* and stands on *y*."""

    x: float
    y: float
    text: str
    style: Style


class Band(Struct, frozen=True, gc=False):
    """A filled rectangle; a low one is a rule."""

    left: float
    right: float
    y: float
    height: float
    grey: float


class Page(Struct, frozen=True, eq=False):
    """What is on a page. Bands lie below texts."""

    bands: list[Band]
    texts: list[Text]


class Flow:
    """Pages, and how far down the last one is used."""

    def __init__(self) -> None:
        self.pages = list[Page]()
        self.turn()

    def turn(self) -> None:
        """Go on at the top of a new page."""
        self.pages.append(Page([], []))
        self._y = _TOP

    @property
    def room(self) -> float:
        """Return what is left of the page."""
        return self._y - _BOTTOM

    def need(self, height: float) -> None:
        """Turn the page if it has been used and has no room for *height*."""
        if self.room < min(height, BODY):
            self.turn()

    def skip(self, height: float) -> None:
        """Use *height* up, or what is left of the page."""
        self._y = max(self._y - height, _BOTTOM)

    def text(self, x: float, below: float, text: str, style: Style) -> None:
        """Write *text* at *x*, standing *below* where the page is used to."""
        assert self._y - below >= MARGIN, "a page is turned before it is full"
        if text:
            self.pages[-1].texts.append(Text(x, self._y - below, text, style))

    def band(self, left: float, right: float, below: float, *, height: float, grey: float) -> None:
        """Fill a rectangle whose foot is *below* where the page is used to."""
        self.pages[-1].bands.append(Band(left, right, self._y - below, height, grey))

    def number(self, head: str, foot: str, style: Style) -> None:
        """Write on every page which of how many it is, and *foot*; *head* on all but the first."""
        for number, page in enumerate(self.pages, start=1):
            if number > 1:
                page.texts.insert(0, Text(LEFT, HEIGHT - MARGIN - 1.1 * style.size, head, style))
            of = f"Page {number} of {len(self.pages)}"
            page.texts.append(Text(LEFT, MARGIN + style.size / 3, foot, style))
            page.texts.append(Text(RIGHT - style.width(of), MARGIN + style.size / 3, of, style))
