"""The book: the accounts and transactions that a batch decides on, and the rows its decisions leave behind.

Promise   Rules read accounts, earlier transactions and the families' rows here and never change them; ``apply`` makes a
          decision part of the book, numbers its entries, chains them, and collects the rows to write.
Invariant The postings of a movement sum to zero; an account's entries are numbered without gaps, each hashed with the
          one before it. Nothing here knows a driver, a clock or a setting.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

import msgspec

from contracts.envelope import Command
from processor.engine.decision import Applied, Decision, Refused, Stamp
from processor.engine.shelving import Kept, Put, Shelves, Shelving
from processor.ledger.attempts import failed_attempt
from processor.ledger.bank import Bank
from processor.ledger.bookkeeping import Row, Ties, agreed, terms
from processor.ledger.changes import AccountState, FeeBack, FeeDue, Movement, Posting, SideLeg, house_of
from processor.ledger.products import BUILT_IN
from processor.ledger.values import (
    Account,
    Attempt,
    Customer,
    DayEnd,
    Hold,
    Leg,
    OpenFee,
    Posted,
    Product,
    TransactionKind,
    credited,
    house_account,
)
from processor.moments import days, microseconds

_chained: Final = struct.Struct("!qqiqhqqq").pack


class Book(Shelving):
    """The world of the ledger's rules.

    *rows* are the customers' accounts that were locked, *house* the house's rows of the batch's lanes, *numbers* a
    fresh account number for each account that the batch may open, *shelves* the families' rows by table and key.
    """

    def __init__(
        self,
        *,
        rows: Iterable[Row],
        house: Iterable[Row] = (),
        transactions: Mapping[str, Posted] | None = None,
        numbers: Iterable[int] = (),
        shelves: Shelves | None = None,
        last_changed_at: datetime | None = None,
        bank: Bank | None = None,
    ) -> None:
        super().__init__(shelves)
        self.rows = {row.account.account_id: row for row in rows}
        self.house = {(row.lane_no, row.account.account_id): row for row in house}
        self.transactions = dict(transactions or {})
        self.refunded: dict[str, int] = {}  # transaction id -> what came back of it so far
        self.open_fees: dict[int, list[OpenFee]] = {}  # account number -> fees that may come back
        self.day_ends: dict[int, Sequence[DayEnd]] = {}  # account number -> days that have ended and not accrued
        self.last_changed_at = last_changed_at
        self.bank = bank or Bank()
        self.instant: datetime | None = None  # of the decisions that were applied
        self.entries: list[tuple[int | bytes, ...]] = []  # in the order of the table's columns
        self.attempts: list[tuple[Any, ...]] = []  # rows of transactions, likewise
        self.batch_legs: list[tuple[int, ...]] = []
        self.reversals: list[tuple[int, ...]] = []
        self._numbers = iter(numbers)
        self.fresh_no = next(self._numbers, 0)  # the number of the next account that is opened

    @cached_property
    def _ties(self) -> Ties:
        return Ties(row.account for row in self.rows.values())

    def account(self, account_id: str) -> Account | None:
        """Return a customer's account as the decisions so far leave it, or None."""
        row = self.rows.get(account_id)
        return None if row is None else row.account

    def customer(self, customer_id: str) -> Customer | None:
        """Return a customer, or None."""
        found: Customer | None = self.shelved("customer", customer_id)
        return found

    def product(self, name: str) -> Product | None:
        """Return a product in its latest version, or None."""
        found: Product | None = BUILT_IN.get(name) or self.shelved("product", name)
        return found

    def hold(self, account: Account, hold_id: str) -> Hold | None:
        """Return a hold of *account*, or None."""
        found: Hold | None = self.shelved("hold", (account.account_no, hold_id))
        return found

    def protected_by(self, account_id: str) -> Sequence[Account]:
        """Return the accounts that *account_id* steps in for, in the order of their ids."""
        return [self.rows[each].account for each in sorted(self._ties.protected.get(account_id, ()))]

    def accounts_of(self, customer_id: str) -> Sequence[Account]:
        """Return the accounts of a customer whose standing changes in this batch, in the order of their ids."""
        return [self.rows[each].account for each in sorted(self._ties.owned.get(customer_id, ()))]

    def apply(self, command: Command, decision: Decision, stamp: Stamp) -> None:
        """Make *decision* part of the book. A refused transfer leaves its row too; it reads as FAILED."""
        self.instant = stamp.instant
        if not isinstance(decision, Applied):
            self._fail(command, decision, stamp)
            return
        if len(decision.changes) > 1:
            self._mark(decision.changes)
        for change in decision.changes:
            if isinstance(change, Movement):
                self._move(command, change, stamp)
            elif isinstance(change, AccountState):
                self._keep(change.account, stamp)
            else:
                self._file(change, stamp)

    def _file(self, change: Kept | Put | FeeDue | FeeBack, stamp: Stamp) -> None:
        """Keep what goes to tables that few batches add to."""
        if isinstance(change, Put):
            self.shelve(change, stamp)
        elif isinstance(change, FeeDue):
            self._charge(change, stamp)
        elif isinstance(change, FeeBack):
            self._give_back(change, stamp)
        else:
            assert isinstance(change, Kept), f"the book knows no change of the kind {type(change).__name__}"
            self.keep(change.table, stamp, change.values)

    def changed_rows(self) -> list[Row]:
        """Return the rows to write, customers' and house's."""
        return [row for rows in (self.rows, self.house) for row in rows.values() if row.changed]

    def _charge(self, fee: FeeDue, stamp: Stamp) -> None:
        until_us = None if fee.until is None else microseconds(fee.until)
        place = (fee.fee_no, fee.account_no, days(fee.day), fee.amount_minor, fee.version)
        self.keep("overdraft_fee", stamp, (*place, fee.leg_no, until_us, fee.product))
        if fee.until is not None:
            open_fee = OpenFee(stamp.lane_no, stamp.seq, fee.fee_no, fee.amount_minor, fee.until)
            self.open_fees.setdefault(fee.account_no, []).append(open_fee)

    def _give_back(self, back: FeeBack, stamp: Stamp) -> None:
        fee = back.fee
        if fee.lane_no == 0:
            fee = msgspec.structs.replace(fee, lane_no=stamp.lane_no, seq=stamp.seq)
        self.open_fees[back.account_no].remove(fee)
        self.keep("fee_refund", stamp, (back.leg_no, fee.lane_no, fee.seq, fee.fee_no))

    def _fail(self, command: Command, decision: Refused, stamp: Stamp) -> None:
        attempt = failed_attempt(command, self.account)
        if attempt is not None:
            self._keep_attempt(stamp, attempt, decision.refusal.value)
            refused = Posted(stamp.lane_no, stamp.seq, attempt.kind, "", (), refused=True)
            self.transactions[command.command_id.lower()] = refused

    def _keep(self, account: Account, stamp: Stamp) -> None:
        row = self.rows.get(account.account_id)
        if row is None:
            opened = msgspec.structs.replace(account, account_no=self.fresh_no)
            self.fresh_no = next(self._numbers, 0)
            self.rows[account.account_id] = Row(opened, changed=True)
            self._ties.add(opened)
            self.keep("account_terms", stamp, (opened.account_no, *agreed(opened)))
            return
        if row.account.protection_id != account.protection_id:
            self._ties.remove(row.account)
            self._ties.add(account)
        if agreed(row.account) != agreed(account):
            self.keep("account_terms", stamp, (account.account_no, *agreed(account)))
        row.restated = row.restated or terms(row.account) != terms(account)
        row.account, row.changed = account, True

    def _mark(self, changes: Iterable[object]) -> None:
        """Mark rows that change in more than their balances, before postings bring along what has changed."""
        for change in changes:
            if isinstance(change, AccountState) and (row := self.rows.get(change.account.account_id)) is not None:
                row.restated = row.restated or terms(row.account) != terms(change.account)

    def _move(self, command: Command, movement: Movement, stamp: Stamp) -> None:
        sum_minor = 0
        for posting in movement.postings:
            sum_minor += posting.amount_minor
            self._post(posting, movement.currency, stamp)
        assert sum_minor == 0, "a movement balances"
        posted = Posted(stamp.lane_no, stamp.seq, movement.kind, movement.currency, movement.legs)
        self.transactions[command.command_id.lower()] = posted
        if movement.undoes:
            self._undo(movement, stamp)
        for leg_no, side in enumerate(movement.sides):
            self._keep_side(leg_no, side, movement.currency, stamp)
        self._keep_attempt(stamp, self._attempt_of(movement, stamp), None)

    def _undo(self, movement: Movement, stamp: Stamp) -> None:
        original = self.transactions[movement.undoes]
        if movement.kind == TransactionKind.REFUND:
            amount_minor = movement.legs[0].amount_minor
            self.refunded[movement.undoes] = self.refunded.get(movement.undoes, 0) + amount_minor
            self.keep("refund", stamp, (original.lane_no, original.seq, amount_minor))
        else:
            self.transactions[movement.undoes] = msgspec.structs.replace(original, reversed=True)
            self.reversals.append((original.lane_no, original.seq, stamp.lane_no, stamp.seq))

    def _keep_side(self, leg_no: int, side: SideLeg, currency: str, stamp: Stamp) -> None:
        house = house_of(side)
        numbers = [
            self._row(each, house, currency, stamp).account.account_no for each in (side.source_id, side.destination_id)
        ]
        self.keep("side_leg", stamp, (leg_no, side.kind, *numbers, side.amount_minor))

    def _keep_attempt(self, stamp: Stamp, attempt: Attempt, refusal: str | None) -> None:
        place = (stamp.lane_no, stamp.seq, attempt.kind, stamp.initiated_us, stamp.instant_us)
        money = (attempt.source_no, attempt.destination_no, attempt.amount_minor, attempt.currency)
        self.attempts.append((*place, *money, refusal, attempt.description, attempt.reference))

    def _attempt_of(self, movement: Movement, stamp: Stamp) -> Attempt:
        kind, currency, legs = movement.kind, movement.currency, movement.legs
        text = (movement.description, movement.reference)
        sides = [self._sides(leg, movement, stamp) for leg in legs]
        if len(legs) == 1 and kind != TransactionKind.BATCH:
            return Attempt(kind, *sides[0], legs[0].amount_minor, currency, *text)
        if kind == TransactionKind.BATCH:
            self.batch_legs += (
                (stamp.lane_no, stamp.seq, leg_no, *numbers, leg.amount_minor)
                for leg_no, (numbers, leg) in enumerate(zip(sides, legs, strict=True))
            )
        source_no, destination_no = sides[0] if len(sides) == 1 else (None, None)
        amount_minor = sum(leg.amount_minor for leg in legs)
        return Attempt(kind, source_no, destination_no, amount_minor, currency, *text)

    def _sides(self, leg: Leg, movement: Movement, stamp: Stamp) -> tuple[int, int]:
        """Return the numbers of the rows that *leg* debits and credits."""
        currency, (debited, credited) = movement.currency, movement.houses
        source = self._row(leg.source_id, debited, currency, stamp)
        return source.account.account_no, self._row(leg.destination_id, credited, currency, stamp).account.account_no

    def _row(self, account_id: str | None, house: str, currency: str, stamp: Stamp) -> Row:
        """Return the row of a customer's account, or that of the *house* in the lane."""
        if account_id is None:
            return self.house[stamp.lane_no, house_account(house, currency)]
        return self.rows[account_id]

    def _post(self, posting: Posting, currency: str, stamp: Stamp) -> None:
        """Write one entry: numbered by its account, chained to the one before it there."""
        if posting.account is None:
            row = self.house[stamp.lane_no, house_account(posting.house, currency)]
            account = credited(row.account, posting.amount_minor)
        else:
            row, account = self.rows[posting.account.account_id], posting.account
        assert account.last_entry_no == row.account.last_entry_no + 1, "entries are numbered without gaps"
        place = (account.account_no, account.last_entry_no, stamp.lane_no, stamp.seq)
        entry = (*place, posting.entry_type, posting.amount_minor, account.ledger_minor, stamp.instant_us)
        row.chain = sha256(row.chain + _chained(*entry)).digest()
        row.account, row.changed = account, True
        self.entries.append((*entry, row.chain))
