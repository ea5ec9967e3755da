"""The rule of the family ``rate``: it holds for what is converted from now on, and changes nothing that was."""

from datetime import datetime
from typing import Final

from contracts.money import ZERO, trimmed
from contracts.rates import RateDefined, RateRefusal, RateSet
from processor.engine.amounts import currency_refusal
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.expenses.rules.guards import day_in
from processor.expenses.tracker import RATE, Tracker
from processor.expenses.values import Rate
from processor.moments import days

_DIGITS_MAX: Final = 12  # before the point, and after it


def set_rate(tracker: Tracker, command: RateSet, instant: datetime) -> Decision:
    """Set what one currency was worth in another on a day, or set it again."""
    base, quote = command.base, command.quote
    if refused := currency_refusal(base) or currency_refusal(quote):
        return refused
    day = day_in(command.date, field="date")
    if isinstance(day, Refused):
        return day
    text = trimmed(command.rate)
    if base == quote or text == ZERO or max(map(len, command.rate.split("."))) > _DIGITS_MAX:
        return Refused(RateRefusal.RATE_INVALID, {"base": base, "quote": quote})
    before = tracker.rate(base, quote, day)
    rate = Rate(base, quote, day, text, 1 if before is None else before.rate_no + 1)
    event = RateDefined(base=base, quote=quote, date=day.isoformat(), rate=text, version=rate.rate_no)
    version = Kept("rate_version", (days(day), rate.rate_no, base, quote, text))
    return Applied(event, (Put(RATE, (base, quote, day), rate), version))


RULES: Final = {RateSet: set_rate}
