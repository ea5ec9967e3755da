"""The tracker: the users and rows that a batch of expenses decides on, and the rows its decisions leave behind.

Promise   Rules read users, expenses, sums, budgets, recurring entries and rates here and never change them; ``apply``
          makes a decision part of the tracker and collects the rows to write.
Invariant Nothing here knows a driver, a clock or a setting.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct

from processor.engine.decision import Stamp
from processor.engine.shelving import Put, ShelvedWorld, Shelves
from processor.expenses.converting import Rates
from processor.expenses.values import Budget, Expense, Rate, Recurring, Summary, User, month_of

USER: Final = "expense_user"
EXPENSE: Final = "expense"
SUMMARY: Final = "expense_summary"
BUDGET: Final = "budget"
RECURRING: Final = "recurring"
RATE: Final = "rate"

EVERY_MONTH: Final = ""  # the month of a budget that holds for every month, as part of its key


class Erasure(Struct, frozen=True, gc=False):
    """A user's texts are to go, behind everything else that is written: a change beside ``Put`` and ``Kept``."""

    user_no: int
    user_id: str


class Tracker(ShelvedWorld):
    """The world of the expenses' rules.

    Shelves are keyed: users by id; expenses by (user_no, expense_id); sums by (user_no, month, category); budgets by
    (user_no, category, month as text); recurring entries by (user_no, recurring_id); rates by (base, quote, date).
    """

    numbered = USER

    def __init__(
        self, shelves: Shelves | None = None, *, numbers: Iterable[int] = (), last_changed_at: datetime | None = None
    ) -> None:
        super().__init__(shelves, numbers=numbers, last_changed_at=last_changed_at)
        self.rates = Rates(row.value for row in self.shelves.get(RATE, {}).values())
        self.erasures: list[Erasure] = []

    def change(self, change: Any, stamp: Stamp) -> None:
        """Make one change part of the tracker."""
        if isinstance(change, Erasure):
            self.erasures.append(change)
            return
        super().change(change, stamp)
        if isinstance(change, Put) and change.table == RATE:
            self.rates.set(change.value)

    def user(self, user_id: str) -> User | None:
        """Return a user, erased ones too, or None."""
        found: User | None = self.shelved(USER, user_id)
        return found

    def expense(self, user: User, expense_id: str) -> Expense | None:
        """Return an expense of *user*, deleted ones too, or None."""
        found: Expense | None = self.shelved(EXPENSE, (user.user_no, expense_id))
        return found

    def summary(self, user: User, day: date, category: str) -> Summary:
        """Return what *user* has spent on *category* in the month of *day*."""
        month = month_of(day)
        found: Summary | None = self.shelved(SUMMARY, (user.user_no, month, category))
        return found or Summary(user.user_no, month, category)

    def limit(self, user: User, day: date, category: str) -> int | None:
        """Return the budget that holds for *category* in the month of *day*: its own, else every month's, or None."""
        for month in (month_of(day).isoformat(), EVERY_MONTH):
            budget: Budget | None = self.shelved(BUDGET, (user.user_no, category, month))
            if budget is not None and budget.limit_minor is not None:
                return budget.limit_minor
        return None

    def recurring(self, user: User, recurring_id: str) -> Recurring | None:
        """Return a recurring entry of *user*, stopped ones too, or None."""
        found: Recurring | None = self.shelved(RECURRING, (user.user_no, recurring_id))
        return found

    def recurring_of(self, user: User) -> list[Recurring]:
        """Return the recurring entries of a user who moves to another time zone or is erased in this batch."""
        rows = self.shelves.get(RECURRING, {})
        return [row.value for _, row in sorted(rows.items(), key=str) if row.value.user_no == user.user_no]

    def rate(self, base: str, quote: str, day: date) -> Rate | None:
        """Return the rate that was set for a day, or None."""
        found: Rate | None = self.shelved(RATE, (base, quote, day))
        return found
