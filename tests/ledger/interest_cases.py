"""Worked cases of interest that others have published; they lie beside the repository, or not at all."""

import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

PUBLISHED: Final = Path(__file__).parents[3] / "shared" / "data" / "interest" / "interest_vectors.csv"
needs_cases: Final = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the published cases lie beside the repository, and are not there"
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A balance that stays for some days under tiers of (minor units, rate a year), and what it earns."""

    name: str
    minor: int
    tiers: list[tuple[int, str]]
    day_count: int
    days: int
    expected: Decimal


def cases() -> list[Case]:
    """Return the published cases, but those of interest that is charged on overdrafts."""
    with PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))
    ours = [row for row in rows if "fineract" not in row["source"] or not row["balance"].startswith("-")]
    assert (len(rows), len(ours)) == (11, 9)
    return [
        Case(
            name=row["case"],
            minor=_minor(row["balance"]),
            tiers=[(0, _rate(row["annual_rate_pct"]))] if row["annual_rate_pct"] else _tiers(row["tiers"]),
            day_count=int(row["day_count"]),
            days=int(row["days"]),
            expected=_in_4_places(row["expected"]),
        )
        for row in ours
    ]


def _in_4_places(amount: str) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _minor(amount: str) -> int:
    return int(Fraction(amount) * 100)


def _rate(percent: str) -> str:
    return f"{float(Fraction(percent) / 100):.4f}"


def _tiers(text: str) -> list[tuple[int, str]]:
    """Return tiers as the published cases write them: ``0-50000:2;50000-100000:3;100000+:4``."""
    parts = [part.partition(":") for part in text.split(";")]
    return [(_minor(span.rstrip("+").partition("-")[0]), _rate(percent)) for span, _, percent in parts]
