"""The payments of an advance: how they are scheduled, filled and carried over, and what they sum to.

Everything here is pure, in minor units and the bank's days.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

import msgspec

from contracts.envelope import YEARS
from processor.engine.shelving import Kept, Put
from processor.ledger.book import Book
from processor.ledger.lending import Advance, AdvanceStatus, CarryOver, Payment, PaymentStatus
from processor.ledger.values import Account
from processor.moments import days

WEEK: Final = timedelta(days=7)
_FIRST: Final = date(YEARS.start, 1, 1).toordinal()
_LAST: Final = date(YEARS.stop - 1, 12, 31).toordinal()  # a payment may still move a week beyond


class Debt(NamedTuple):
    """An advance with its account, and its payments by number."""

    account: Account
    advance: Advance
    payments: Sequence[Payment]

    @property
    def owed_minor(self) -> int:
        """Return what is still to be collected or repaid."""
        return sum(payment.owed_minor for payment in self.payments)

    @property
    def accounted_minor(self) -> int:
        """Return what ought to be the amount: paid, written off, and not yet due or in process.

        A failed amount counts in the payment that it moved to.
        """
        return sum(payment.paid_minor for payment in self.payments) + self.advance.written_off_minor + self.owed_minor

    def payment(self, number: int) -> Payment | None:
        """Return the payment with a number, or None."""
        return next((payment for payment in self.payments if payment.payment_no == number), None)

    def after(self, changed: Iterable[Payment], ended: AdvanceStatus = AdvanceStatus.REPAID) -> "Debt":
        """Return the debt once payments have *changed*, or were added; the advance has *ended* if nothing is owed."""
        latest = {payment.payment_no: payment for payment in (*self.payments, *changed)}
        left = Debt(self.account, self.advance, [latest[number] for number in sorted(latest)])
        status = AdvanceStatus.OPEN if left.owed_minor else ended
        count = max(self.advance.payments, *latest)
        advance = msgspec.structs.replace(
            self.advance, status=status, outstanding_minor=left.owed_minor, payments=count
        )
        return left._replace(advance=advance)


def due_days(first: date, *, count: int, interval_days: int) -> Sequence[date] | None:
    """Return the days on which *count* payments fall due, or None where the calendar does not reach as far."""
    start = first.toordinal()
    if start < _FIRST or start + (count - 1) * interval_days > _LAST:
        return None
    return [date.fromordinal(start + number * interval_days) for number in range(count)]


def scheduled(advance: Advance, dues: Sequence[date]) -> list[Payment]:
    """Return the payments of a new advance: equal amounts, rounded down; the last takes the remainder."""
    each_minor, rest_minor = divmod(advance.amount_minor, len(dues))
    place, status = (advance.account_no, advance.advance_id), PaymentStatus.SCHEDULED
    payments = [Payment(*place, number, due, status, each_minor) for number, due in enumerate(dues, start=1)]
    payments[-1] = msgspec.structs.replace(payments[-1], amount_minor=each_minor + rest_minor)
    return payments


def debt_of(book: Book, account: Account, advance: Advance) -> Debt:
    """Return *advance* with its payments; one that the tables have lost is for the audit to miss."""
    place, numbers = (advance.account_no, advance.advance_id), range(1, advance.payments + 1)
    found: list[Payment | None] = [book.shelved("advance_payment", (*place, number)) for number in numbers]
    return Debt(account, advance, [payment for payment in found if payment is not None])


def filled(payments: Iterable[Payment], amount_minor: int) -> list[Payment]:
    """Return the payments that a repayment changes: what is due first is filled first."""
    changed: list[Payment] = []
    for payment in sorted(payments, key=lambda each: (each.due, each.payment_no)):
        part_minor = min(amount_minor, payment.owed_minor)
        if part_minor > 0:
            ends = part_minor == payment.owed_minor
            status = PaymentStatus.REPAID if ends else PaymentStatus.SCHEDULED
            paid_minor = payment.paid_minor + part_minor
            changed.append(msgspec.structs.replace(payment, paid_minor=paid_minor, status=status))
            amount_minor -= part_minor
    return changed


def carried(debt: Debt, failed: Payment, *, today: date, carry_over: CarryOver) -> tuple[Payment, Payment]:
    """Return *failed* after it could not be collected, and the payment that takes over what is owed of it.

    That is the next by number which is not settled, or of the extra ones where *carry_over* says so; after the last, a
    new one, due a week after the later of today and what it comes behind: the failed payment, or all payments.
    """
    advance, payments = debt.advance, debt.payments
    behind = failed.payment_no if carry_over == CarryOver.NEXT else max(failed.payment_no, advance.granted_in)
    later = [each for each in payments if each.payment_no > behind and each.owed_minor > 0]
    if later:
        target = msgspec.structs.replace(later[0], amount_minor=later[0].amount_minor + failed.owed_minor)
    else:
        last = failed.due if carry_over == CarryOver.NEXT else max(each.due for each in payments)
        place = (advance.account_no, advance.advance_id, advance.payments + 1)
        target = Payment(*place, max(last, today) + WEEK, PaymentStatus.SCHEDULED, failed.owed_minor)
    ended = msgspec.structs.replace(failed, status=PaymentStatus.FAILED, moved_to=target.payment_no)
    return ended, target


def kept(advance: Advance, changed: Iterable[Payment]) -> list[Put | Kept]:
    """Return an advance as it is now, and each payment that has changed: as it is, and as one of its versions."""
    place = (advance.account_no, advance.advance_id)
    changes: list[Put | Kept] = [Put("advance", place, advance)]
    for payment in changed:
        money = (payment.amount_minor, payment.paid_minor, payment.moved_to)
        version = (payment.account_no, payment.payment_no, days(payment.due), payment.status, *money)
        changes.append(Put("advance_payment", (*place, payment.payment_no), payment))
        changes.append(Kept("advance_payment_version", (*version, payment.advance_id)))
    return changes
