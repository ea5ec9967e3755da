"""What the tables of expenses hold, in a form that says nothing of who holds them: the model, the rules, PostgreSQL.

Rows that say nothing are left out: a sum without expenses of which nothing was told, a budget that was removed.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, Final

from tests.expenses.model import Model
from tests.expenses.model_money import units
from tests.expenses.model_state import Expense, User
from tests.expenses.model_time import Recurring, start_of

Books = dict[str, dict[Any, Any]]
Row = Mapping[str, Any]

TABLES: Final = (
    *("expense_user", "expense", "expense_summary", "budget", "recurring", "rate"),
    *("expense_version", "budget_version", "recurring_rule", "recurring_entry"),
)
_EPOCH: Final = date(2000, 1, 1).toordinal()
_FREQUENCIES: Final = {1: "daily", 2: "weekly", 3: "monthly"}
_EXPENSE: Final = (
    *("date", "category", "amount_minor", "currency", "base_minor", "notes", "device_id", "recurring_id"),
    *("deleted", "change_no", "version_no"),
)


def books_of_rows(rows: Mapping[str, Iterable[Row]]) -> Books:
    """Return what the *rows* of each of ``TABLES`` say."""
    users = {row["user_no"]: row["user_id"] for row in rows["expense_user"]}
    return {
        "user": {
            row["user_id"]: (row["base_currency"], row["timezone"], row["last_change_no"], row["erased_at"] is not None)
            for row in rows["expense_user"]
        },
        "expense": {
            (users[row["user_no"]], row["expense_id"]): _expense(row) | {"ratio": _ratio(row)}
            for row in rows["expense"]
        },
        "sum": {
            (users[row["user_no"]], _text(row["month"])[:7], row["category"]): sums
            for row in rows["expense_summary"]
            if any(sums := (row["spent_minor"], row["expenses"], row["told"]))
        },
        "budget": {
            (users[row["user_no"]], row["category"], _month(row)): row["limit_minor"]
            for row in rows["budget"]
            if row["limit_minor"] is not None
        },
        "recurring": {
            (users[row["user_no"]], row["recurring_id"]): (_text(row["next_on"]), _instant(row["next_due_at"]))
            for row in rows["recurring"]
        },
        "made": {
            (users[row["user_no"]], row["recurring_id"], _text(row["date"])): row["expense_id"]
            for row in rows["recurring_entry"]
        },
        "rate": {
            (row["base"], row["quote"], _text(row["date"])): (row["rate"], row["rate_no"]) for row in rows["rate"]
        },
        "feed": {user_id: _feed_of_rows(rows, user_no) for user_no, user_id in users.items()},
    }


def books_of(model: Model) -> Books:
    """Return what the tables should hold by the *model*."""
    users = model.users
    return {
        "user": {user.id: (user.base, user.zone, len(user.feed), user.erased) for user in users.values()},
        "expense": {
            (user.id, each.id): _state(user, each) for user in users.values() for each in user.expenses.values()
        },
        "sum": {
            (user.id, *cell): (*model.summary(user.id, cell[0]).get(cell[1], (0, 0)), _told(user, *cell))
            for user in users.values()
            for cell in _cells(user)
        },
        "budget": {
            (user.id, category, month or ""): units(limit, user.base)
            for user in users.values()
            for (category, month), limit in user.budgets.items()
        },
        "recurring": {
            (user.id, name): _next(user, each) for user in users.values() for name, each in user.recurring.items()
        },
        "made": {
            (user.id, name, day.isoformat()): made
            for user in users.values()
            for name, each in user.recurring.items()
            for day, made in each.made.items()
        },
        "rate": {
            (base, quote, day.isoformat()): (model.rates.known[base, quote][day], times)
            for (base, quote, day), times in model.rates.times.items()
        },
        "feed": {user.id: [_change(user, body) for body in user.feed] for user in users.values()},
    }


def _feed_of_rows(rows: Mapping[str, Iterable[Row]], user_no: int) -> list[dict[str, Any]]:
    shown = {
        "expense_version": lambda row: _expense(row) | {"expense_id": row["expense_id"]},
        "budget_version": _budget,
        "recurring_rule": _rule,
    }
    changes = [show(row) for name, show in shown.items() for row in rows[name] if row["user_no"] == user_no]
    return sorted(changes, key=lambda change: change["change_no"])


def _ratio(row: Row) -> Fraction:
    return Fraction(row["rate_over"]) / Fraction(row["rate_under"])


def _state(user: User, expense: Expense) -> dict[str, Any]:
    (last,) = (body for body in user.feed if body["change_no"] == expense.change_no)
    state = _change(user, last) | {"ratio": expense.ratio.exact}
    assert state.pop("expense_id") == expense.id
    return state


def _cells(user: User) -> set[tuple[str, str]]:
    """Return the months and categories of which there is something to say."""
    live = {(each.month, each.category) for each in user.expenses.values() if not each.deleted}
    return live | {(month, category) for category, month, _ in user.told}


def _told(user: User, month: str, category: str) -> int:
    return max((percent for *cell, percent in user.told if cell == [category, month]), default=0)


def _next(user: User, recurring: Recurring) -> tuple[str, str]:
    next_on = None if user.erased else recurring.next_on()
    return _text(next_on), _instant(None if next_on is None else start_of(next_on, user.zone))


def _expense(row: Row) -> dict[str, Any]:
    return {name: _text(row[name]) if name == "date" else row[name] for name in _EXPENSE}


def _budget(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("change_no", "category", "limit_minor")} | {"month": _month(row)}


def _rule(row: Row) -> dict[str, Any]:
    same = ("change_no", "recurring_id", "amount_minor", "currency", "category", "notes", "stopped")
    days = {name: _text(row[name]) for name in ("effective_from", "starts_on", "ends_on")}
    return {name: row[name] for name in same} | days | {"frequency": _FREQUENCIES[row["frequency"]]}


def _change(user: User, body: Row) -> dict[str, Any]:
    """Return a change of the model's feed as the tables hold it."""
    said = {name: value for name, value in body.items() if name not in ("type", "user_id", "base_currency", "next_on")}
    if body["type"] == "budget.defined":
        limit = said.pop("limit")
        return said | {"month": said["month"] or "", "limit_minor": _minor(limit, user.base)}
    amount = _minor(said.pop("amount"), said["currency"])
    if "recurring.defined" in body["type"] or "recurring.stopped" in body["type"]:
        ends_on = str(said["ends_on"])
        stopped = body["type"] == "recurring.stopped"
        return said | {"amount_minor": amount, "ends_on": ends_on, "stopped": stopped}
    del said["rate"]
    base, version = _minor(said.pop("base_amount"), user.base), said.pop("version")
    deleted = body["type"] == "expense.deleted"
    return said | {"amount_minor": amount, "base_minor": base, "version_no": version, "deleted": deleted}


def _minor(text: str | None, currency: str) -> int | None:
    return None if text is None else units(Fraction(text), currency)


def _text(day: date | int | None) -> str:
    """Return a day as text; one that is packed already is a number."""
    return str(date.fromordinal(_EPOCH + day) if isinstance(day, int) else day)


def _month(row: Row) -> str:
    return "" if row["month"] is None else _text(row["month"])[:7]


def _instant(instant: datetime | None) -> str:
    return "None" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
