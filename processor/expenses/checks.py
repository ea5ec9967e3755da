"""What the tables of expenses promise, each as a check that the audit runs.

Promise   Numbers, sums, conversions, thresholds, days and answers are told again from rows that never change; none of
          the code that made them runs.
Cost      Some passes over the versions of expenses in the order of users, and over the events they were told by; a user
          with a budget is read once more.
Bound     Users lie in one slice with all they have: a slice is as large as its largest user, if that is more.
Invariant Each statement is one snapshot of running books, whatever the slices are; no finding tells what a user wrote.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from contracts.currencies import EXPONENTS
from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, Slice, Slicing, by_lane, keys_cut_by, once
from processor.expenses.values import zone_of

_SQL = {
    **named_queries("processor.expenses", "audit.sql"),
    **named_queries("processor.expenses", "audit_rates.sql"),
    **named_queries("processor.expenses", "audit_budgets.sql"),
    **named_queries("processor.expenses", "audit_recurring.sql"),
    **named_queries("processor.expenses", "audit_erased.sql"),
}

_MONEY: Final = (list(EXPONENTS), list(EXPONENTS.values()))

by_user: Final = keys_cut_by(_SQL["next_user_slice"], first=(-END,), last=(END,))
by_rate: Final = keys_cut_by(_SQL["next_rate_slice"], first=("", "", date.min), last=(None, None, None))


async def with_money(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut as ``by_user``; with each slice go the currencies there are, and how many decimals each has."""
    return [(*one, *_MONEY) for one in await by_user(connection, rows)]


async def with_zones(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut as ``by_user``; with each slice go the time zones in which PostgreSQL's clocks show what ours do.

    Both have the rules of all zones, and one of them may have them older.
    """
    shown = await connection.fetch(_SQL["zones_in_use"])
    apart = {row["timezone"] for row in shown if row["shown"] != _clock(row["timezone"], row["at"])}
    zones = sorted({row["timezone"] for row in shown} - apart)
    return [(*one, zones) for one in await by_user(connection, rows)]


def _clock(timezone: str, instant: datetime) -> datetime | None:
    zone = zone_of(timezone)
    return None if zone is None else instant.astimezone(zone).replace(tzinfo=None)


def _part(name: str, slicing: Slicing = by_lane) -> Part:
    return Part(statement=_SQL[name], slicing=slicing)


def _check(name: str, promise: str, slicing: Slicing, *more: Part) -> Check:
    return Check(name=name, promise=promise, parts=(_part(name, slicing), *more))


# fmt: off
EXPENSES_CHECKS: Final = (
    _check("users",
        "Each user is as answers tell of it, and lives where it was told last.",
        by_user, _part("user_answers")),
    _check("change_numbers",
        "The changes of each user are numbered from 1 to last_change_no without a gap, in the order of time.",
        by_user),
    _check("expense_versions",
        "The versions of each expense are numbered from 1, end with its deletion, and the last is the expense.",
        by_user),
    _check("expense_answers",
        "Each version of an expense was told as it is, and each answer that tells of a change has it.",
        with_money, _part("change_answers")),
    _check("expense_conversions",
        "Each amount was converted at the latest rate that was known for its day, exactly, and rounded once.",
        with_money),
    _check("expense_sums",
        "Each sum is that of the expenses of its user, month and category that are not deleted.",
        by_user),
    _check("budgets",
        "Each budget is as it was set last, and was told so.",
        with_money),
    _check("budget_thresholds",
        "Each part of a budget was told of once, when what was spent had reached it, and sums know which.",
        with_money, _part("threshold_answers")),
    _check("recurring_rules",
        "The rules of each recurring entry are numbered from 1 without a gap, and were told.",
        with_money),
    _check("recurring_entries",
        "Each day that was made is one of the rule's that held for it, and its expense is what was agreed on.",
        by_user),
    _check("recurring_due",
        "What is due next of each recurring entry is its first day without an expense, from when that begins.",
        with_zones),
    _check("rates",
        "What was set for each pair and day is numbered from 1 without a gap, was told, and the last holds.",
        by_rate, _part("rate_answers"), _part("rate_book", once)),
    _check("erased_users",
        "Nothing is left of what erased users have written.",
        by_user, _part("erased_events", by_user)),
)
# fmt: on
