"""Days of merchants' activity as their source writes them, made up by a seed, with what is odd in some lines."""

import random
import uuid
from collections.abc import Callable
from typing import Final

from tests.activity.by_hand import HEADING

PRODUCTS: Final = ("POS", "AIRTIME", "BILLS", "CARD_PAYMENT", "SAVINGS", "MONIEBOOK", "KYC", "LOANS, new", 'said "so"')
STATUSES: Final = ("SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "PENDING", "")
Cells = list[str]


def heading() -> bytes:
    return ",".join(HEADING).encode() + b"\n"


def day(seed: str, *, lines: int, number: int = 0) -> bytes:
    """Return a file of so many lines; under another *number* some of the same, and written by another hand."""
    draw = random.Random(seed)
    records = [_record(draw) for _ in range(lines)]
    odd = random.Random(f"{seed} {number}")
    for record in odd.sample(records, lines // 8):
        odd.choice(ODD)(record, odd)
    if number % 2:
        records[lines // 2 :] = [_record(odd) for _ in range(lines - lines // 2)]
    for nth in range(lines // 20):  # the second of two would be the first by what it says
        records[2 * nth + 1] = [*records[2 * nth][:3], "", *records[2 * nth][4:]]
    end = "\r\n" if number % 4 > 1 else "\n"
    quoted = number % 4 == 3
    text = "".join(",".join(_cell(cell, always=quoted) for cell in record) + end for record in [HEADING, *records])
    return b"\xef\xbb\xbf" * (number % 4 == 1) + text.encode()


def _record(draw: random.Random) -> Cells:
    return [
        str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        f"MRC-{draw.randrange(40):06}",
        f"2024-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T{draw.randrange(24):02}:00:01",
        draw.choice(PRODUCTS),
        draw.choice(("SALE", "DOCUMENT_SUBMITTED", "TIER_UPGRADE", "Ωδή")),
        f"{draw.randrange(10**6) / 100:.2f}",
        draw.choice(STATUSES),
        draw.choice(("POS", "APP", "pigeon")),
        "LAGOS",
        "STARTER",
    ]


def _cell(text: str, *, always: bool) -> str:
    return '"' + text.replace('"', '""') + '"' if always or set('",\r\n') & set(text) else text


def _put(column: int, *texts: str) -> Callable[[Cells, random.Random], None]:
    def put(cells: Cells, draw: random.Random) -> None:
        cells[column] = draw.choice(texts)

    return put


def _shorter(cells: Cells, draw: random.Random) -> None:
    del cells[draw.randrange(10)]


def _longer(cells: Cells, _: random.Random) -> None:
    cells.append("")


def _upper(cells: Cells, _: random.Random) -> None:
    cells[0] = cells[0].upper()


ODD: Final = (
    *(_shorter, _longer, _upper),
    _put(0, "", "no id", "0190a0e0"),
    _put(1, "", "  ", "MRC 7", "=cmd()"),
    _put(2, "", "INVALID", "2024-02-30T00:00:00", "2023-12-31T23:30:00-01:00", "2024-01-31", "2024-01-01T00:00:00.5"),
    _put(3, "two\nlines", "", "x" * 256),
    _put(5, "", "INVALID", "-3.10", "7", "0.001", "NaN", " 8.5 ", "1e3"),
)
