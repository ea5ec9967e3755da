"""Advances in the small books of ``tests.ledger.audit_books``: granted, collected, failed, repaid, written off."""

from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta

from processor.database import Connection
from tests.ledger.audit_books import DEPOSIT, MAKE, Books, Stamp
from tests.ledger.audit_rows import replace
from tests.rows import Json

GRANT, COLLECT, REPAY, WRITE_OFF = range(11, 15)
SCHEDULED, COLLECTED, FAILED, REPAID, WRITTEN_OFF = range(1, 6)
FIRST_DUE = date(2025, 12, 1)
WEEK = timedelta(days=7)


@dataclass(kw_only=True)
class Advance:
    """In the order of the table's columns."""

    account_no: int
    id: str
    status: int = 1
    amount: int
    outstanding: int
    written_off: int = 0
    payments: int
    granted_in: int
    interval_days: int = 7
    granted_at: datetime
    lane_no: int
    seq: int
    version: int = 1
    decided_at: datetime


@dataclass(kw_only=True)
class Payment:
    """In the order of the table's columns."""

    account_no: int
    advance_id: str
    number: int
    due: date
    status: int = SCHEDULED
    amount: int
    paid: int = 0
    moved_to: int | None = None
    version: int = 1
    decided_at: datetime

    @property
    def left(self) -> int:
        return self.amount - self.paid


class Advances:
    """The advances of *books*; whatever becomes of one goes to lane 1, but where another is named."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._advances: dict[str, Advance] = {}
        self._payments: dict[str, list[Payment]] = {}

    def grant(self, account_id: str, advance_id: str, *amounts: int, lane_no: int = 1, currency: str = "USD") -> None:
        """Grant an advance with payments of these *amounts*, weekly."""
        books, total = self._books, sum(amounts)
        stamp = books.legs(GRANT, lane_no, ("advances", account_id, total), currency=currency, key=account_id)
        own: Json = {"account_no": books.accounts[account_id, 0].no, "decided_at": books.now}
        numbers: Json = {"payments": len(amounts), "granted_in": len(amounts), "granted_at": books.now}
        money: Json = {"amount": total, "outstanding": total, "lane_no": stamp[0], "seq": stamp[1]}
        self._advances[advance_id] = Advance(id=advance_id, **own, **numbers, **money)
        self._payments[advance_id] = [
            Payment(advance_id=advance_id, number=number, due=FIRST_DUE + (number - 1) * WEEK, amount=amount, **own)
            for number, amount in enumerate(amounts, 1)
        ]
        books.accounts[account_id, 0].advance = advance_id
        self._change(stamp, advance_id, *self._payments[advance_id])

    def collect(self, account_id: str, advance_id: str, number: int) -> None:
        payment = self._payments[advance_id][number - 1]
        leg = (account_id, "advances", payment.left)
        stamp = self._books.legs(COLLECT, 1, leg, key=account_id)
        payment.paid, payment.status = payment.amount, COLLECTED
        self._change(stamp, advance_id, payment)

    def fail(self, account_id: str, advance_id: str, number: int) -> None:
        stamp = self._books.event(1, 1, "advance.payment_failed", key=account_id)
        payments = self._payments[advance_id]
        failed = payments[number - 1]
        if number == len(payments):
            due, place = self._books.now.date() + WEEK, (failed.account_no, advance_id, number + 1)
            last: Json = {
                "account_no": place[0],
                "advance_id": place[1],
                "number": place[2],
                "decided_at": self._books.now,
            }
            payments.append(Payment(due=due, amount=failed.left, **last))
        else:
            payments[number].amount += failed.left
        failed.status, failed.moved_to = FAILED, number + 1
        self._change(stamp, advance_id, failed, payments[number])

    def repay(self, account_id: str, advance_id: str, **amounts: int) -> None:
        """Repay *amounts* by payment: ``p3=100``."""
        leg = (account_id, "advances", sum(amounts.values()))
        stamp = self._books.legs(REPAY, 1, leg, key=account_id)
        changed = []
        for name, amount in amounts.items():
            payment = self._payments[advance_id][int(name[1:]) - 1]
            payment.paid += amount
            payment.status = SCHEDULED if payment.left else REPAID
            changed.append(payment)
        self._change(stamp, advance_id, *changed)

    def write_off(self, account_id: str, advance_id: str) -> None:
        advance = self._advances[advance_id]
        leg = ("losses", "advances", advance.outstanding)
        stamp = self._books.legs(WRITE_OFF, 1, leg, key=account_id)
        ended = [payment for payment in self._payments[advance_id] if payment.status == SCHEDULED]
        for payment in ended:
            payment.status = WRITTEN_OFF
        advance.written_off = advance.outstanding
        self._change(stamp, advance_id, *ended)

    def _change(self, stamp: Stamp, advance_id: str, *changed: Payment) -> None:
        books, advance = self._books, self._advances[advance_id]
        for payment in changed:
            payment.decided_at = books.now
            state = (payment.due, payment.status, payment.amount, payment.paid, payment.moved_to)
            kept = (payment.account_no, payment.number, *state, advance_id)
            books.add("advance_payment_version", *stamp, books.now, *kept)
        payments = self._payments[advance_id]
        advance.payments, advance.decided_at = len(payments), books.now
        advance.outstanding = sum(payment.left for payment in payments if payment.status == SCHEDULED)
        if not advance.outstanding:
            advance.status = 3 if advance.written_off else 2
            (account,) = (one for one in books.accounts.values() if one.no == advance.account_no)
            account.advance = None
        books.decide_on(next(one for one in books.accounts.values() if one.no == advance.account_no))

    async def flush(self, connection: Connection) -> None:
        await replace(connection, "advance", map(astuple, self._advances.values()))
        payments = (payment for each in self._payments.values() for payment in each)
        await replace(connection, "advance_payment", map(astuple, payments))


def advances(books: Books) -> None:
    """V's goes through everything before it is written off, W's is repaid at once, U's is open, in another currency."""
    told = Advances(books)
    books.later.append(told.flush)
    for account_id, currency in {"V": "USD", "W": "USD", "U": "EUR"}.items():
        books.open(account_id, currency)
    told.grant("V", "hard", 333, 333, 334)
    told.collect("V", "hard", 1)
    books.legs(MAKE, 2, ("V", "A", 667))
    told.fail("V", "hard", 2)
    books.legs(DEPOSIT, 2, ("cash", "V", 200))
    told.repay("V", "hard", p3=100)
    told.fail("V", "hard", 3)
    told.repay("V", "hard", p4=67)
    told.write_off("V", "hard")
    told.grant("W", "easy", 5, 6)
    told.repay("W", "easy", p1=5, p2=6)
    told.grant("U", "open", 300, 300, 302, lane_no=2, currency="EUR")
