"""Reads a PDF back with PDFium: what its pages say, where each sign stands, and where there is ink."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pypdfium2


@dataclass(frozen=True)
class Sign:
    """A sign and the box of its ink, in points from the lower left corner of the page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


class Drawn:
    """A document that was read back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._document: Any = pypdfium2.PdfDocument(data)
        self._texts = [page.get_textpage() for page in self._document]

    @cached_property
    def pages(self) -> list[list[str]]:
        """What each page says, in lines; blanks as they come."""
        return [text.get_text_range().split("\r\n") for text in self._texts]

    @property
    def said(self) -> str:
        """What all pages say without any blank."""
        return unspaced("".join(line for page in self.pages for line in page))

    @property
    def facts(self) -> dict[str, str]:
        facts: dict[str, str] = self._document.get_metadata_dict()
        return facts

    def signs(self, page: int) -> list[Sign]:
        text = self._texts[page]
        said = text.get_text_range()
        assert len(said) == text.count_chars()
        return [Sign(sign, *text.get_charbox(number)) for number, sign in enumerate(said)]

    def inked(self, margin: int) -> Iterator[int]:
        """Yield the numbers of pages with ink less than *margin* points from an edge."""
        for number, page in enumerate(self._document, start=1):
            bitmap = page.render(scale=1, grayscale=True)
            stride, pixels = bitmap.stride, bytes(bitmap.buffer)
            rows = [pixels[at : at + bitmap.width] for at in range(0, stride * bitmap.height, stride)]
            edges = [*rows[:margin], *rows[-margin:], *(row[:margin] + row[-margin:] for row in rows)]
            if set(b"".join(edges)) != {255}:
                yield number


def unspaced(text: str) -> str:
    return "".join(text.split())
