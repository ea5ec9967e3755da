"""A kind of export that needs no table: numbers with a text, an amount and a currency, in slices.

What the rows are is also said here in Python, so that what is written can be compared.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts.specs import LEDGER
from processor.database import Connection
from processor.engine.cuts import Cut
from processor.engine.exporting import Cell, Column, Drawn, ExportKind, Filter, Filters, Slice
from processor.errors import Declined

SLICE_ROWS: Final = 500
TEXTS: Final = ("plain", 'say "x", or not', "two\nlines", "cr\r\nlf", "Ελλάδα", "")
CURRENCIES: Final = ("EUR", "JPY", "KWD")
HEADING: Final = ["n", "text", "amount", "currency"]
_DECIMALS: Final = {"EUR": 2, "JPY": 0, "KWD": 3}

_NUMBERED: Final = """(SELECT n, (n % 6)::integer AS text, (n % 3)::integer AS money, n * 100 - 7 AS minor
      FROM generate_series($1::bigint, $2::bigint - 1) AS n) AS numbered"""
ROWS: Final = f"""SELECT n, ($3::text[])[1 + text] AS text,
           round(minor / 10::numeric ^ (ARRAY[2, 0, 3])[1 + money], (ARRAY[2, 0, 3])[1 + money]) AS amount,
           (ARRAY['EUR', 'JPY', 'KWD'])[1 + money] AS currency
      FROM {_NUMBERED} ORDER BY n"""
SUMS: Final = f"""SELECT (ARRAY['EUR', 'JPY', 'KWD'])[1 + money] AS currency,
           count(*) AS rows, sum(minor)::bigint AS minor
      FROM {_NUMBERED} WHERE cardinality($3::text[]) = 6 GROUP BY 1"""


def rows_of(count: int) -> list[list[str]]:
    """Return the rows as cells."""
    return [[str(n), TEXTS[n % 6], decimal(n * 100 - 7, CURRENCIES[n % 3]), CURRENCIES[n % 3]] for n in range(count)]


def sums_of(count: int) -> dict[str, str]:
    """Return the sums of the rows."""
    minor = {name: sum(n * 100 - 7 for n in range(count) if CURRENCIES[n % 3] == name) for name in CURRENCIES[:count]}
    return {name: decimal(each, name) for name, each in minor.items()}


def decimal(minor: int, currency: str) -> str:
    """Return *minor* units as a decimal with all that the currency has."""
    decimals = _DECIMALS[currency]
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{text}" if minor < 0 else text


@dataclass(frozen=True)
class Gate:
    """Where an export waits behind its first slice, if its filter says so."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)


def numbers(gate: Gate | None = None) -> ExportKind:
    """Return the kind; what is wrong with an export, its filter ``behind`` says."""

    async def slices(connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
        assert cut.context == LEDGER
        count, behind = int(filters["rows"]), filters.get("behind")
        if behind == "nobody":
            raise Declined("account_not_found", "There is no such account.")
        sums = SUMS.replace("count(*)", "count(*) + 1") if behind == "wrong sums" else SUMS
        for first in range(0, count, SLICE_ROWS):
            yield Slice(rows=ROWS, sums=sums, arguments=(first, min(first + SLICE_ROWS, count), list(TEXTS)))
            if gate is not None and behind == "gate":
                gate.reached.set()
                await gate.open.wait()

    return ExportKind(
        name="numbers",
        context=LEDGER,
        about="Numbers.",
        columns=[
            Column(name="n", cell=Cell.NUMBER, about="The number."),
            Column(name="text", cell=Cell.TEXT, about="A text."),
            Column(name="amount", cell=Cell.AMOUNT, about="An amount."),
            Column(name="currency", cell=Cell.CURRENCY, about="Its currency."),
        ],
        filters={
            "rows": Filter(about="how many", fits=str.isdecimal, is_required=True),
            "behind": Filter(about="what is wrong", fits=lambda text: text != ""),
        },
        slices=slices,
        drawn={"pdf": _draw},
    )


async def _draw(connection: Connection, cut: Cut, filters: Filters, file: Path) -> Drawn:
    await asyncio.to_thread(file.write_bytes, b"%PDF " * int(filters["rows"]))
    return Drawn(rows=int(filters["rows"]), sums={"EUR": -5})
