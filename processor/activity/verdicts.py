"""What becomes of a line: which cells can be read, and for what a line is rejected.

Promise   A good line is handed on as what it says, texts as they stand.
Invariant The reasons stand in order of precedence: the first that applies is why a line is rejected.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from processor.activity.columns import UNKNOWN
from processor.moments import microseconds

COLUMNS: Final = (
    *(b"event_id", b"merchant_id", b"event_timestamp", b"product", b"event_type"),
    *(b"amount", b"status", b"channel", b"region", b"merchant_tier"),
)
CELL_CHARS_MAX: Final = 256
_WHOLE_DIGITS_MAX: Final = 13  # below 10^15 kobo
_DECIMALS: Final = 2

_EVENT_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
_AMOUNT: Final = re.compile(r"([+-]?)(?:0*)(\d*)(?:\.(\d*))?", re.ASCII)
_SPACES: Final = " \t"
_TO_QUOTE: Final = re.compile(r'[,"\r\n]')


class Reason(StrEnum):
    """Why a line is rejected, in order of precedence."""

    LINE_TOO_LONG = "line_too_long"
    QUOTE_UNBALANCED = "quote_unbalanced"
    NUL = "nul"
    NOT_UTF8 = "not_utf8"
    COLUMN_COUNT = "column_count"
    CELL_TOO_LONG = "cell_too_long"
    MERCHANT_BLANK = "merchant_blank"
    EVENT_ID_INVALID = "event_id_invalid"
    AMOUNT_INVALID = "amount_invalid"
    TIME_INVALID = "time_invalid"


class Line(NamedTuple):
    """A good line; amount and instant as in ``columns``.

    *deed* is the cells of product and type, *manner* those from the status on, as CSV that quotes what it has to.
    """

    event_id: bytes
    instant: int
    amount: int
    merchant: bytes
    deed: bytes
    manner: bytes


def judge(record: bytes, cells: Sequence[bytes], *, is_strict: bool) -> Line | Reason:
    """Return the line of *cells*, or why it is rejected; *record* is all of it."""
    if b"\0" in record:
        return Reason.NUL
    try:
        texts = [cell.decode() for cell in cells]
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    if len(texts) != len(COLUMNS):
        return Reason.COLUMN_COUNT
    if max(map(len, texts)) > CELL_CHARS_MAX:
        return Reason.CELL_TOO_LONG
    return _judged(texts, is_strict=is_strict)


def _judged(texts: list[str], *, is_strict: bool) -> Line | Reason:
    if not texts[1].strip():
        return Reason.MERCHANT_BLANK
    event_id = texts[0].strip(_SPACES).lower()
    if _EVENT_ID.fullmatch(event_id) is None:
        return Reason.EVENT_ID_INVALID
    amount, moment = amount_of(texts[5]), moment_of(texts[2])
    if is_strict and amount is None:
        return Reason.AMOUNT_INVALID
    if is_strict and moment is None:
        return Reason.TIME_INVALID
    return Line(
        event_id=UUID(event_id).bytes,
        instant=UNKNOWN if moment is None else moment,
        amount=amount or 0,
        merchant=texts[1].encode(),
        deed=_as_csv(texts[3:5]),
        manner=_as_csv(texts[6:]),
    )


def _as_csv(texts: Sequence[str]) -> bytes:
    return ",".join([_quoted(text) if _TO_QUOTE.search(text) else text for text in texts]).encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def amount_of(text: str) -> int | None:
    """Return the kobo that *text* says in naira, or None.

    It is a plain decimal. It may have a sign, and spaces around it; no exponent, no more than kobo, and less than 10^15
    of them.
    """
    match = _AMOUNT.fullmatch(text.strip(_SPACES))
    if match is None or not any(char.isdigit() for char in text):
        return None
    sign, whole, decimals = match[1], match[2], (match[3] or "").rstrip("0")
    if len(whole) > _WHOLE_DIGITS_MAX or len(decimals) > _DECIMALS:
        return None
    kobo = int(f"{whole}{decimals:0<{_DECIMALS}}")
    return -kobo if sign == "-" else kobo


def moment_of(text: str) -> int | None:
    """Return the instant that *text* says in ISO 8601, or None. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip(_SPACES))
        if moment.tzinfo is None:
            return microseconds(moment.replace(tzinfo=UTC))
        return microseconds(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
