"""Statements of an account's months, and its balance at a past instant, by value date.

An entry counts from the instant it was posted at. Interest counts for its value date: from the end of that day on, if
it was posted later. So what a month's interest comes to stands in that month's statement, whenever it was posted.

Promise   The opening balance and the lines make up the closing balance, which is the next month's opening balance. What
          is read was so at one moment: later entries are not looked at.
Cost      A few statements of look-ups by primary keys for the balances; one for each ``LINES`` of lines.
Bound     So many lines in memory.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import chain, islice
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from contracts.dates import day_of, last_day_of
from contracts.envelope import moment_text
from contracts.ids import uuid_text
from contracts.money import decimal_text, exponent_of
from processor.database import Connection, named_queries
from processor.engine.cuts import CutLane
from processor.errors import Declined
from processor.ledger.bank import Bank
from processor.ledger.places import entries_before, last_entry_below
from processor.ledger.values import EntryType

LINES: Final = 5000
_TICK: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_MONTH: Final = re.compile("[1-8][0-9]{3}-[0-9]{2}")

_SQL = named_queries("processor.ledger", "statements.sql")


class Balance(Struct, frozen=True, kw_only=True):
    """An account's ledger balance, as a decimal string of its currency, with all that counts until an instant."""

    account_id: str
    currency: str
    at: str
    ledger_balance: str


class StatementLine(Struct, frozen=True, kw_only=True):
    """An entry and the balance that it leaves; *amount* is below zero for a debit."""

    value_date: str
    posted_at: str
    entry_no: int
    entry_type: str
    amount: str
    balance: str
    transaction_id: str
    description: str
    reference: str


class Statement(Struct, frozen=True, kw_only=True):
    """An account's month, from its first day to its last; one that has not ended goes as far as it has come."""

    account_id: str
    currency: str
    month: str
    first_day: str
    last_day: str
    opening_balance: str
    closing_balance: str
    lines: int


class Stretch(Struct, frozen=True):
    """Entries of a statement behind *after*, up to *until*; or the one at *until* that is put in at its value date."""

    after: int
    until: int
    is_put_in: bool = False


class Month(Struct, frozen=True):
    """A statement, and where its lines are found."""

    statement: Statement
    account_no: int
    opening_minor: int
    stretches: tuple[Stretch, ...]
    left_out: frozenset[int]  # interest that counts for another month
    value_dates: dict[int, date]  # of interest that counts for an earlier day


class _Account(Struct, frozen=True):
    account_no: int
    account_id: str
    currency: str
    last_entry_no: int
    ledger_minor: int

    def decimal(self, minor: int) -> str:
        return decimal_text(minor, exponent_of(self.currency) or 0)


class _Late(Struct, frozen=True, order=True):
    """Interest that was posted after the day it counts for."""

    counts_from: datetime
    entry_no: int
    value_date: date
    posted_at: datetime
    amount_minor: int


async def balance_at(connection: Connection, account_id: str, instant: datetime, *, bank: Bank) -> Balance:
    """Return an account's ledger balance at *instant*, with what was posted at that very instant.

    Raises:
        Declined: ``account_not_found``.
    """
    account, until = await _account(connection, account_id), instant + _TICK
    late = await _late(connection, account, until, bank.day(until) - _DAY, bank)
    before = await entries_before(connection, account.account_no, account.last_entry_no, [until])
    minor = await _balance(connection, account, before[until], until, late)
    balance = account.decimal(minor)
    return Balance(account_id=account_id, currency=account.currency, at=moment_text(instant), ledger_balance=balance)


async def open_statement(
    connection: Connection, account_id: str, month: str, *, bank: Bank, below: Sequence[CutLane] | None = None
) -> Month:
    """Return the statement of an account's *month*, written YYYY-MM, without its lines.

    With *below*, the lanes of a cut, it is the month as far as it had come there.

    Raises:
        Declined: ``account_not_found``, or ``month_invalid``.
    """
    first, last = _days(month)
    begin, end = bank.ends(first - _DAY), bank.ends(last)
    account = await _account(connection, account_id)
    if below is not None:
        last_entry_no = await last_entry_below(connection, account.account_no, account.last_entry_no, below)
        account = msgspec.structs.replace(account, last_entry_no=last_entry_no)
    late = await _late(connection, account, begin, last, bank)
    own = sorted(each for each in late if each.value_date >= first)
    instants = [begin, end, *(each.counts_from for each in own)]
    before = await entries_before(connection, account.account_no, account.last_entry_no, instants)
    opening_minor = await _balance(connection, account, before[begin], begin, late)
    closing_minor = await _balance(connection, account, before[end], end, late)
    put_in = [(before[each.counts_from], each.entry_no) for each in own]
    stretches = tuple(_stretches(before[begin], before[end], put_in))
    left_out = frozenset(each.entry_no for each in late if before[begin] < each.entry_no <= before[end])
    return Month(
        Statement(
            account_id=account_id,
            currency=account.currency,
            month=month,
            first_day=first.isoformat(),
            last_day=last.isoformat(),
            opening_balance=account.decimal(opening_minor),
            closing_balance=account.decimal(closing_minor),
            lines=before[end] - before[begin] - len(left_out) + len(own),
        ),
        account.account_no,
        opening_minor,
        stretches,
        left_out,
        {each.entry_no: each.value_date for each in own},
    )


async def statement_lines(connection: Connection, month: Month, *, bank: Bank) -> AsyncIterator[StatementLine]:
    """Yield the lines of a month by value date, each with the balance that it leaves."""
    exponent, minor = exponent_of(month.statement.currency) or 0, month.opening_minor
    numbers = _numbers(month)
    while page := list(islice(numbers, LINES)):
        for row in await connection.fetch(_SQL["statement_lines"], month.account_no, page):
            minor += row["amount_minor"]
            yield StatementLine(
                value_date=(month.value_dates.get(row["entry_no"]) or bank.day(row["posted_at"])).isoformat(),
                posted_at=moment_text(row["posted_at"]),
                entry_no=row["entry_no"],
                entry_type=EntryType(row["entry_type"]).name,
                amount=decimal_text(row["amount_minor"], exponent),
                balance=decimal_text(minor, exponent),
                transaction_id=uuid_text(row["command_id"]),
                description=row["description"],
                reference=row["reference"],
            )


def _days(month: str) -> tuple[date, date]:
    first, last = day_of(f"{month}-01"), last_day_of(month)
    if _MONTH.fullmatch(month) is None or first is None or last is None:
        raise Declined("month_invalid", f"There is no month {month}; write it as 2026-01.")
    return first, last


def _stretches(begin: int, end: int, own: list[tuple[int, int]]) -> Iterator[Stretch]:
    """Yield the entries from behind *begin* to *end*, and each of *own*, a number, behind the entry named with it."""
    for after, entry_no in own:
        yield Stretch(begin, after)
        yield Stretch(entry_no - 1, entry_no, is_put_in=True)
        begin = after
    yield Stretch(begin, end)


def _numbers(month: Month) -> Iterator[int]:
    for stretch in month.stretches:
        for entry_no in range(stretch.after + 1, stretch.until + 1):
            if stretch.is_put_in or entry_no not in month.left_out:
                yield entry_no


async def _account(connection: Connection, account_id: str) -> _Account:
    row: asyncpg.Record | None = await connection.fetchrow(_SQL["statement_account"], account_id)
    if row is None:
        raise Declined("account_not_found", f"No account has the id {account_id}; `partita accounts` lists them.")
    return _Account(*row)


async def _balance(
    connection: Connection, account: _Account, entry_no: int, instant: datetime, late: list[_Late]
) -> int:
    """Return the balance after an entry, the last before *instant*, with what counts by then and was posted later."""
    minor = 0
    if entry_no:
        minor = await connection.fetchval(_SQL["balance_after"], account.account_no, entry_no)
    return minor + sum(each.amount_minor for each in late if each.counts_from <= instant <= each.posted_at)


async def _late(
    connection: Connection, account: _Account, posted_since: datetime, last: date, bank: Bank
) -> list[_Late]:
    """Return interest for days up to *last* that was posted after its day, and not before *posted_since*."""
    postings = [
        row
        for row in await connection.fetch(_SQL["postings"], account.account_no, posted_since, last)
        if bank.ends(row["value_date"]) <= row["posted_at"]
    ]
    instants = chain.from_iterable((row["posted_at"], row["posted_at"] + _TICK) for row in postings)
    before = await entries_before(connection, account.account_no, account.last_entry_no, instants)
    places = [(before[row["posted_at"]], before[row["posted_at"] + _TICK]) for row in postings]
    stamps = [(row["lane_no"], row["seq"]) for row in postings]
    arrays = [[each[place] for each in pairs] for pairs in (stamps, places) for place in (0, 1)]
    rows = await connection.fetch(_SQL["posting_entries"], account.account_no, *arrays)
    numbers = {(row["lane_no"], row["seq"]): row["entry_no"] for row in rows}
    return [
        _Late(bank.ends(row["value_date"]), numbers[stamp], row["value_date"], row["posted_at"], row["amount_minor"])
        for row, stamp in zip(postings, stamps, strict=True)
        if stamp in numbers  # the others were posted after the account was read
    ]
