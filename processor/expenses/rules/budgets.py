"""The rule of the family ``budget``. It tells of no threshold: the next spending that has reached one does."""

from datetime import datetime
from typing import Final

from contracts.budgets import BudgetDefined, BudgetRefusal, BudgetSet
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.expenses.rules.guards import day_in, user_of
from processor.expenses.rules.spending import changed
from processor.expenses.rules.views import amount_text, month_text
from processor.expenses.tracker import BUDGET, EVERY_MONTH, USER, Tracker
from processor.expenses.values import Budget, User
from processor.moments import days


def set_budget(tracker: Tracker, command: BudgetSet, instant: datetime) -> Decision:
    """Set or remove what a user means to spend on a category, in a month or in every month."""
    user = user_of(tracker, command.user_id, not_found=BudgetRefusal.USER_NOT_FOUND)
    limit_minor = None if command.limit is None else _limit(user, command.limit)
    if isinstance(limit_minor, Refused):
        return limit_minor
    month = None if command.month is None else day_in(f"{command.month}-01", field="month")
    if isinstance(month, Refused):
        return month
    if isinstance(user, Refused):
        return user
    return _defined(changed(user), Budget(user.user_no, command.category, month, limit_minor))


def _limit(user: User | Refused, limit: str) -> int | Refused:
    """Return a limit in minor units of the user's currency; without a user there is nothing to measure it by."""
    return 0 if isinstance(user, Refused) else amount_in(user.base_currency, limit)


def _defined(user: User, budget: Budget) -> Applied:
    month, limit_minor = budget.month, budget.limit_minor
    event = BudgetDefined(
        user_id=user.user_id,
        category=budget.category,
        month=None if month is None else month_text(month),
        limit=None if limit_minor is None else amount_text(limit_minor, user.base_currency),
        base_currency=user.base_currency,
        change_no=user.last_change_no,
    )
    place = (user.user_no, budget.category, EVERY_MONTH if month is None else month.isoformat())
    version = (user.user_no, user.last_change_no, None if month is None else days(month), limit_minor, budget.category)
    return Applied(event, (Put(USER, user.user_id, user), Put(BUDGET, place, budget), Kept("budget_version", version)))


RULES: Final = {BudgetSet: set_budget}
