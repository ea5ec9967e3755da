"""How wide texts are, what of them a typeface can show, and where their lines end. Lengths are points.

Invariant Nothing that is seen gets lost: what the typeface has no sign for is shown as U+FFFD, and a word that is wider
          than its column is broken. Only what has no width of its own (joiners, marks of direction) is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from unicodedata import category, name, normalize

from msgspec import Struct

REPLACEMENT: Final = "\ufffd"
_UNBREAKABLE: Final = "\u00a0\u2007\u202f"
_SLACK: Final = 0.01  # sums of fractions differ by less


class Typeface:
    """The signs of a font with their *widths* in thousandths of its size."""

    def __init__(self, name: str, widths: Mapping[int, float]) -> None:
        self.name = name
        self._widths = {chr(code): width for code, width in widths.items()}
        self._shown = _Shown(self._widths)

    def width(self, text: str, size: float) -> float:
        """Return the length of *text*, which has been ``shown``."""
        return sum(map(self._widths.__getitem__, text)) * size / 1000

    def shown(self, text: str) -> str:
        """Return *text* in signs that this typeface has, every blank but those that hold words together as a space."""
        return normalize("NFC", text).translate(self._shown)

    def lines(self, text: str, width: float, size: float) -> Sequence[str]:
        """Return *text* in lines of at most *width*, one at least. Its own lines stay apart, but empty ones go."""
        parts = [self.shown(part) for part in text.splitlines()]
        return [line for part in parts for line in self._broken(part, width, size)] or [""]

    def _broken(self, text: str, width: float, size: float) -> Iterator[str]:
        """Yield *text*, a line of its own, in lines of at most *width*."""
        line, length, space = "", 0.0, self.width(" ", size)
        for word in text.split(" "):
            for piece in self._pieces(word, width, size):
                added = self.width(piece, size)
                if line and length + space + added <= width + _SLACK:
                    line, length = f"{line} {piece}", length + space + added
                    continue
                if line:
                    yield line
                line, length = piece, added
        if line:
            yield line

    def _pieces(self, word: str, width: float, size: float) -> Iterator[str]:
        """Yield *word* whole if a line has room for it, else in pieces of a line each."""
        if self.width(word, size) <= width + _SLACK:
            if word:
                yield word
            return
        start, length = 0, 0.0
        for end, sign in enumerate(word):
            added = self.width(sign, size)
            if start < end and length + added > width + _SLACK:
                yield word[start:end]
                start, length = end, 0.0
            length += added
        yield word[start:]


class Style(Struct, frozen=True, eq=False, kw_only=True):
    """How text is written. ``grey`` is 0 for black."""

    face: Typeface
    size: float
    grey: float = 0.0

    def width(self, text: str) -> float:
        """Return the length of *text*."""
        return self.face.width(text, self.size)

    def lines(self, text: str, width: float) -> Sequence[str]:
        """Return *text* in lines of at most *width*."""
        return self.face.lines(text, width, self.size)


class _Shown(dict[int, str]):
    """What each character is shown as; found when it is first asked for."""

    def __init__(self, widths: Mapping[str, float]) -> None:
        super().__init__()
        self._widths = widths

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        if category(sign) == "Cf" or name(sign, "").startswith("VARIATION SELECTOR"):
            found = ""
        elif sign.isspace() and sign not in _UNBREAKABLE:
            found = " "
        else:
            found = sign if sign in self._widths else REPLACEMENT
        self[code] = found
        return found
