"""The currency table: what the generator would write, and what ISO publishes."""

import csv
from pathlib import Path

import pytest

from contracts.currencies import EXPONENTS
from contracts.generate import generated

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "iso4217" / "iso4217_minor_units.csv"


def test_generated_files_are_as_the_generator_would_write_them() -> None:
    for path, text in generated().items():
        assert path.read_text("utf-8") == text, f"{path.name} is out of date: python -m contracts.generate"


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason=f"the published list is not beside this repository: {PUBLISHED.name}"
)
def test_every_published_currency_has_its_published_decimals() -> None:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = {row["code"]: row["minor_units"] for row in csv.DictReader(file)}
    known = {code: int(units) for code, units in rows.items() if units != "N.A."}
    assert known == EXPONENTS
