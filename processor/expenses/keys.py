"""What a batch of expenses speaks of: which rows deciding its commands may need.

What a command leaves out is as the row has it, or as an earlier command of the batch has left it; so of each expense
and recurring entry every day, category and currency counts that the batch names.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from msgspec import Struct, field

from contracts.budgets import BudgetSet
from contracts.dates import day_of
from contracts.envelope import Command
from contracts.expenses import ExpenseAdd, ExpenseChange, ExpenseDelete
from contracts.rates import RateSet
from contracts.recurring import RecurringMaterialise, RecurringSet, RecurringStop
from contracts.users import UserCreate, UserErase, UserUpdate

Place = tuple[str, str]  # of what is below a user: the user's id, and its own


class Named(Struct):
    """The days, categories and currencies that a batch names of one expense or recurring entry."""

    days: set[date] = field(default_factory=set)
    categories: set[str] = field(default_factory=set)
    currencies: set[str] = field(default_factory=set)

    def add(self, *, day: str = "", category: str = "", currency: str = "") -> None:
        """Add what a command names; an empty text is nothing, and so is a day that the calendar does not have."""
        if (named := day_of(day)) is not None:
            self.days.add(named)
        self.categories |= {category} - {""}
        self.currencies |= {currency} - {""}

    def join(self, other: "Named") -> None:
        """Add what is named of *other*."""
        self.days |= other.days
        self.categories |= other.categories
        self.currencies |= other.currencies


class Keys(Struct):
    """Users, whether they exist or not, and what is named below them."""

    user_ids: set[str] = field(default_factory=set)
    creating: list[UserCreate] = field(default_factory=list)
    moving: set[str] = field(default_factory=set)  # users of whom every recurring entry may change
    expenses: dict[Place, Named] = field(default_factory=dict)
    recurring: dict[Place, Named] = field(default_factory=dict)
    budgets: set[Place] = field(default_factory=set)  # (user id, category)
    setting: set[tuple[str, str, date]] = field(default_factory=set)  # rates: (base, quote, day)
    sets_rates: bool = False

    def bases(self, user_id: str) -> set[str]:
        """Return the base currencies that a user who is created in this batch may have."""
        return {each.base_currency for each in self.creating if each.user_id == user_id}


def keys_of(commands: Sequence[Command]) -> Keys:
    """Return what deciding *commands* may need."""
    keys = Keys()
    for command in commands:
        _add(keys, command)
    return keys


def _add(keys: Keys, command: Any) -> None:
    if isinstance(command, RateSet):
        keys.sets_rates = True
        day = day_of(command.date)
        keys.setting |= {(command.base, command.quote, day)} if day is not None else set()
        return
    keys.user_ids.add(command.user_id)
    if isinstance(command, (ExpenseAdd, ExpenseChange, ExpenseDelete)):
        named = keys.expenses.setdefault((command.user_id, command.expense_id), Named())
        if not isinstance(command, ExpenseDelete):
            named.add(day=command.date, category=command.category, currency=command.currency)
    elif isinstance(command, (RecurringSet, RecurringStop, RecurringMaterialise)):
        named = keys.recurring.setdefault((command.user_id, command.recurring_id), Named())
        if isinstance(command, RecurringSet):
            named.add(category=command.category, currency=command.currency)
        elif isinstance(command, RecurringMaterialise):
            named.add(day=command.date)
    elif isinstance(command, BudgetSet):
        keys.budgets.add((command.user_id, command.category))
    elif isinstance(command, UserCreate):
        keys.creating.append(command)
    elif isinstance(command, (UserUpdate, UserErase)):
        keys.moving.add(command.user_id)


def sums(named: Iterable[tuple[int, Named]]) -> set[tuple[int, date, str]]:
    """Return the sums, by user number, month and category, that what is *named* below users may change."""
    return {
        (user_no, day.replace(day=1), category)
        for user_no, each in named
        for day in each.days
        for category in each.categories
    }
