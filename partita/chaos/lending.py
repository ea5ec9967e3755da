"""What a run does with time, on tight accounts: interest that accrues and is posted, advances and what becomes of them.

Promise   Days and months are thrown, near ones far more often, for nobody here knows how far the run has come; payments
          are due from long ago to soon. So much is refused, or not due, or done: that is for the oracle to judge.
"""

import math
from collections import deque
from datetime import date, timedelta
from typing import Final

from partita.chaos.items import Item, Json, Writer, text
from partita.chaos.population import FIRST_DAY, LENT_TO

REMEMBERED: Final = 200
DAYS, MONTHS = 400, 13  # of a long run
AMOUNT_MAX: Final = 2_000
PAYMENTS_MAX: Final = 5
UNKNOWN: Final = "never-granted"


class Lending:
    """Steps on tight accounts."""

    def __init__(self, writer: Writer) -> None:
        self._writer, self._dice = writer, writer.dice
        self._count = 0
        self._asked: deque[tuple[Json, int]] = deque(maxlen=REMEMBERED)  # and in how many payments

    def step(self) -> Item:
        """Return the next step."""
        throw, account = self._dice.random(), f"T-{self._dice.randrange(LENT_TO)}"
        if throw < 0.35:  # noqa: PLR2004 - shares, one below the other
            day = FIRST_DAY + timedelta(days=self._near(DAYS) - 1)
            return self._writer.say("interest.accrue", account, {"account_id": account, "date": day.isoformat()})
        if throw < 0.5:  # noqa: PLR2004
            month = _month(self._near(MONTHS) - 1)
            return self._writer.say("interest.post", account, {"account_id": account, "month": month})
        if throw < 0.6 or not self._asked:  # noqa: PLR2004
            return self._request(account)
        which, payments = self._dice.choice(self._asked)
        if throw < 0.66:  # noqa: PLR2004
            return self._spend(which["account_id"])
        return self._go_on(which, payments)

    def _near(self, below: int) -> int:
        """Throw a number from 0 on; one that is twice as large comes half as often."""
        return int(math.exp(self._dice.uniform(0, math.log(below + 1)))) - 1

    def _request(self, account: str) -> Item:
        self._count += 1
        payments, which = self._dice.randint(1, PAYMENTS_MAX), {"account_id": account, "advance_id": f"a-{self._count}"}
        if self._asked and self._writer.below(0.05):
            which, _ = self._dice.choice(self._asked)
        self._asked.append((which, payments))
        terms: Json = {"payments": payments, "interval_days": self._dice.randint(1, 4)}
        if self._writer.below(0.8):
            first = FIRST_DAY + timedelta(days=self._dice.randint(-20, 4))
            terms["first_due"] = first.isoformat()
        fields = which | {"amount": text(self._writer.minor(AMOUNT_MAX))} | terms
        return self._writer.say("advance.request", which["account_id"], fields)

    def _spend(self, account: str) -> Item:
        """Take money out of *account*, as often as not where there is none."""
        type_, minor = self._dice.choice(("transfer.withdraw", "settlement.post")), self._writer.minor(2 * AMOUNT_MAX)
        return self._writer.say(type_, account, {"account_id": account, "amount": text(minor)}, [(account, "", minor)])

    def _go_on(self, which: Json, payments: int) -> Item:
        throw = self._dice.random()
        if self._writer.below(0.03):
            which = which | {"advance_id": UNKNOWN}
        if throw < 0.6:  # noqa: PLR2004
            return self._say("advance.collect", which, {"payment_no": self._dice.randint(1, payments + 1)})
        if throw < 0.8:  # noqa: PLR2004
            part = {"amount": text(self._writer.minor(AMOUNT_MAX))} if self._writer.below(0.6) else {}
            return self._say("advance.repay", which, part)
        if throw < 0.87:  # noqa: PLR2004
            return self._say("advance.write_off", which, {"reason": "lost"})
        return self._say("advance.audit", which, {})

    def _say(self, type_: str, which: Json, fields: Json) -> Item:
        return self._writer.say(type_, which["account_id"], which | fields)


def _month(number: int) -> str:
    """Return the month that is so many months after the first day's."""
    years, month = divmod(FIRST_DAY.month - 1 + number, 12)
    return date(FIRST_DAY.year + years, month + 1, 1).isoformat()[:7]
