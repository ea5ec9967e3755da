"""What the document of a tax year says: facts, totals by category, every expense, totals by currency."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Final

from msgspec import Struct

from partita.expense_report.flow import LEFT, RIGHT, Flow, Page
from partita.expense_report.rows import amount_text, grouped, share_text
from partita.expense_report.table import Column, Look, Table
from partita.expense_report.typeface import Style, Typeface
from processor.expenses.tax_rows import TaxRow, TaxYear

_LABELS: Final = 90.0  # points from labels to what they label


class Faces(Struct, frozen=True, eq=False, kw_only=True):
    """The typefaces of a document."""

    regular: Typeface
    bold: Typeface


class _Styles:
    """How the parts of a document are written."""

    def __init__(self, faces: Faces) -> None:
        self.title = Style(face=faces.bold, size=18.0)
        self.section = Style(face=faces.bold, size=11.0)
        self.label = Style(face=faces.regular, size=9.0, grey=0.35)
        self.fact = Style(face=faces.regular, size=9.0)
        self.edge = Style(face=faces.regular, size=7.5, grey=0.35)
        self.table = Look(
            plain=Style(face=faces.regular, size=8.0),
            bold=Style(face=faces.bold, size=8.0),
            faint=Style(face=faces.regular, size=8.0, grey=0.45),
        )


def typeset(year: TaxYear, rows: Sequence[TaxRow], faces: Faces) -> Sequence[Page]:
    """Return the pages of *year*."""
    styles, flow = _Styles(faces), Flow()
    _facts(flow, year, styles)
    if rows:
        _section(flow, "Totals by category", _by_category(year, styles.table), styles)
        _section(flow, "Expenses", _expenses(year, rows, styles.table), styles)
        if {row.currency for row in rows} != {year.base_currency}:
            _section(flow, "Totals by currency", _by_currency(year, rows, styles.table), styles)
            _about_rates(flow, year, styles)
    else:
        flow.skip(10.0)
        flow.text(LEFT, 12.0, f"No expenses in {year.year}.", styles.fact)
    head = f"Expenses {year.year}, {year.user_id}, in {year.base_currency}"
    flow.number(head, f"Made {_taken(year)}", styles.edge)
    return flow.pages


def title_of(year: TaxYear) -> str:
    """Return what the document is called."""
    return f"Expenses of the tax year {year.year}"


def _taken(year: TaxYear) -> str:
    return f"{year.taken_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _facts(flow: Flow, year: TaxYear, styles: _Styles) -> None:
    flow.text(LEFT, 8.0, title_of(year), styles.title)
    flow.skip(26.0)
    facts = {
        "User": year.user_id,
        "Period": f"{year.year}-01-01 to {year.year}-12-31",
        "Base currency": year.base_currency,
        "Expenses": grouped(str(year.expenses)),
        "Total": f"{_money(year.total_minor, year.base_currency)} {year.base_currency}",
        "Made": _taken(year),
    }
    for label, fact in facts.items():
        flow.text(LEFT, 9.0, label, styles.label)
        for line in styles.fact.lines(fact, RIGHT - LEFT - _LABELS):
            flow.text(LEFT + _LABELS, 9.0, line, styles.fact)
            flow.skip(13.0)


def _section(flow: Flow, title: str, table: Table, styles: _Styles) -> None:
    flow.need(36.0 + table.height_min)
    flow.skip(14.0)
    flow.text(LEFT, 12.0, title, styles.section)
    flow.skip(20.0)
    table.put(flow)


def _by_category(year: TaxYear, look: Look) -> Table:
    columns = (
        Column(head="Category", weight=1),
        Column(head="Expenses", number=True, gap=24.0),
        Column(head=f"In {year.base_currency}", number=True, gap=24.0),
        Column(head="Share", number=True, gap=24.0),
    )
    totals = sorted(year.categories, key=lambda each: (-each.base_minor, each.category))
    rows = [(each.category, *_sums(each.expenses, each.base_minor, year)) for each in totals]
    return Table(columns, rows, [("Total", *_sums(year.expenses, year.total_minor, year))], look)


def _sums(expenses: int, base_minor: int, year: TaxYear) -> tuple[str, str, str]:
    share = share_text(base_minor, year.total_minor)
    return grouped(str(expenses)), _money(base_minor, year.base_currency), share


def _expenses(year: TaxYear, rows: Sequence[TaxRow], look: Look) -> Table:
    columns = (
        Column(head="Date"),
        Column(head="Category", weight=1),
        Column(head="Notes", weight=2),
        Column(head="Amount", number=True),
        Column(head="", gap=4.0),
        Column(head=f"In {year.base_currency}", number=True),
        Column(head="Rate", number=True, head_left=True),
    )
    total = _money(year.total_minor, year.base_currency)
    cells = [_cells(row, year.base_currency) for row in rows]
    return Table(columns, cells, [("Total", "", "", "", "", total, "")], look)


def _cells(row: TaxRow, base_currency: str) -> tuple[str, ...]:
    return (
        row.date.isoformat(),
        row.category,
        row.notes,
        _money(row.amount_minor, row.currency),
        row.currency,
        _money(row.base_minor, base_currency),
        row.rate,
    )


def _by_currency(year: TaxYear, rows: Sequence[TaxRow], look: Look) -> Table:
    expenses, amounts, bases = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        expenses[row.currency] += 1
        amounts[row.currency] += row.amount_minor
        bases[row.currency] += row.base_minor
    columns = (
        Column(head="Currency"),
        Column(head="Expenses", number=True, gap=24.0),
        Column(head="Amount", number=True, gap=24.0),
        Column(head=f"In {year.base_currency}", number=True, gap=24.0),
        Column(head="Share", number=True, gap=24.0),
    )

    def cells(currency: str) -> tuple[str, ...]:
        count, base, share = _sums(expenses[currency], bases[currency], year)
        return currency, count, _money(amounts[currency], currency), base, share

    count, base, share = _sums(year.expenses, year.total_minor, year)
    return Table(columns, [cells(each) for each in sorted(expenses)], [("Total", count, "", base, share)], look)


def _about_rates(flow: Flow, year: TaxYear, styles: _Styles) -> None:
    base = year.base_currency
    words = (
        f"The rate says how much {base} one unit of the expense's currency is worth; it is that of the expense's date, "
        f"or the latest before it. Amounts in {base} are rounded half up, each expense by itself."
    )
    lines = styles.edge.lines(words, RIGHT - LEFT)
    flow.need(8.0 + 10.0 * len(lines))
    flow.skip(8.0)
    for line in lines:
        flow.text(LEFT, 8.0, line, styles.edge)
        flow.skip(10.0)


def _money(minor: int, currency: str) -> str:
    return grouped(amount_text(minor, currency))
