"""The rules of the family ``expense``: one column of guards each, in the order of ``ExpenseRefusal``.

What a change leaves out stays. Amount, currency and day are converted anew where one of them differs, by the rates that
are known then; otherwise an expense keeps the ratio it was converted at, whatever rates say by now.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import UNSET

from contracts.envelope import Command
from contracts.expenses import (
    RECURRING_PREFIX,
    ExpenseAdd,
    ExpenseAdded,
    ExpenseChange,
    ExpenseChanged,
    ExpenseDelete,
    ExpenseDeleted,
    ExpenseRefusal,
)
from contracts.money import trimmed
from processor.engine.amounts import amount_in, currency_refusal
from processor.engine.decision import Decision, Refused
from processor.expenses.rules.guards import day_in, user_of
from processor.expenses.rules.spending import booked, worth_of
from processor.expenses.rules.views import amount_text, expense_fields
from processor.expenses.tracker import Tracker
from processor.expenses.values import Expense, User


def add(tracker: Tracker, command: ExpenseAdd, instant: datetime) -> Decision:
    """Add an expense."""
    amount_minor = amount_in(command.currency, command.amount)
    if isinstance(amount_minor, Refused):
        return amount_minor
    day = day_in(command.date, field="date")
    if isinstance(day, Refused):
        return day
    user = user_of(tracker, command.user_id, not_found=ExpenseRefusal.USER_NOT_FOUND)
    if isinstance(user, Refused):
        return user
    reserved = command.expense_id.startswith(RECURRING_PREFIX)
    if reserved or tracker.expense(user, command.expense_id) is not None:
        return Refused(ExpenseRefusal.EXPENSE_EXISTS, {"expense_id": command.expense_id})
    worth = worth_of(tracker, user, amount_minor, command.currency, day, unknown=ExpenseRefusal.RATE_UNKNOWN)
    if isinstance(worth, Refused):
        return worth
    expense = Expense(
        user_no=user.user_no,
        expense_id=command.expense_id,
        version_no=1,
        date=day,
        category=command.category,
        amount_minor=amount_minor,
        currency=command.currency,
        base_minor=worth.base_minor,
        rate_over=worth.ratio.over,
        rate_under=worth.ratio.under,
        change_no=0,
        notes=command.notes,
        device_id=command.device_id,
    )
    return booked(tracker, user, None, expense, ExpenseAdded)


def change(tracker: Tracker, command: ExpenseChange, instant: datetime) -> Decision:
    """Change an expense that is still as the device knows it."""
    if refused := _misstated(command):
        return refused
    found = _current(tracker, command)
    if isinstance(found, Refused):
        return found
    user, before = found
    currency = command.currency or before.currency
    amount = command.amount or trimmed(amount_text(before.amount_minor, before.currency))
    amount_minor = amount_in(currency, amount)
    if isinstance(amount_minor, Refused):
        return amount_minor
    day = date.fromisoformat(command.date) if command.date else before.date
    moved = msgspec.structs.replace(
        before,
        version_no=before.version_no + 1,
        date=day,
        category=command.category or before.category,
        amount_minor=amount_minor,
        currency=currency,
        notes=before.notes if command.notes is UNSET else command.notes,
        device_id=command.device_id,
    )
    after = _reconverted(tracker, user, before, moved)
    return after if isinstance(after, Refused) else booked(tracker, user, before, after, ExpenseChanged)


def delete(tracker: Tracker, command: ExpenseDelete, instant: datetime) -> Decision:
    """Delete an expense that is still as the device knows it; its fields stay, and no device has written this."""
    found = _current(tracker, command)
    if isinstance(found, Refused):
        return found
    user, before = found
    after = msgspec.structs.replace(before, version_no=before.version_no + 1, device_id=None, deleted=True)
    return booked(tracker, user, before, after, ExpenseDeleted)


def _misstated(command: ExpenseChange) -> Refused | None:
    """Refuse a change for what it says by itself."""
    if command.currency:
        amount = amount_in(command.currency, command.amount) if command.amount else currency_refusal(command.currency)
        if isinstance(amount, Refused):
            return amount
    day = day_in(command.date, field="date") if command.date else None
    return day if isinstance(day, Refused) else None


def _current(tracker: Tracker, command: ExpenseChange | ExpenseDelete) -> tuple[User, Expense] | Refused:
    """Return the user and the expense, if that is at the version that the device knows."""
    user = user_of(tracker, command.user_id, not_found=ExpenseRefusal.USER_NOT_FOUND)
    if isinstance(user, Refused):
        return user
    expense = tracker.expense(user, command.expense_id)
    if expense is None:
        return Refused(ExpenseRefusal.EXPENSE_NOT_FOUND, {"expense_id": command.expense_id})
    if expense.deleted or command.base_version != expense.version_no:
        refusal = ExpenseRefusal.EXPENSE_DELETED if expense.deleted else ExpenseRefusal.VERSION_STALE
        return Refused(refusal, {"expense": expense_fields(expense, user)})
    return user, expense


def _reconverted(tracker: Tracker, user: User, before: Expense, after: Expense) -> Expense | Refused:
    """Return *after* with what it is worth now, if it is another amount, of another currency or on another day."""
    if (before.amount_minor, before.currency, before.date) == (after.amount_minor, after.currency, after.date):
        return after
    unknown = ExpenseRefusal.RATE_UNKNOWN
    worth = worth_of(tracker, user, after.amount_minor, after.currency, after.date, unknown=unknown)
    if isinstance(worth, Refused):
        return worth
    ratio = worth.ratio
    return msgspec.structs.replace(after, base_minor=worth.base_minor, rate_over=ratio.over, rate_under=ratio.under)


RULES: Final[dict[type[Command], Callable[..., Decision]]] = {
    ExpenseAdd: add,
    ExpenseChange: change,
    ExpenseDelete: delete,
}
