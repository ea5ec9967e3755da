"""Holds the rows of a year against its totals: no file leaves whose rows sum to something else."""

from collections import Counter
from datetime import date

from processor.errors import Fatal
from processor.expenses.tax_rows import TaxRow, TaxYear


class Tally:
    """Counts rows as they pass; bounded by the number of categories."""

    def __init__(self, year: TaxYear) -> None:
        self._year = year
        self._latest = date(year.year, 1, 1)
        self._expenses = Counter[str]()
        self._base_minor = Counter[str]()

    def add(self, row: TaxRow) -> None:
        """Count *row*; rows come in the order of their dates, all of the year."""
        assert self._latest <= row.date <= date(self._year.year, 12, 31), "rows come by date, from the year alone"
        self._latest = row.date
        self._expenses[row.category] += 1
        self._base_minor[row.category] += row.base_minor

    def prove(self) -> None:
        """Let pass what agrees.

        Raises:
            Fatal: Rows and totals do not.
        """
        told = {each.category: (each.expenses, each.base_minor) for each in self._year.categories}
        found = {name: (count, self._base_minor[name]) for name, count in self._expenses.items()}
        sums = sum(self._expenses.values()), sum(self._base_minor.values())
        if found != told or sums != (self._year.expenses, self._year.total_minor):
            raise Fatal(
                f"The expenses of {self._year.year} do not sum to their totals; nothing was written. Run partita audit."
            )
