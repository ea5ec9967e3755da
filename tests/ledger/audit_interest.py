"""Interest in the small books of ``tests.ledger.audit_books``: what days earn is worked out here, in fractions."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from processor.database import Connection
from tests.ledger.audit_books import CLOSE, DEPOSIT, WITHDRAW, Books, Stamp
from tests.ledger.audit_rows import replace

INTEREST = 10
PAID_OUT = 4  # the kind of a side leg
ZONE = "Europe/Berlin"
PART = 10**12
GROWING = (Fraction("0.1"), Fraction("0.2"), 100_000)


@dataclass(kw_only=True)
class Earned:
    """Interest of an account; units by month, as its row has them."""

    account: str
    since: date
    until: date
    posted: date
    idle: bool = False
    carried: int = 0
    months: dict[str, int] = field(default_factory=dict)

    @property
    def units(self) -> int:
        return self.carried + sum(self.months.values())


@dataclass(kw_only=True)
class Chapter:
    """The part of books that speaks of interest."""

    books: Books
    earned: dict[str, Earned] = field(default_factory=dict)

    def turn_to(self, text: str) -> None:
        """Let the next event be at an instant."""
        self.books.now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def open(self, account: str, product: str, since: str, *, until: str, idle: bool = False) -> None:
        self.books.open(account, product=product)
        first = date.fromisoformat(since)
        days = (first, date.fromisoformat(until), first.replace(day=1) - timedelta(days=1))
        self.earned[account] = Earned(account=account, since=days[0], until=days[1], posted=days[2], idle=idle)

    def define(self, product: str, version: int, bears: str, tiers: str) -> None:
        """Define a version: *bears* is interest, mode and days of the year."""
        interest, mode, days = bears.split()
        stamp = self.books.event(1, 1, "product.defined", key=product)
        fixed = (version, 1, 0, 3, 10, True, True, 0, int(days))
        texts = ("USD", interest, mode, tiers)
        self.books.products[product] = (*fixed, *texts, version, self.books.now)
        self.books.add("product_version", *stamp, self.books.now, *fixed, product, *texts)

    def accrue(self, account: str, *runs: tuple[str, str, list[int]]) -> Stamp:
        """Accrue *runs* of days, (first, last, units of each), all in one command."""
        before = self.earned[account].units
        total = sum(sum(units) for _, _, units in runs)
        said = f'{{"accrued":"{shown(total)}","accumulated":"{shown(before + total)}"}}'
        stamp = self.books.event(1, 1, "interest.accrued", key=account, payload=said.encode())
        self._accrued(stamp, account, *runs)
        return stamp

    def _accrued(self, stamp: Stamp, account: str, *runs: tuple[str, str, list[int]]) -> None:
        earned = self.earned[account]
        for first, last, units in runs:
            earned.months[last[:7]] = earned.months.get(last[:7], 0) + sum(units)
            earned.until = date.fromisoformat(last)
            days = (date.fromisoformat(first), earned.until)
            place = (*stamp, self.books.now, self.books.accounts[account, 0].no)
            self.books.add("interest_accrual", *place, *days, ZONE, str(sum(units)), str(earned.units))

    def post(self, account: str, until: str) -> Stamp:
        """Post everything up to the end of a month."""
        earned = self.earned[account]
        due = earned.carried + sum(units for month, units in earned.months.items() if month <= until)
        minor, earned.carried = divmod(due, PART)
        earned.months = {month: units for month, units in earned.months.items() if month > until}
        amount, value_date = f"{minor // 100}.{minor % 100:02}", date.fromisoformat(until)
        said = f'{{"amount":"{amount}","value_date":"{until}"}}'.encode()
        if minor:
            stamp = self.books.legs(INTEREST, 2, ("interest", account, minor), key=account)
            *told, _payload, fingerprint, headers = self.books.rows["event"].pop()
            self.books.add("event", *told, said, fingerprint, headers)
        else:
            stamp = self.books.event(2, 1, "interest.posted", key=account, payload=said)
        earned.posted = value_date
        self._posted(stamp, account, value_date, value_date, minor)
        return stamp

    def _posted(self, stamp: Stamp, account: str, until: date, value_date: date, minor: int) -> None:
        no = self.books.accounts[account, 0].no
        self.books.add(
            *("interest_posting", *stamp, self.books.now, no, until, value_date, minor),
            str(self.earned[account].units),
        )

    def close(self, account: str, to: str, day: str, *runs: tuple[str, str, list[int]]) -> None:
        """Close an account after its last days have accrued: interest first, then all that is on it."""
        closed, earned = self.books.accounts[account, 0], self.earned[account]
        due = earned.units + sum(sum(units) for _, _, units in runs)
        minor, value_date = due // PART, date.fromisoformat(day)
        swept = closed.balance + minor
        stamp = self.books.event(1, 1, "account.closed", key=account)
        self._accrued(stamp, account, *runs)
        house, payee = self.books.account("interest", 1), self.books.accounts[to, 0]
        self.books.add("side_leg", *stamp, self.books.now, 0, PAID_OUT, house.no, closed.no, minor)
        self.books.add(
            *("transaction", *stamp, CLOSE, closed.no, payee.no, swept, "USD", self.books.now, self.books.now),
            *(None, "", ""),
        )
        for one, kind, amount in [(house, 6, -minor), (closed, 6, minor), (closed, 4, -swept), (payee, 3, swept)]:
            self.books.entry(one, stamp, kind, amount)
        closed.status, closed.closed_at = 3, self.books.now
        earned.posted = earned.until = value_date - timedelta(days=1)
        earned.carried, earned.months, earned.idle = 0, {}, True
        self._posted(stamp, account, earned.until, value_date, minor)

    async def write(self, connection: Connection) -> None:
        await replace(connection, "interest", [self._row(earned) for earned in self.earned.values()])

    def _row(self, earned: Earned) -> tuple[Any, ...]:
        no = self.books.accounts[earned.account, 0].no
        months = ";".join(f"{month}:{units}" for month, units in earned.months.items() if units)
        days = (earned.since, earned.until, earned.posted)
        return (no, *days, earned.idle, earned.carried, months, 1, self.books.now)


def day_of(balance: int, rate: str, days: int = 365) -> int:
    """Return the units of a day that ends with a balance, at one rate."""
    return floor(Fraction(balance) * Fraction(rate) * PART / days + Fraction(1, 2))


def growing(balance: int, accumulated: int) -> int:
    """Return the units of a day of GROW: compound, 10 % up to 1,000.00 and 20 % of what lies above, of 360 days."""
    low, high, start = GROWING
    top = high if balance >= start else low
    yearly = PART * (min(balance, start) * low + max(0, balance - start) * high) + accumulated * top
    return floor(yearly / 360 + Fraction(1, 2))


def shown(units: int) -> str:
    millionths = floor(Fraction(units, 10**8) + Fraction(1, 2))
    return f"{millionths // 10**6}.{millionths % 10**6:06}"


def interest() -> Books:
    """Savings with a run over two rates, interest on interest, a product that changes, a closing, and one at rest."""
    books = Books()
    chapter = Chapter(books=books)
    books.later.append(chapter.write)
    books.open("P")
    chapter.turn_to("2026-03-27T10:00")
    chapter.define("GROW", 1, "compound marginal 360", "0:0.1;100000:0.2")
    chapter.define("FLAT", 1, "simple whole 365", "0:0.01")
    chapter.open("S", "savings", "2026-03-27", until="2026-03-26")
    chapter.open("G", "GROW", "2026-03-27", until="2026-03-26")
    chapter.open("F", "FLAT", "2026-03-27", until="2026-03-26")
    chapter.open("C", "savings", "2026-03-27", until="2026-03-26")
    chapter.open("R", "plain", "2026-03-27", until="2026-03-30", idle=True)
    for account, minor in [("S", 200_000), ("G", 150_000), ("F", 10), ("C", 90_000)]:
        books.legs(DEPOSIT, 1, ("cash", account, minor))
    _earn(chapter)
    return books


def _earn(chapter: Chapter) -> None:
    books = chapter.books
    chapter.turn_to("2026-03-28T22:59:59.998")  # before midnight in Berlin, where a night of 23 hours follows
    books.legs(WITHDRAW, 1, ("S", "cash", 50_000))
    chapter.turn_to("2026-03-28T23:00")
    books.legs(WITHDRAW, 2, ("S", "cash", 100_000))
    chapter.turn_to("2026-03-29T22:00")
    chapter.define("FLAT", 2, "simple whole 365", "0:0.03")
    chapter.accrue(
        "S", ("2026-03-27", "2026-03-29", [day_of(200_000, "0.02"), day_of(150_000, "0.02"), day_of(50_000, "0.01")])
    )
    first = growing(150_000, 0)
    second = growing(150_000, first)
    chapter.accrue("G", ("2026-03-27", "2026-03-28", [first, second]))
    third = growing(150_000, first + second)
    chapter.accrue("G", ("2026-03-29", "2026-03-29", [third]))
    chapter.close("C", "P", "2026-03-30", ("2026-03-27", "2026-03-29", [day_of(90_000, "0.01")] * 3))
    chapter.turn_to("2026-04-01T10:00")
    fourth = growing(150_000, first + second + third)
    fifth = growing(150_000, first + second + third + fourth)
    chapter.accrue("G", ("2026-03-30", "2026-03-31", [fourth, fifth]))
    chapter.post("G", "2026-03-31")
    books.terms("S", "account.product_set", product="plain")
    chapter.turn_to("2026-04-03T10:00")
    books.terms("S", "account.product_set", product="FLAT")
    chapter.accrue("F", ("2026-03-27", "2026-03-31", [day_of(10, "0.01")] * 3 + [day_of(10, "0.03")] * 2),
                   ("2026-04-01", "2026-04-02", [day_of(10, "0.03")] * 2))  # fmt: skip
    chapter.post("F", "2026-03-31")
    chapter.turn_to("2026-04-04T10:00")
    # the 1st and the 2nd of April under plain, and passed over
    chapter.accrue(
        "S",
        ("2026-03-30", "2026-03-31", [day_of(50_000, "0.01")] * 2),
        ("2026-04-03", "2026-04-03", [day_of(50_000, "0.03")]),
    )
    later = growing(150_000 + _paid(books), chapter.earned["G"].units)
    chapter.accrue("G", ("2026-04-01", "2026-04-01", [later]))


def _paid(books: Books) -> int:
    """Return what was posted to G."""
    return books.accounts["G", 0].balance - 150_000
