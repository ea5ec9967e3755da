"""Draws the document of a tax year as PDF, with the typefaces embedded.

Promise   The same year and rows make the same bytes. One document is drawn at a time; several threads may ask.
"""

from collections.abc import Sequence
from datetime import UTC
from functools import cache
from importlib import resources
from io import BytesIO
from threading import Lock
from typing import Final

from reportlab import rl_config
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from partita.expense_report.document import Faces, title_of, typeset
from partita.expense_report.flow import HEIGHT, WIDTH, Page
from partita.expense_report.typeface import Typeface
from processor.expenses.tax_rows import TaxRow, TaxYear

_FONTS: Final = "partita.expense_report.fonts"
_ONE_AT_A_TIME: Final = Lock()  # the library's fonts belong to the process


def drawn(year: TaxYear, rows: Sequence[TaxRow]) -> bytes:
    """Return the document of *year* with its *rows*, which sum to its totals."""
    with _ONE_AT_A_TIME:
        known = faces()
        rl_config.useA85 = 0  # streams as they are: no text encoding of compressed bytes
        document = BytesIO()
        canvas = Canvas(
            document,
            pagesize=(WIDTH, HEIGHT),
            pageCompression=1,
            invariant=1,
            initialFontName=known.regular.name,  # type: ignore[arg-type] # the stubs take it for a length
            lang="en",
        )
        canvas.setTitle(f"{title_of(year)}, {year.user_id}")
        canvas.setAuthor(year.user_id)
        canvas.setCreator("Partita")
        made = f"D:{year.taken_at.astimezone(UTC):%Y%m%d%H%M%S}Z"
        canvas.setDateFormatter(lambda *_: made)
        for page in typeset(year, rows, known):
            _draw(canvas, page)
        canvas.save()
        return document.getvalue()


@cache
def faces() -> Faces:
    """Return the typefaces, known to the library from then on."""
    return Faces(regular=_face("regular.ttf"), bold=_face("bold.ttf"))


def _face(file: str) -> Typeface:
    font = TTFont(f"partita/{file}", BytesIO(resources.files(_FONTS).joinpath(file).read_bytes()))
    registerFont(font)
    return Typeface(font.fontName, font.face.charWidths)


def _draw(canvas: Canvas, page: Page) -> None:
    for band in page.bands:
        canvas.setFillGray(band.grey)
        canvas.rect(band.left, band.y, band.right - band.left, band.height, stroke=0, fill=1)
    text = canvas.beginText()
    style = None
    for each in page.texts:
        if each.style is not style:
            style = each.style
            text.setFont(style.face.name, style.size)
            text.setFillGray(style.grey)
        text.setTextOrigin(each.x, each.y)
        text.textOut(each.text)
    canvas.drawText(text)
    canvas.showPage()
