"""What the books promise, from their rows as files and by plain arithmetic: the invariants I1, I2, I3, I6 and I8.

Invariant Nothing of the engine or of the audit is used, and nothing of the oracle but the rows that it reads.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from partita.chaos.case import Case
from partita.chaos.stream import minor_of
from partita.oracle.history import HOUSE, Booked, History, Place, Told

ANSWER, _REPEAT, _REUSE, _EXTRA, _DEAD = range(1, 6)
MOVED: Final = ("transfer.posted", "transfer.batch_posted", "transfer.reversed")
MAY_MOVE: Final = (*MOVED, "account.closed")

Row = tuple[str, int]


def books_of(case: Case) -> History:
    """Return the books, which were read."""
    assert case.books is not None, "the check needs them"
    return case.books


def conservation(case: Case) -> Iterator[str]:
    """I1: the entries of each transaction sum to zero, and so do all of a currency."""
    books = books_of(case)
    currency_of = {(each.account_id, each.partition): each.currency for each in books.accounts}
    sums: Counter[Place] = Counter()
    totals: Counter[str] = Counter()
    for entry in books.entries:
        sums[entry.partition, entry.seq] += entry.amount_minor
        totals[currency_of.get(entry.row, "?")] += entry.amount_minor
    for place, total in sums.items():
        if total:
            yield f"the entries of event {place} sum to {total}"
    for currency, total in totals.items():
        if total:
            yield f"all entries of {currency} sum to {total}"


def balances(case: Case) -> Iterator[str]:
    """I2: what an account holds is the sum of its entries, and without holds all of it is available."""
    books = books_of(case)
    sums: Counter[Row] = Counter()
    for entry in books.entries:
        sums[entry.row] += entry.amount_minor
    for standing in books.accounts:
        is_house = standing.account_id.startswith(HOUSE)
        total = sums.pop((standing.account_id, standing.partition if is_house else -1), 0)
        if standing.ledger_minor != total:
            yield f"account {standing.account_id} holds {standing.ledger_minor}, its entries sum to {total}"
        if not is_house and standing.available_minor != total:
            yield f"account {standing.account_id} has {standing.available_minor} available, right is {total}"
    for account_id, _ in sums:
        yield f"there are entries of {account_id}, and no such account"


def one_effect(case: Case) -> Iterator[str]:
    """I3: a command has one answer; money moves under answers that say so, and under nothing else."""
    books = books_of(case)
    answers = Counter(told.command_id for told in books.events if told.kind == ANSWER)
    for command_id, times in answers.items():
        if times > 1:
            yield f"command {command_id} has {times} answers"
    events = {told.place: told for told in books.events}
    entered = Counter((entry.partition, entry.seq) for entry in books.entries)
    for place in entered:
        told = events.get(place)
        if told is None or told.kind != ANSWER or told.type not in MAY_MOVE:
            yield f"event {place} has entries, and is {told or 'missing'}"
    for place, told in events.items():
        if told.kind == ANSWER and told.type in MOVED and entered[place] < 2:  # noqa: PLR2004 - money has two sides
            yield f"{told} says that money moved, and it has {entered[place]} entries"


def order(case: Case) -> Iterator[str]:
    """I6: each lane answers its log in order and numbers without a gap; so does each account its entries."""
    books = books_of(case)
    lanes: dict[int, list[Told]] = defaultdict(list)
    for told in books.events:
        lanes[told.partition].append(told)
    for partition, events in lanes.items():
        events.sort(key=lambda told: told.seq)
        if [told.seq for told in events] != list(range(1, len(events) + 1)):
            yield f"lane {partition} does not number its events 1, 2, 3 ..."
        for one, other in pairwise(events):
            if other.source_offset < one.source_offset:
                yield f"{other} is of offset {other.source_offset}, the one before it of {one.source_offset}"
    for (account_id, _), entries in _by_row(books).items():
        yield from _in_order(account_id, entries)


def _in_order(account_id: str, entries: list[Booked]) -> Iterator[str]:
    balance = 0
    latest: dict[int, int] = {}
    for number, entry in enumerate(entries, 1):
        balance += entry.amount_minor
        if entry.entry_no != number:
            yield f"entry {number} of {account_id} is missing"
            return
        if entry.balance_after_minor != balance:
            yield f"entry {number} of {account_id} leaves {entry.balance_after_minor}, right is {balance}"
        if entry.seq < latest.get(entry.partition, 0):
            yield f"entry {number} of {account_id} is of an earlier event than the entry before it"
        latest[entry.partition] = entry.seq


def limits(case: Case) -> Iterator[str]:
    """I8: no entry leaves an account below its overdraft limit, which is the one it was opened with."""
    allowed: dict[str, int] = {}
    for one in case.published:
        if one.item.sort == "account.open":
            said = json.loads(one.item.value)
            allowed[said["account_id"]] = minor_of(said["overdraft_limit"])
    for (account_id, _), entries in _by_row(books_of(case)).items():
        if account_id.startswith(HOUSE):
            continue
        for entry in entries:
            if entry.balance_after_minor < -allowed.get(account_id, 0):
                yield f"entry {entry.entry_no} leaves {account_id} at {entry.balance_after_minor}"


def _by_row(books: History) -> dict[Row, list[Booked]]:
    rows: dict[Row, list[Booked]] = defaultdict(list)
    for entry in sorted(books.entries, key=lambda entry: entry.entry_no):
        rows[entry.row].append(entry)
    return rows
