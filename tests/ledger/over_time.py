"""The steps of a state machine that are about time: interest by days and months, advances and their payments."""

from datetime import date, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from partita.oracle.state import Advance
from tests.ledger.draws import Draws
from tests.rows import Json

ONE_DAY = timedelta(days=1)


class OverTime(RuleBasedStateMachine):
    """Steps for a machine that says how to ``ask`` and to let time pass.

    Hypothesis draws the step whose name comes first far more often than others: that is none of these.
    """

    draws: Draws

    def pass_time(self, span: timedelta) -> None:
        """Let *span* pass."""
        raise NotImplementedError

    def ask(self, type_: str, **fields: object) -> None:
        """Ask for something."""
        raise NotImplementedError

    @rule(days=st.sampled_from([0, 1, 1, 3]))
    def let_interest_accrue(self, days: int) -> None:
        self.pass_time(timedelta(days=days))
        self.ask("interest.accrue", account_id=self.draws.account(), date=_day(self.draws))

    @rule(days=st.sampled_from([None, 0, 0, 3]), after_all=st.booleans())
    def post_interest(self, days: int | None, *, after_all: bool) -> None:
        account_id = self.draws.account()
        if days is not None:  # into the next month
            today = self.draws.banks.today
            self.pass_time(_next_month(today) - today + timedelta(days=days))
        if after_all:  # days of the month that has begun, too
            yesterday = self.draws.banks.today - ONE_DAY
            self.ask("interest.accrue", account_id=account_id, date=str(yesterday))
        self.ask("interest.post", account_id=account_id, month=_month(self.draws))

    @rule()
    def request(self) -> None:
        about = _fresh_advance(self.draws)
        self.ask("advance.request", **about, **self.draws.money(about["account_id"]))

    @rule()
    def collect(self) -> None:
        which = self._an_advance()
        self.ask("advance.collect", **which, payment_no=_payment(self.draws, which))

    @rule(how=st.sampled_from(["advance.repay", "advance.repay", "advance.write_off", "advance.audit"]))
    def end_advance(self, how: str) -> None:
        draws, which = self.draws, self._an_advance()
        advance = _lent(draws, which)
        owed = [advance.outstanding] if advance else []
        amount = draws.maybe(draws.amount(which["account_id"], *owed)) if how == "advance.repay" else None
        self.ask(how, **which, amount=amount, reason="r" if how == "advance.write_off" else None)

    def _an_advance(self) -> Json:
        """Draw an advance; request one where none is open, for nothing else could be said of it."""
        if not any(each.advance for each in self.draws.banks.oracle.accounts.values()):
            self.request()
        return _advance(self.draws)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _day(draws: Draws) -> str:
    """Draw a day to accrue, mostly the last that has ended, rarely one that no calendar has."""
    before = [draws.banks.today - timedelta(days=days) for days in (0, 1, 1, 1, 1, 1, 1, 2, 2, 9, 40, -1)]
    return draws.one_of([*map(str, before), *map(str, before), "2026-02-30"])


def _month(draws: Draws) -> str:
    """Draw a month to post, mostly the last that has ended."""
    first = draws.banks.today.replace(day=1)
    last = first - ONE_DAY
    months = [*[last] * 6, first, last.replace(day=1) - ONE_DAY]
    return draws.one_of([*(str(day)[:7] for day in months * 2), "2026-13"])


def _fresh_advance(draws: Draws) -> Json:
    """Draw an account, mostly one without an open advance, a name for one, and in what payments it is due."""
    accounts = draws.banks.oracle.accounts
    fit = [name for name in draws.live() if not accounts[name].advance]
    account_id = draws.one_of([*fit * 4, draws.account()])
    known = [*accounts[account_id].advances] if account_id in accounts else []
    first = draws.banks.today + timedelta(days=draws.one_of([-30, -7, -1, 0, 0, 1]))
    return {
        "account_id": account_id,
        "advance_id": draws.one_of([*[f"V{len(known)}"] * 6, *known[-2:]]),
        "payments": draws.one_of([None, 1, 2, 2, 3, 3, 5]),
        "interval_days": draws.one_of([None, 1, 1, 5]),
        "first_due": draws.one_of([None, *[str(first)] * 10, "2026-02-30"]),
    }


def _advance(draws: Draws) -> Json:
    """Draw an advance, mostly an open one, or a name that none has."""
    accounts = draws.banks.oracle.accounts.values()
    open_ = [(each.id, each.advance) for each in accounts if each.advance]
    ended = [(each.id, name) for each in accounts for name in each.advances]
    account_id, advance_id = draws.one_of([*open_ * 8, *ended[-2:], (draws.account(), "none")])
    return {"account_id": account_id, "advance_id": advance_id}


def _lent(draws: Draws, which: Json) -> Advance | None:
    """Return the advance that was drawn."""
    account = draws.banks.oracle.accounts.get(which["account_id"])
    return account.advances.get(which["advance_id"]) if account else None


def _payment(draws: Draws, which: Json) -> int:
    """Draw a payment of an advance, mostly one that is due."""
    advance = _lent(draws, which)
    scheduled = advance.scheduled if advance else []
    due = [payment.number for payment in scheduled if payment.due <= draws.banks.today]
    count = len(advance.payments) if advance else 0
    return draws.one_of([*due * 6, *(payment.number for payment in scheduled), 1, count + 1])
