"""How results show users, expenses, budgets and recurring entries: their fields, as the command leaves them."""

from datetime import date
from typing import Any

from contracts.money import decimal_text, exponent_of
from processor.expenses.converting import Ratio
from processor.expenses.values import Expense, Frequency, Recurring, RecurringRule, User

_MONTH_CHARACTERS = len("YYYY-MM")


def amount_text(minor: int, currency: str) -> str:
    """Return *minor* units of *currency* as results write them."""
    exponent = exponent_of(currency)
    assert exponent is not None, "only currencies that ISO 4217 lists are kept"
    return decimal_text(minor, exponent)


def month_text(month: date) -> str:
    """Return the month of a day as results write it."""
    return month.isoformat()[:_MONTH_CHARACTERS]


def user_fields(user: User) -> dict[str, Any]:
    """Return *user* as events show it."""
    return {"user_id": user.user_id, "base_currency": user.base_currency, "timezone": user.timezone}


def expense_fields(expense: Expense, user: User) -> dict[str, Any]:
    """Return *expense* as every expense event shows it, and a refusal that carries the current state."""
    return {
        "expense_id": expense.expense_id,
        "user_id": user.user_id,
        "version": expense.version_no,
        "amount": amount_text(expense.amount_minor, expense.currency),
        "currency": expense.currency,
        "category": expense.category,
        "date": expense.date.isoformat(),
        "notes": expense.notes,
        "device_id": expense.device_id,
        "recurring_id": expense.recurring_id,
        "base_amount": amount_text(expense.base_minor, user.base_currency),
        "base_currency": user.base_currency,
        "rate": Ratio(expense.rate_over, expense.rate_under).shown(),
        "change_no": expense.change_no,
    }


def recurring_fields(entry: Recurring, rule: RecurringRule, user: User) -> dict[str, Any]:
    """Return a recurring entry as its events show it; *rule* is what was agreed of it last, the user's last change."""
    return {
        "recurring_id": entry.recurring_id,
        "user_id": user.user_id,
        "amount": amount_text(rule.amount_minor, rule.currency),
        "currency": rule.currency,
        "category": rule.category,
        "frequency": Frequency(rule.frequency).name.lower(),
        "starts_on": rule.starts_on.isoformat(),
        "ends_on": rule.ends_on and rule.ends_on.isoformat(),
        "notes": rule.notes,
        "effective_from": rule.effective_from.isoformat(),
        "next_on": entry.next_on and entry.next_on.isoformat(),
        "change_no": user.last_change_no,
    }
