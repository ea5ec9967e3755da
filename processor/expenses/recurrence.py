"""On which days an entry recurs: starts_on and every so many periods later, the day clamped to its month.

Invariant A day belongs to the rule agreed last of those that are effective by then, whatever was agreed to begin later.
Limits    Nothing recurs behind the years that a day may lie in.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate

from contracts.envelope import YEARS
from processor.expenses.values import Frequency, RecurringRule

_STEP_DAYS = {Frequency.DAILY: 1, Frequency.WEEKLY: 7}


def rule_of(rules: Sequence[RecurringRule], day: date) -> RecurringRule | None:
    """Return the rule that *day* is one of, or None."""
    rule = next((each for each in reversed(rules) if each.effective_from <= day), None)
    return rule if rule is not None and next(_days_of(rule, day), None) == day else None


def days_from(rules: Sequence[RecurringRule], first: date) -> Iterator[date]:
    """Yield the days, from *first* on, on which an entry with these *rules* recurs, in order."""
    # A rule ends where any that was agreed after it begins. These may begin before it does: then it has no day at all.
    ends = [date.max, *accumulate((rule.effective_from for rule in reversed(rules)), min)]
    for rule, until in zip(rules, reversed(ends[:-1]), strict=True):
        begin = max(first, rule.effective_from)
        for day in _days_of(rule, begin) if begin < until else ():
            if day >= until:
                break
            yield day


def _days_of(rule: RecurringRule, first: date) -> Iterator[date]:
    """Yield the days of one rule from *first* on."""
    number = 0 if rule.stopped else _periods_before(rule, first)
    while not rule.stopped:
        day = _day(rule, number)
        if day is None or (rule.ends_on is not None and day > rule.ends_on):
            return
        if day >= first:
            yield day
        number += 1


def _periods_before(rule: RecurringRule, first: date) -> int:
    """Return how many periods after its start a rule has no day before *first*, or a few less."""
    if first <= rule.starts_on:
        return 0
    if rule.frequency == Frequency.MONTHLY:
        return 12 * (first.year - rule.starts_on.year) + first.month - rule.starts_on.month
    return (first - rule.starts_on).days // _STEP_DAYS[Frequency(rule.frequency)]


def _day(rule: RecurringRule, number: int) -> date | None:
    """Return the day that lies *number* periods after the start, or None behind the years there are."""
    start = rule.starts_on
    if rule.frequency == Frequency.MONTHLY:
        years, month = divmod(start.month - 1 + number, 12)
        year = start.year + years
        return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])) if year in YEARS else None
    day = start + timedelta(days=number * _STEP_DAYS[Frequency(rule.frequency)])
    return day if day.year in YEARS else None
