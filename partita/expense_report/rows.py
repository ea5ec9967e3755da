"""What a year's expenses look like in a file: amounts as decimals, texts that no spreadsheet runs."""

from collections.abc import Sequence
from typing import Final

from contracts.money import decimal_text, exponent_of
from processor.expenses.tax_rows import TaxRow

CSV_COLUMNS: Final = (  # part of the contract
    *("date", "category", "notes", "amount", "currency", "base_amount", "base_currency", "rate", "expense_id"),
)
THIN_SPACE: Final = "\u202f"  # between groups of three digits; no line ends at it
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_PER_MILLE: Final = 1000


def csv_cells(row: TaxRow, base_currency: str) -> Sequence[str]:
    """Return *row* as the cells of ``CSV_COLUMNS``."""
    return (
        row.date.isoformat(),
        _unrun(row.category),
        _unrun(row.notes),
        amount_text(row.amount_minor, row.currency),
        row.currency,
        amount_text(row.base_minor, base_currency),
        base_currency,
        row.rate,
        _unrun(row.expense_id),
    )


def amount_text(minor: int, currency: str) -> str:
    """Return *minor* units of *currency* as a decimal string with all of its decimals."""
    exponent = exponent_of(currency)
    assert exponent is not None, "an expense's currency is one that ISO 4217 lists"
    return decimal_text(minor, exponent)


def grouped(number: str) -> str:
    """Return *number*, a decimal string, with its whole digits in groups of three."""
    whole, point, decimals = number.partition(".")
    return f"{int(whole):,}".replace(",", THIN_SPACE) + point + decimals


def share_text(part_minor: int, whole_minor: int) -> str:
    """Return how much of *whole_minor* *part_minor* is, in per cent with one decimal, half up."""
    if not whole_minor:
        return "-"
    per_mille = (2 * _PER_MILLE * part_minor + whole_minor) // (2 * whole_minor)
    return f"{per_mille // 10}.{per_mille % 10} %"


def _unrun(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
