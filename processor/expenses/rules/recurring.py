"""The rules of the family ``recurring``: what is agreed holds from a day on, and each due day is made once.

Invariant A day that is made keeps the rule it was made by: what is agreed later begins behind the last that is made.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from contracts.envelope import Command, Event
from contracts.expenses import RECURRING_PREFIX, ExpenseAdded
from contracts.recurring import (
    RecurringDefined,
    RecurringMaterialise,
    RecurringRefusal,
    RecurringSet,
    RecurringStop,
    RecurringStopped,
)
from processor.engine.amounts import amount_in
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.expenses.recurrence import days_from, rule_of
from processor.expenses.rules.guards import day_in, user_of
from processor.expenses.rules.spending import booked, changed, worth_of
from processor.expenses.rules.views import recurring_fields
from processor.expenses.tracker import RECURRING, USER, Tracker
from processor.expenses.values import Expense, Frequency, Recurring, RecurringRule, User
from processor.moments import days

_ONE_DAY: Final = timedelta(days=1)
_ID_CHARACTERS_MAX: Final = 64
_HASH_CHARACTERS: Final = 32


def set_rule(tracker: Tracker, command: RecurringSet, instant: datetime) -> Decision:
    """Agree on what recurs: at first from its first day on, later behind what is due by what was agreed before."""
    amount_minor = amount_in(command.currency, command.amount)
    if isinstance(amount_minor, Refused):
        return amount_minor
    starts_on = day_in(command.starts_on, field="starts_on")
    if isinstance(starts_on, Refused):
        return starts_on
    ends_on = None if command.ends_on is None else day_in(command.ends_on, field="ends_on")
    if isinstance(ends_on, Refused):
        return ends_on
    user = user_of(tracker, command.user_id, not_found=RecurringRefusal.USER_NOT_FOUND)
    if isinstance(user, Refused):
        return user
    if ends_on is not None and ends_on < starts_on:
        return Refused(RecurringRefusal.ENDS_BEFORE_START, {"recurring_id": command.recurring_id})
    known = tracker.recurring(user, command.recurring_id)
    before = known or Recurring(user.user_no, command.recurring_id, (), None, None)
    rule = RecurringRule(
        rule_no=len(before.rules) + 1,
        effective_from=_beginning(before, user.day(instant), starts_on),
        amount_minor=amount_minor,
        currency=command.currency,
        category=command.category,
        frequency=Frequency[command.frequency.upper()],
        starts_on=starts_on,
        ends_on=ends_on,
        notes=command.notes,
    )
    return _agreed(user, before, rule, RecurringDefined)


def stop(tracker: Tracker, command: RecurringStop, instant: datetime) -> Decision:
    """Agree that nothing recurs behind what is due; to stop what is stopped never puts the end off."""
    found = _entry_of(tracker, command)
    if isinstance(found, Refused):
        return found
    user, before = found
    last = before.rules[-1]
    end = _behind(before, user.day(instant))
    rule = msgspec.structs.replace(
        last,
        rule_no=last.rule_no + 1,
        effective_from=min(end, last.effective_from) if last.stopped else end,
        stopped=True,
    )
    return _agreed(user, before, rule, RecurringStopped)


def materialise(tracker: Tracker, command: RecurringMaterialise, instant: datetime) -> Decision:
    """Make the expense of a day that has begun."""
    day = day_in(command.date, field="date")
    if isinstance(day, Refused):
        return day
    found = _entry_of(tracker, command)
    if isinstance(found, Refused):
        return found
    user, entry = found
    rule = rule_of(entry.rules, day)
    about = {"recurring_id": entry.recurring_id, "date": day.isoformat()}
    if rule is not None and _is_made(entry, day):
        return Refused(RecurringRefusal.ALREADY_MATERIALISED, about)
    if rule is None or day > user.day(instant):
        return Refused(RecurringRefusal.NOT_DUE, about)
    unknown = RecurringRefusal.RATE_UNKNOWN
    worth = worth_of(tracker, user, rule.amount_minor, rule.currency, day, unknown=unknown)
    if isinstance(worth, Refused):
        return worth
    expense = Expense(
        user_no=user.user_no,
        expense_id=_expense_id(entry, day),
        version_no=1,
        date=day,
        category=rule.category,
        amount_minor=rule.amount_minor,
        currency=rule.currency,
        base_minor=worth.base_minor,
        rate_over=worth.ratio.over,
        rate_under=worth.ratio.under,
        change_no=0,
        notes=rule.notes,
        recurring_id=entry.recurring_id,
    )
    made = Kept("recurring_entry", (user.user_no, days(day), entry.recurring_id, expense.expense_id))
    beside = (_put(_with_made(user, entry, day)), made)
    return booked(tracker, user, None, expense, ExpenseAdded, beside=beside)


# What is agreed -------------------------------------------------------------------------------------------------------


def _entry_of(tracker: Tracker, command: RecurringStop | RecurringMaterialise) -> tuple[User, Recurring] | Refused:
    user = user_of(tracker, command.user_id, not_found=RecurringRefusal.USER_NOT_FOUND)
    if isinstance(user, Refused):
        return user
    entry = tracker.recurring(user, command.recurring_id)
    if entry is None:
        return Refused(RecurringRefusal.RECURRING_NOT_FOUND, {"recurring_id": command.recurring_id})
    return user, entry


def _beginning(entry: Recurring, today: date, starts_on: date) -> date:
    """Return from when on a rule holds that is agreed *today*."""
    if not entry.rules:
        return starts_on
    last = entry.rules[-1]
    return max(today, last.effective_from) if last.stopped else _behind(entry, today)


def _behind(entry: Recurring, today: date) -> date:
    """Return the first day that is neither due *today* nor made; a user who moved west has made days of tomorrow."""
    return max(today, entry.last_made or today) + _ONE_DAY


def _agreed(user: User, before: Recurring, rule: RecurringRule, event: Callable[..., Event]) -> Applied:
    """Let *rule* be what holds from its day on, as the user's next change, and tell of it by *event*."""
    user = changed(user)
    first = min(before.next_on or rule.effective_from, rule.effective_from)
    entry = _standing(user, msgspec.structs.replace(before, rules=(*before.rules, rule)), first)
    ends_on = None if rule.ends_on is None else days(rule.ends_on)
    numbers = (user.user_no, user.last_change_no, rule.rule_no, days(rule.effective_from), rule.amount_minor)
    period = (rule.frequency, days(rule.starts_on), rule.stopped, ends_on)
    texts = (entry.recurring_id, rule.currency, rule.category, rule.notes)
    version = Kept("recurring_rule", (*numbers, *period, *texts))
    fields = recurring_fields(entry, rule, user)
    return Applied(event(**fields), (Put(USER, user.user_id, user), _put(entry), version))


# What is made ---------------------------------------------------------------------------------------------------------


def _is_made(entry: Recurring, day: date) -> bool:
    """Say whether *day*, on which the entry recurs, has its expense."""
    return entry.next_on is None or day < entry.next_on or day in entry.made


def _with_made(user: User, entry: Recurring, day: date) -> Recurring:
    """Return *entry* with the expense of *day* made."""
    last_made = max(day, entry.last_made or day)
    made = msgspec.structs.replace(entry, made=entry.made | {day}, last_made=last_made)
    return _standing(user, made, min(day, entry.next_on or day))


def _standing(user: User, entry: Recurring, first: date) -> Recurring:
    """Return *entry* with its first day that is not made, which is not before *first*."""
    next_on = next((day for day in days_from(entry.rules, first) if day not in entry.made), None)
    return msgspec.structs.replace(
        entry,
        next_on=next_on,
        next_due_at=None if next_on is None else user.begins(next_on),
        made=frozenset(day for day in entry.made if next_on is not None and day > next_on),
    )


def _expense_id(entry: Recurring, day: date) -> str:
    """Return the id of a day's expense: the entry's and the day, or a hash of both where these are too long."""
    place = f"{entry.recurring_id}:{day.isoformat()}"
    if len(RECURRING_PREFIX + place) > _ID_CHARACTERS_MAX:
        place = sha256(place.encode()).hexdigest()[:_HASH_CHARACTERS]
    return RECURRING_PREFIX + place


def _put(entry: Recurring) -> Put:
    return Put(RECURRING, (entry.user_no, entry.recurring_id), entry)


RULES: Final[dict[type[Command], Callable[..., Decision]]] = {
    RecurringSet: set_rule,
    RecurringStop: stop,
    RecurringMaterialise: materialise,
}
