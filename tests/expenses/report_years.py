"""Years of expenses, made up: what the tests of a year's files write."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final

from processor.expenses.tax_rows import CategoryTotal, TaxRow, TaxYear

YEAR: Final = 2025
MADE: Final = datetime(2026, 1, 7, 9, 30, 5, tzinfo=UTC)
RATES: Final = {"EUR": "1", "USD": "0.923446", "JPY": "0.0061", "KWD": "2.998", "CHF": "1.041666666667"}
CATEGORIES: Final = (
    *("Food", "Transport", "Υγεία", "Образование", "Housing"),
    "Entertainment and everything that goes with it, family of four",
)
NOTES: Final = (
    *("", "", "Weekly shop", "Ψώνια της εβδομάδας στη λαϊκή αγορά", "Продукты на неделю, рынок"),
    "Train ticket Berlin to Wien, seat reservation and a coffee on board; the receipt is in the blue folder",
    "Żółć, naïve café, Ærøskøbing, Škoda, İstanbul, 12 € for 3 l",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsrechnung",
    "one line\nand another\n\nand one after a gap",
)


def row(number: int = 0, **fields: Any) -> TaxRow:
    """Return an expense of the year's day *number*, plain but for *fields*."""
    plain: dict[str, Any] = {
        "date": date(YEAR, 1, 1) + timedelta(days=number),
        "category": "Food",
        "notes": "",
        "amount_minor": 1230,
        "currency": "EUR",
        "base_minor": 1230,
        "rate": "1",
        "expense_id": f"e{number:05}",
    }
    return TaxRow(**plain | fields)


def mixed(count: int, *, seed: int = 8, categories: Sequence[str] = CATEGORIES) -> list[TaxRow]:
    """Return *count* expenses over the year in five currencies and three alphabets; each category comes up."""
    random = Random(seed)
    rows = []
    for number in range(count):
        currency = random.choice(list(RATES))
        minor = random.choice((random.randint(1, 99_999), random.randint(1, 9_999_999)))
        rows.append(
            row(
                number * 365 // count,
                category=categories[number % len(categories)],
                notes=random.choice(NOTES),
                amount_minor=minor,
                currency=currency,
                base_minor=minor * 3 // 4,
                rate=RATES[currency],
                expense_id=f"e{number:05}",
            )
        )
    return rows


def year_of(rows: Sequence[TaxRow], **fields: Any) -> TaxYear:
    """Return what *rows* sum up to, but for *fields*."""
    expenses, base_minor = Counter[str](), Counter[str]()
    for each in rows:
        expenses[each.category] += 1
        base_minor[each.category] += each.base_minor
    totals = [CategoryTotal(category=each, expenses=expenses[each], base_minor=base_minor[each]) for each in expenses]
    plain: dict[str, Any] = {
        "user_id": "anna-7",
        "base_currency": "EUR",
        "year": YEAR,
        "taken_at": MADE,
        "categories": totals,
        "expenses": len(rows),
        "total_minor": sum(base_minor.values()),
    }
    return TaxYear(**plain | fields)


async def streamed(rows: Sequence[TaxRow]) -> AsyncIterator[TaxRow]:
    """Yield *rows* as a database would."""
    for each in rows:
        yield each
