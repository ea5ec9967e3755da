"""The family ``interest``: what each day earns, in exact fractions, and what a month's end pays of it.

A day earns by the balance, by the account's product and by the version of that product that it ended with. What it
earns is rounded half up to 10^-12 of a minor unit; nothing else is rounded before it is paid or shown.
"""

from calendar import monthrange
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor

from partita.oracle import overdraft, products
from partita.oracle.books import ONE_DAY, Books, No, Rule, not_reserved
from partita.oracle.history import Json
from partita.oracle.state import NOTHING, ZERO, Account, Accrual, Leg, Product, Transaction, at_the_end

_FINE = 12  # decimals of a minor unit that a day's interest is kept with
_SHOWN = 6  # decimals of a unit that it is shown with


def nothing_yet(today: date) -> Accrual:
    """Return what an account has earned that is opened *today*."""
    return Accrual(until=today - ONE_DAY, posted=today.replace(day=1) - ONE_DAY)


def pay_all(books: Books, account: Account) -> None:
    """Accrue what a closing *account* has earned until yesterday, and pay it; what is below a minor unit is lost."""
    books.touch(account)
    yesterday = books.today - ONE_DAY
    _accrue(books, account, yesterday)
    _pay(books, account, yesterday)
    account.accrual = Accrual(until=account.accrual.until, posted=max(account.accrual.posted, yesterday))


def day_of(text: str) -> date:
    """Return the day that *text* names, or refuse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise No("date_invalid") from None


def earned(product: Product, balance: Decimal, accrued: Fraction, decimals: int) -> Fraction:
    """Return what a day earns that ends with *balance*, where *accrued* was earned before and is not paid."""
    if product.interest == "none" or balance <= 0:
        return NOTHING
    units = 10**decimals if product.currency else 1
    tiers = [(Fraction(tier.start) / units, Fraction(tier.rate)) for tier in product.tiers]
    reached = [(start, rate) for start, rate in tiers if start <= balance]
    base = Fraction(balance) + (accrued if product.interest == "compound" else 0)
    if product.tier_mode == "whole":
        yearly = base * reached[-1][1]
    else:
        ends = [*(start for start, _ in reached[1:]), base]
        yearly = sum(((end - start) * rate for (start, rate), end in zip(reached, ends, strict=True)), NOTHING)
    return Fraction(_half_up(yearly / product.day_count, decimals + _FINE), 10 ** (decimals + _FINE))


def _accrue_until(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    not_reserved(command["account_id"])
    day = day_of(command["date"])
    account = books.own(command["account_id"])
    if day <= account.accrual.until:
        raise No("already_accrued")
    if day >= books.today:
        raise No("date_not_ended")
    days, accrued = _accrue(books, account, day)
    return "interest.accrued", {
        "account_id": account.id, "date": command["date"], "days": days, "accrued": _shown(accrued),
        "accumulated": _shown(account.accrual.total),
    }  # fmt: skip


def _post(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    not_reserved(command["account_id"])
    first = day_of(f"{command['month']}-01")
    last = first.replace(day=monthrange(first.year, first.month)[1])
    account = books.existing(command["account_id"])
    if last <= account.accrual.posted or account.status == "CLOSED":
        raise No("already_posted")
    if last >= books.today:
        raise No("month_not_ended")
    books.touch(account)
    days, _ = _accrue(books, account, last)
    leg = _pay(books, account, last)
    overdraft.give_back(books, [account.id] if leg else [])
    books.within_limits()
    if leg:
        paid = Transaction(type=command["type"], currency=account.currency, legs=[leg])
        books.transactions[command["command_id"]] = paid
    return "interest.posted", {
        "account_id": account.id, "month": command["month"], "value_date": last.isoformat(), "days": days,
        "amount": account.text(leg.amount if leg else ZERO), "currency": account.currency,
        "accumulated": _shown(account.accrual.total), "transaction_id": command["command_id"] if leg else None,
        "entries": books.shown,
    }  # fmt: skip


def _accrue(books: Books, account: Account, until: date) -> tuple[int, Fraction]:
    """Accrue each day up to *until* that has not; return how many there were, and what they have earned."""
    before, accrued = account.accrual.until, NOTHING
    while account.accrual.until < until:
        accrued += _accrue_one(books, account, account.accrual.until + ONE_DAY)
    return (account.accrual.until - before).days, accrued


def _accrue_one(books: Books, account: Account, day: date) -> Fraction:
    product = products.at(books, at_the_end(account.products, day, account.product), day)
    balance, had = at_the_end(account.closings, day, ZERO), account.accrual
    accrued = earned(product, balance, had.total, account.decimals)
    month = day.replace(day=1)
    so_far = dict(had.months)
    so_far[month] = so_far.get(month, NOTHING) + accrued
    account.accrual = Accrual(until=day, posted=had.posted, carried=had.carried, months=tuple(so_far.items()))
    return accrued


def _pay(books: Books, account: Account, until: date) -> Leg | None:
    """Pay the whole minor units of what has accrued up to *until*, and carry the rest over; None: there are none."""
    had = account.accrual
    due = sum((accrued for month, accrued in had.months if month <= until), had.carried)
    minor = floor(due * 10**account.decimals)
    left = due - Fraction(minor, 10**account.decimals)
    later = tuple((month, accrued) for month, accrued in had.months if month > until)
    account.accrual = Accrual(until=had.until, posted=max(had.posted, until), carried=left, months=later)
    if not minor:
        return None
    leg = Leg(source=None, destination=account.id, amount=Decimal(minor).scaleb(-account.decimals))
    books.move(leg, "INTEREST", "INTEREST", house="interest")
    return leg


def _half_up(amount: Fraction, decimals: int) -> int:
    """Return how many units of so many *decimals* are in *amount*, which is not below zero."""
    return floor(amount * Fraction(10**decimals) + Fraction(1, 2))


def _shown(amount: Fraction) -> str:
    whole, fraction = divmod(_half_up(amount, _SHOWN), 10**_SHOWN)
    return f"{whole}.{fraction:0{_SHOWN}d}"


RULES = {
    "interest.accrue": Rule(decide=_accrue_until, needed=("account_id", "date")),
    "interest.post": Rule(decide=_post, needed=("account_id", "month")),
}
