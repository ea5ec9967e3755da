"""What every version of an expense does: it is converted, counted in the sum of its month, and weighed by its budget.

Invariant After each decision the sum of a category and month is that of its expenses that are not deleted.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from contracts.budgets import BudgetThresholdReached
from contracts.envelope import CommonRefusal, Event, Refusal
from contracts.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX
from processor.engine.decision import Applied, Refused
from processor.engine.shelving import Kept, Put
from processor.expenses.converting import Ratio
from processor.expenses.rules.views import amount_text, expense_fields, month_text
from processor.expenses.tracker import EXPENSE, SUMMARY, USER, Tracker
from processor.expenses.values import THRESHOLDS, Expense, Summary, User, month_of
from processor.moments import days

_TOO_MUCH: Final = Refused(CommonRefusal.AMOUNT_INVALID, {"field": "base_amount"})


class Worth(Struct, frozen=True, gc=False):
    """An amount in the user's own currency, and the exact ratio that it was converted at."""

    base_minor: int
    ratio: Ratio


def worth_of(
    tracker: Tracker, user: User, amount_minor: int, currency: str, day: date, *, unknown: Refusal
) -> Worth | Refused:
    """Return what *amount_minor* of *currency* was worth to *user* on *day*, by the rates that are known now."""
    ratio = tracker.rates.ratio(currency, user.base_currency, day)
    if ratio is None:
        pair = {"currency": currency, "base_currency": user.base_currency}
        return Refused(unknown, pair | {"date": day.isoformat()})
    base_minor = ratio.convert(amount_minor, currency, user.base_currency)
    return _TOO_MUCH if base_minor > AMOUNT_MINOR_MAX else Worth(base_minor, ratio)


def booked(
    tracker: Tracker,
    user: User,
    before: Expense | None,
    after: Expense,
    event: Callable[..., Event],
    *,
    beside: Iterable[Put | Kept] = (),
) -> Applied | Refused:
    """Make *after* what was *before*, in the sums too, as the user's next change, and tell of it by *event*.

    ``change_no`` of *after* does not count. What changes *beside* is changed with it.
    """
    counted = changed(user)
    expense = msgspec.structs.replace(after, change_no=counted.last_change_no)
    sums = _sums(tracker, user, before, expense)
    place = (month_of(expense.date), expense.category)
    reached: tuple[BudgetThresholdReached, ...] = ()
    if place in sums and sums[place].spent_minor > tracker.summary(user, *place).spent_minor:
        if sums[place].spent_minor > BALANCE_MINOR_MAX:
            return _TOO_MUCH
        reached = _reached(tracker, user, sums[place])
        highest = max((each.percent for each in reached), default=sums[place].told)
        sums[place] = msgspec.structs.replace(sums[place], told=highest)
    puts = [Put(SUMMARY, (user.user_no, *each), summary) for each, summary in sums.items()]
    changes = (Put(USER, user.user_id, counted), *_kept(expense), *puts, *beside)
    return Applied(event(**expense_fields(expense, user)), changes, reached)


def changed(user: User) -> User:
    """Return *user* with one more change in the feed."""
    return msgspec.structs.replace(user, last_change_no=user.last_change_no + 1)


def _sums(tracker: Tracker, user: User, before: Expense | None, after: Expense) -> dict[tuple[date, str], Summary]:
    """Return the sums that change, by month and category: one or two."""
    sums: dict[tuple[date, str], Summary] = {}
    for expense, sign in ((before, -1), (after, 1)):
        if expense is None or expense.deleted:
            continue
        place = (month_of(expense.date), expense.category)
        known = sums.get(place) or tracker.summary(user, *place)
        spent_minor = known.spent_minor + sign * expense.base_minor
        sums[place] = msgspec.structs.replace(known, spent_minor=spent_minor, expenses=known.expenses + sign)
    return sums


def _reached(tracker: Tracker, user: User, summary: Summary) -> tuple[BudgetThresholdReached, ...]:
    """Return what is told of a sum that has risen: each part of its budget that was not told before."""
    limit_minor = tracker.limit(user, summary.month, summary.category)
    if limit_minor is None:
        return ()
    return tuple(
        BudgetThresholdReached(
            user_id=user.user_id,
            category=summary.category,
            month=month_text(summary.month),
            percent=percent,
            limit=amount_text(limit_minor, user.base_currency),
            spent=amount_text(summary.spent_minor, user.base_currency),
            base_currency=user.base_currency,
        )
        for percent in THRESHOLDS
        if summary.told < percent and summary.spent_minor * 100 >= percent * limit_minor
    )


def _kept(expense: Expense) -> tuple[Put, Kept]:
    """Return an expense as it is now, and as one of its versions."""
    numbers = (expense.user_no, expense.change_no, expense.version_no, days(expense.date))
    money = (expense.amount_minor, expense.base_minor, expense.deleted)
    texts = (expense.expense_id, expense.category, expense.currency, expense.rate_over, expense.rate_under)
    said = (expense.notes, expense.device_id, expense.recurring_id)
    version = Kept("expense_version", (*numbers, *money, *texts, *said))
    return Put(EXPENSE, (expense.user_no, expense.expense_id), expense), version
