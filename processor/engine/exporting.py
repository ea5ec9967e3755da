"""What can be exported: kinds, which contexts define over their own tables.

A kind says what its columns and filters are, and cuts what is asked for into slices: pairs of statements, of which one
is copied to the file as it stands and the other sums it up. Whoever writes files knows nothing else of it.

Promise   A slice reads what lies below a cut, so that it is the same whenever it is read; slices follow each other in
          one fixed order. Each is a statement of a few seconds at most.
Invariant Columns are part of the contract. A text that a spreadsheet would run is neutralised by ``csv_text``, in SQL.
          What a slice copies is text with values put in, so it has no comment: a value in one might end it.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from processor.database import Connection
from processor.engine.cuts import Cut

Filters = Mapping[str, str]


class Cell(StrEnum):
    """What the cells of a column hold. All but ``TEXT`` are safe in any spreadsheet as they are."""

    ID = "id"  # of letters, digits and . _ : -, and neutralised like a text, for it may begin with a dash
    TEXT = "text"
    AMOUNT = "amount"  # a decimal with all decimals of its currency
    CURRENCY = "currency"
    NUMBER = "number"
    DATE = "date"  # YYYY-MM-DD
    INSTANT = "instant"  # RFC 3339 in UTC with microseconds
    UUID = "uuid"  # in lower case
    WORD = "word"  # one of a few that we wrote ourselves


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the file: its name in the header, what its cells hold, and a sentence for the reference."""

    name: str
    cell: Cell
    about: str


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter: *fits* says whether a text may stand there, *about* what may."""

    about: str
    fits: Callable[[str], bool]
    is_required: bool = False


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Some rows: *rows* is what is copied, *sums* tells ``currency, rows, minor``; both take *arguments*.

    *sums* has one row per currency, and one with a null currency for rows without an amount; *minor* is a whole number.
    """

    rows: str
    sums: str
    arguments: Sequence[Any]

    def __post_init__(self) -> None:
        """Make sure that the statement can be copied from."""
        assert self.rows == copied(self.rows), "values are put into the statement, which is part of another"


def copied(block: str) -> str:
    """Return a named block as COPY takes it: without comments, and without its end."""
    return re.sub(r"--[^\n]*", "", block).strip().rstrip(";").rstrip()


Slices = Callable[[Connection, Cut, Filters], AsyncIterator[Slice]]
"""Yields the slices of what is asked for.

May raise Declined where there is nothing to be asked about: an account that is not there.
"""

Draw = Callable[[Connection, Cut, Filters, Path], Awaitable["Drawn"]]
"""Writes a document into a file on this machine, and says what is in it."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a document shows: so many rows, and sums in minor units by currency."""

    rows: int
    sums: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class ExportKind:
    """One kind of export. *context* is the one whose cut pins it; *check* says which filter does not fit another.

    *drawn* are its formats beside CSV, which are written as a whole. Where *shows_now*, rows are those that there are
    now: the slices, and their sums, are of one moment only if all are read in one snapshot.
    """

    name: str
    context: str
    about: str
    columns: Sequence[Column]
    filters: Mapping[str, Filter]
    slices: Slices
    check: Callable[[Filters], str | None] = lambda _: None
    drawn: Mapping[str, Draw] = field(default_factory=dict)
    shows_now: bool = False

    def wrong_filter(self, filters: Filters) -> str | None:
        """Return the name of a filter that is missing, unknown, or does not fit; None for none."""
        for name, each in self.filters.items():
            if name not in filters:
                if each.is_required:
                    return name
            elif not each.fits(filters[name]):
                return name
        unknown = sorted(filters.keys() - self.filters.keys())
        return unknown[0] if unknown else self.check(filters)
