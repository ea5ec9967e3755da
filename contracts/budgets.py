"""The family ``budget``: what a user means to spend on a category in a month."""

from typing import Literal

from msgspec import Struct

from contracts.dates import Month
from contracts.envelope import Command, Event, Refusal, Rejected
from contracts.expenses import Category, composed
from contracts.ids import BusinessId
from contracts.money import Amount
from contracts.shown import ShownAmount, ShownCurrency, ShownId, ShownMonth, ShownNumber, ShownText


class BudgetRefusal(Refusal):
    """Why a ``budget`` command is refused."""

    USER_NOT_FOUND = (
        "user_not_found",
        "No user has this id, or it was erased; create one first, or correct the id.",
    )


class BudgetSet(Command, tag="budget.set", frozen=True, kw_only=True):
    """Set what a user means to spend on a category in one month, or in every month that has no budget of its own.

    Attributes:
        user_id: The user.
        category: The category.
        month: The month; left out, every month.
        limit: How much, in the user's currency; null removes this budget.
    """

    user_id: BusinessId
    category: Category
    month: Month | None = None
    limit: Amount | None

    amounts = ("limit",)
    free_texts = ("category",)

    def canonical(self) -> "BudgetSet":
        """Return the same budget with its category composed."""
        return composed(self, self.category)


class BudgetFields(Struct, frozen=True, kw_only=True):
    """The budget as it is after the command.

    Attributes:
        user_id: The user.
        category: The category.
        month: The month, or null for every month that has no budget of its own.
        limit: How much, or null where the budget was removed.
        base_currency: The user's currency.
        change_no: The number of this change in the user's feed.
    """

    user_id: ShownId
    category: ShownText
    month: ShownMonth | None
    limit: ShownAmount | None
    base_currency: ShownCurrency
    change_no: ShownNumber


class BudgetDefined(Event, BudgetFields, tag="budget.defined", frozen=True, kw_only=True):
    """The budget is as asked for."""


class BudgetThresholdReached(Event, tag="budget.threshold_reached", frozen=True, kw_only=True):
    """Spending has reached a part of a budget; told once for each part, category and month.

    Attributes:
        user_id: The user.
        category: The category.
        month: The month.
        percent: Which part was reached.
        limit: The budget.
        spent: What was spent, with what reached the part.
        base_currency: The user's currency.
    """

    user_id: ShownId
    category: ShownText
    month: ShownMonth
    percent: Literal[80, 100]
    limit: ShownAmount
    spent: ShownAmount
    base_currency: ShownCurrency


class BudgetRejected(Rejected, tag="budget.rejected", frozen=True, kw_only=True):
    """The ``budget`` command was refused."""
