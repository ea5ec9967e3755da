"""The rules of the family ``interest``, and what the family ``account`` asks them for.

A day that has ended accrues by how it ended: by ledger balance and product of then, whatever has happened since. So it
makes no difference when, in how many commands and how late it accrues; ``earning`` has the arithmetic.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from contracts.dates import day_of, last_day_of
from contracts.envelope import Command, CommonRefusal
from contracts.ids import is_reserved
from contracts.interest import InterestAccrue, InterestAccrued, InterestPost, InterestPosted, InterestRefusal
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Kept, Put
from processor.ledger.book import Book
from processor.ledger.earning import ONE_DAY, Interest, Run, accrual_text, accrued, nothing_yet, paid, rested
from processor.ledger.products import BEARING_NOTHING
from processor.ledger.rules.draft import Draft, refused
from processor.ledger.rules.guards import opened
from processor.ledger.rules.overdraft import given_back
from processor.ledger.rules.views import amount_text, entry_views
from processor.ledger.values import INTEREST, Account, EntryType, Leg, Status, TransactionKind
from processor.moments import days

Changes = tuple[Put | Kept, ...]


class Accrual(msgspec.Struct, frozen=True):
    """What an account has earned once its missing days have accrued: so many *days*, in *runs*."""

    interest: Interest
    runs: Sequence[Run]
    days: int


def accrue(book: Book, command: InterestAccrue, instant: datetime) -> Decision:
    """Accrue every day that is missing up to one that has ended."""
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    day = day_of(command.date)
    if day is None:
        return Refused(CommonRefusal.DATE_INVALID, {"field": "date"})
    account = opened(
        book.account(command.account_id),
        command.account_id,
        not_found=InterestRefusal.ACCOUNT_NOT_FOUND,
        closed=InterestRefusal.ACCOUNT_CLOSED,
    )
    if isinstance(account, Refused):
        return account
    if day <= interest_of(book, account).accrued_until:
        return Refused(InterestRefusal.ALREADY_ACCRUED, _about(command.account_id, date=command.date))
    if day >= book.bank.day(instant):
        return Refused(InterestRefusal.DATE_NOT_ENDED, _about(command.account_id, date=command.date))
    accrual = accrued_until(book, account, day)
    event = InterestAccrued(
        account_id=account.account_id,
        date=command.date,
        days=accrual.days,
        accrued=accrual_text(sum(run.units for run in accrual.runs), account.currency),
        accumulated=accrual_text(accrual.interest.accumulated, account.currency),
    )
    return Applied(event, (_put(book, account, accrual.interest), *_kept(book, account, accrual)))


def post(book: Book, command: InterestPost, instant: datetime) -> Decision:
    """Pay the whole minor units of what has accrued up to a month's end; days that are missing accrue first."""
    if is_reserved(command.account_id):
        return refused(CommonRefusal.ACCOUNT_RESERVED, command.account_id)
    until = last_day_of(command.month)
    if until is None:
        return Refused(CommonRefusal.DATE_INVALID, {"field": "month"})
    account = book.account(command.account_id)
    if account is None:
        return refused(InterestRefusal.ACCOUNT_NOT_FOUND, command.account_id)
    if account.status == Status.CLOSED or until <= interest_of(book, account).posted_until:
        return Refused(InterestRefusal.ALREADY_POSTED, _about(command.account_id, month=command.month))
    if until >= book.bank.day(instant):
        return Refused(InterestRefusal.MONTH_NOT_ENDED, _about(command.account_id, month=command.month))
    accrual = accrued_until(book, account, until)
    left, amount_minor = paid(accrual.interest, until=until)
    draft = Draft(book, instant)
    draft.houses = (INTEREST, INTEREST)
    if amount_minor:
        leg = Leg(None, account.account_id, amount_minor)
        draft.move(leg, debit=EntryType.INTEREST, credit=EntryType.INTEREST)
        given_back(draft, account.account_id)
    if draft.beyond_limit:
        return refused(InterestRefusal.BALANCE_LIMIT_EXCEEDED, draft.beyond_limit)
    event = InterestPosted(
        account_id=account.account_id,
        month=command.month,
        value_date=until.isoformat(),
        days=accrual.days,
        amount=amount_text(amount_minor, account.currency),
        currency=account.currency,
        accumulated=accrual_text(left.accumulated, account.currency),
        transaction_id=command.command_id.lower() if amount_minor else None,
        entries=entry_views(draft.postings, account.currency),
    )
    kept = (*_kept(book, account, accrual), _posting(account, until, until, amount_minor, left))
    return Applied(
        event, (*draft.changes(TransactionKind.INTEREST, account.currency), _put(book, account, left), *kept)
    )


def interest_of(book: Book, account: Account) -> Interest:
    """Return what an account has earned as the decisions so far leave it."""
    known: Interest | None = book.shelved("interest", account.account_no)
    return known or nothing_yet(account, book.bank.day(account.opened_at))


def accrued_until(book: Book, account: Account, until: date) -> Accrual:
    """Return what *account* has earned once every day up to *until*, which has ended, has accrued."""
    before = interest_of(book, account)
    after, runs = accrued(before, book.day_ends.get(account.account_no, ()), account.currency, until=until)
    return Accrual(after, runs, (after.accrued_until - before.accrued_until).days)


def begun(book: Book, account: Account) -> Changes:
    """Return what has to be kept of an account from now on because of its product, which it was just given."""
    known: Interest | None = book.shelved("interest", account.account_no)
    if account.product in BEARING_NOTHING or (known is not None and not known.idle):
        return ()
    interest = msgspec.structs.replace(interest_of(book, account), idle=False)
    return (Put("interest", account.account_no, interest),)


def ended(book: Book, account: Account, instant: datetime) -> tuple[int, Changes]:
    """Return the whole minor units that an account is paid when it is closed, and what changes with that.

    What accrued below a minor unit is dropped.
    """
    known: Interest | None = book.shelved("interest", account.account_no)
    if known is None or known.idle:
        return 0, ()
    today = book.bank.day(instant)
    accrual = accrued_until(book, account, today - ONE_DAY)
    left, amount_minor = paid(accrual.interest, until=today - ONE_DAY)
    nothing = msgspec.structs.replace(left, idle=True, carried=0)
    posting = _posting(account, today - ONE_DAY, today, amount_minor, nothing)
    return amount_minor, (Put("interest", account.account_no, nothing), *_kept(book, account, accrual), posting)


def _put(book: Book, account: Account, interest: Interest) -> Put:
    day_ends = book.day_ends.get(account.account_no, ())
    return Put("interest", account.account_no, rested(interest, day_ends, account))


def _kept(book: Book, account: Account, accrual: Accrual) -> Changes:
    """Return the rows that are kept of days that have accrued."""
    zone = str(book.bank.zone)
    return tuple(
        Kept(
            "interest_accrual",
            (account.account_no, days(run.first_day), days(run.last_day), zone, str(run.units), str(run.accumulated)),
        )
        for run in accrual.runs
    )


def _posting(account: Account, until: date, value_date: date, amount_minor: int, left: Interest) -> Kept:
    place = (account.account_no, days(until), days(value_date))
    return Kept("interest_posting", (*place, amount_minor, str(left.accumulated)))


def _about(account_id: str, **asked: str) -> dict[str, str]:
    return {"account_id": account_id, **asked}


RULES: Final[dict[type[Command], Callable[..., Decision]]] = {InterestAccrue: accrue, InterestPost: post}
