"""What the books promise, from their rows as files and by plain arithmetic: the invariants I1, I2, I3, I6 and I8.

Invariant Nothing of the engine or of the audit is used, and nothing of the oracle but the rows that it reads.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from partita.chaos.case import Case
from partita.chaos.items import minor_of
from partita.oracle.history import HOUSE, Booked, History, Json, Place, Told

ANSWER, _REPEAT, _REUSE, _EXTRA, _DEAD = range(1, 6)
MOVED: Final = (
    *("transfer.posted", "transfer.batch_posted", "transfer.reversed"),
    *("settlement.posted", "settlement.refunded"),
    *("advance.granted", "advance.payment_collected", "advance.repaid", "advance.written_off"),
)
MAY_MOVE: Final = (*MOVED, "account.closed", "interest.posted")  # where there was anything to move

ASKS_FOR_FUNDS: Final = ("TRANSFER_OUT", "WITHDRAWAL")

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
    """I2: what an account holds is the sum of its entries, and but for what is set aside all of it is available."""
    books = books_of(case)
    sums: Counter[Row] = Counter()
    aside = _set_aside(books)
    for entry in books.entries:
        sums[entry.row] += entry.amount_minor
    for standing in books.accounts:
        is_house = standing.account_id.startswith(HOUSE)
        total = sums.pop((standing.account_id, standing.partition if is_house else -1), 0)
        if standing.ledger_minor != total:
            yield f"account {standing.account_id} holds {standing.ledger_minor}, its entries sum to {total}"
        right = total - aside[standing.account_id]
        if not is_house and standing.available_minor != right:
            yield f"account {standing.account_id} has {standing.available_minor} available, right is {right}"
    for account_id, _ in sums:
        yield f"there are entries of {account_id}, and no such account"


def _set_aside(books: History) -> Counter[str]:
    """Return what the holds of each account have left, by what was told of each hold last; no expiry is in reach."""
    left: dict[tuple[str, str], int] = {}
    for told in books.events:
        said = told.payload or {}
        if told.kind == ANSWER and said.get("hold_id"):
            account_id = said.get("account_id") or said["entries"][0]["account_id"]  # a capture's own debit
            left[account_id, said["hold_id"]] = minor_of(said["remaining"])
    aside: Counter[str] = Counter()
    for (account_id, _), minor in left.items():
        aside[account_id] += minor
    return aside


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
    """I8: what asks for funds leaves no account below its overdraft limit, which is the one it was opened with.

    A reversal leaves none below zero. Fees, and settlements and their refunds, ask for none.
    """
    allowed: dict[str, int] = {}
    for one in case.published:
        if one.item.sort == "account.open":
            said = json.loads(one.item.value)
            allowed[said["account_id"]] = minor_of(said["overdraft_limit"])
    books = books_of(case)
    rows = {(entry.account_id, entry.entry_no): entry for entry in books.entries}
    for told in books.events:
        for entry in _asking(told):
            account_id = entry["account_id"]
            row = rows.get((account_id, entry["entry_no"]))
            floor = 0 if entry["entry_type"] == "REVERSAL" else -allowed.get(account_id, 0)
            if row is not None and row.balance_after_minor < floor:
                yield f"entry {row.entry_no} leaves {account_id} at {row.balance_after_minor}"


def _asking(told: Told) -> Iterator[Json]:
    """Yield the debits of an answer that had to be covered by their accounts; where another stepped in, none."""
    said = told.payload or {}
    if told.kind != ANSWER or any(one["protected_by"] for one in overdrafts(said)):
        return
    for entry in said.get("entries", ()):
        asks = told.type in ("transfer.posted", "transfer.batch_posted") and entry["entry_type"] in ASKS_FOR_FUNDS
        gives_back = told.type == "transfer.reversed" and entry["direction"] == "DEBIT"
        if asks or gives_back:
            yield entry


def overdrafts(payload: Json) -> list[Json]:
    """Return what a result says of overdrafts, leg by leg."""
    said = payload.get("overdraft", [])
    return said if isinstance(said, list) else [said]


def _by_row(books: History) -> dict[Row, list[Booked]]:
    rows: dict[Row, list[Booked]] = defaultdict(list)
    for entry in sorted(books.entries, key=lambda entry: entry.entry_no):
        rows[entry.row].append(entry)
    return rows
