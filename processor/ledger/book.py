"""The book: the accounts and transactions that a batch decides on, and the rows its decisions leave behind.

Promise   Rules read accounts and earlier transactions here and never change them; ``apply`` makes a decision part of
          the book, numbers its entries, chains them, and collects the rows to write.
Invariant The postings of a movement sum to zero; an account's entries are numbered without gaps, each hashed with the
          one before it. Nothing here knows a driver, a clock or a setting.
"""

import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from contracts.envelope import Command
from processor.engine.decision import Applied, Decision, Refused, Stamp
from processor.ledger.attempts import failed_attempt
from processor.ledger.values import (
    Account,
    AccountState,
    Attempt,
    Kept,
    Leg,
    Movement,
    Posted,
    Posting,
    TransactionKind,
    credited,
)

GENESIS: Final = bytes(32)
_chained: Final = struct.Struct("!qqiqhqqq").pack


class Row(Struct, gc=False):
    """An account's row: what the rules see of it, and the bookkeeping that they do not."""

    account: Account
    lane_no: int = 0
    chain: bytes = GENESIS
    version: int = 0  # as it was read; 0 where the row is new
    changed: bool = False
    restated: bool = False  # changed in more than its balance


class Book:
    """The world of the ledger's rules.

    *rows* are the customers' accounts that were locked, *house* the cash rows of the batch's lanes, one per currency,
    *numbers* a fresh account number for each account that the batch may open.
    """

    def __init__(
        self,
        *,
        rows: Iterable[Row],
        house: Iterable[Row] = (),
        transactions: Mapping[str, Posted] | None = None,
        numbers: Iterable[int] = (),
        last_changed_at: datetime | None = None,
    ) -> None:
        self.rows = {row.account.account_id: row for row in rows}
        self.house = {(row.lane_no, row.account.currency): row for row in house}
        self.transactions = dict(transactions or {})
        self.last_changed_at = last_changed_at
        self.instant: datetime | None = None  # of the decisions that were applied
        self.entries: list[tuple[int | bytes, ...]] = []  # in the order of the table's columns
        self.attempts: list[tuple[Any, ...]] = []  # rows of transactions, likewise
        self.batch_legs: list[tuple[int, ...]] = []
        self.reversals: list[tuple[int, ...]] = []
        self.kept: dict[str, list[tuple[int | str | bytes | None, ...]]] = {}  # rows of the families' own tables
        self._numbers = iter(numbers)

    def account(self, account_id: str) -> Account | None:
        """Return a customer's account as the decisions so far leave it, or None."""
        row = self.rows.get(account_id)
        return None if row is None else row.account

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:
        """Make *decision* part of the book. A refused transfer leaves its row too; it reads as FAILED."""
        self.instant = stamp.instant
        if not isinstance(decision, Applied):
            self._fail(command, decision, stamp)
            return
        for change in decision.changes:
            if isinstance(change, Movement):
                self._move(command, change, stamp)
            elif isinstance(change, Kept):
                row = (stamp.lane_no, stamp.seq, stamp.instant_us, *change.values)
                self.kept.setdefault(change.table, []).append(row)
            else:
                assert isinstance(change, AccountState), f"the book knows no change of the kind {type(change).__name__}"
                self._keep(change.account)

    def _fail(self, command: Command, decision: Refused, stamp: Stamp) -> None:
        attempt = failed_attempt(command, self.account)
        if attempt is not None:
            self._keep_attempt(stamp, attempt, decision.refusal.value)
            refused = Posted(stamp.lane_no, stamp.seq, attempt.kind, "", (), refused=True)
            self.transactions[command.command_id.lower()] = refused

    def changed_rows(self) -> list[Row]:
        """Return the rows to write, customers' and house's."""
        return [row for rows in (self.rows, self.house) for row in rows.values() if row.changed]

    def _keep(self, account: Account) -> None:
        row = self.rows.get(account.account_id)
        if row is None:
            opened = msgspec.structs.replace(account, account_no=next(self._numbers))
            self.rows[account.account_id] = Row(opened, changed=True)
        else:
            row.account, row.changed, row.restated = account, True, True

    def _move(self, command: Command, movement: Movement, stamp: Stamp) -> None:
        sum_minor = 0
        for posting in movement.postings:
            sum_minor += posting.amount_minor
            self._post(posting, movement.currency, stamp)
        assert sum_minor == 0, "a movement balances"
        posted = Posted(stamp.lane_no, stamp.seq, movement.kind, movement.currency, movement.legs)
        self.transactions[command.command_id.lower()] = posted
        if movement.undoes:
            original = self.transactions[movement.undoes]
            self.transactions[movement.undoes] = msgspec.structs.replace(original, reversed=True)
            self.reversals.append((original.lane_no, original.seq, stamp.lane_no, stamp.seq))
        self._keep_attempt(stamp, self._attempt_of(movement, stamp), None)

    def _keep_attempt(self, stamp: Stamp, attempt: Attempt, refusal: str | None) -> None:
        place = (stamp.lane_no, stamp.seq, attempt.kind, stamp.initiated_us, stamp.instant_us)
        money = (attempt.source_no, attempt.destination_no, attempt.amount_minor, attempt.currency)
        self.attempts.append((*place, *money, refusal, attempt.description, attempt.reference))

    def _attempt_of(self, movement: Movement, stamp: Stamp) -> Attempt:
        kind, currency, legs = movement.kind, movement.currency, movement.legs
        text = (movement.description, movement.reference)
        if len(legs) == 1 and kind != TransactionKind.BATCH:
            return Attempt(kind, *self._sides(legs[0], currency, stamp), legs[0].amount_minor, currency, *text)
        sides = [self._sides(leg, currency, stamp) for leg in legs]
        if kind == TransactionKind.BATCH:
            self.batch_legs += (
                (stamp.lane_no, stamp.seq, leg_no, *numbers, leg.amount_minor)
                for leg_no, (numbers, leg) in enumerate(zip(sides, legs, strict=True))
            )
        source_no, destination_no = sides[0] if len(sides) == 1 else (None, None)
        amount_minor = sum(leg.amount_minor for leg in legs)
        return Attempt(kind, source_no, destination_no, amount_minor, currency, *text)

    def _sides(self, leg: Leg, currency: str, stamp: Stamp) -> tuple[int, int]:
        """Return the numbers of the rows that *leg* debits and credits."""
        source = self._row(leg.source_id, currency, stamp)
        return source.account.account_no, self._row(leg.destination_id, currency, stamp).account.account_no

    def _row(self, account_id: str | None, currency: str, stamp: Stamp) -> Row:
        """Return the row of a customer's account, or of the house's cash in the lane."""
        return self.house[stamp.lane_no, currency] if account_id is None else self.rows[account_id]

    def _post(self, posting: Posting, currency: str, stamp: Stamp) -> None:
        """Write one entry: numbered by its account, chained to the one before it there."""
        if posting.account is None:
            row = self.house[stamp.lane_no, currency]
            account = credited(row.account, posting.amount_minor)
        else:
            row, account = self.rows[posting.account.account_id], posting.account
        assert account.last_entry_no == row.account.last_entry_no + 1, "entries are numbered without gaps"
        place = (account.account_no, account.last_entry_no, stamp.lane_no, stamp.seq)
        entry = (*place, posting.entry_type, posting.amount_minor, account.ledger_minor, stamp.instant_us)
        row.chain = sha256(row.chain + _chained(*entry)).digest()
        row.account, row.changed = account, True
        self.entries.append((*entry, row.chain))
