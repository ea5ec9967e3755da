"""Small valid books, written row by row without the product.

The builder knows the schema, the format of the chain and what answers say, and nothing else of the product. Time goes
on by a millisecond an event. Commands of accounts and holds go to lane 1.
"""

import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from processor.database import Connection
from tests.ledger.audit_rows import (
    CAPTURED,
    EXPIRED,
    OPEN,
    RELEASED,
    START,
    Account,
    Hold,
    Lane,
    counted,
    replace,
    write_accounts,
    write_lanes,
)

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MAKE, DEPOSIT, WITHDRAW, REVERSE, BATCH, CLOSE, CAPTURE, SETTLE, REFUND = range(1, 10)
PROTECTION, FEE, BACK = range(1, 4)
MOVED = (4, 3)  # TRANSFER_OUT, TRANSFER_IN
TYPES = {DEPOSIT: (1, 1), WITHDRAW: (2, 2), REVERSE: (7, 7), REFUND: (7, 7), 10: (6, 6), 11: (1, 1)} | dict.fromkeys(
    (12, 13, 14), (2, 2)
)
HOUSE = ("cash", "fees", "interest", "advances", "losses")
SIDE_TYPES = {PROTECTION: MOVED, FEE: (5, 5), BACK: (7, 7), 4: (6, 6)}
ANSWERS = {
    REVERSE: "transfer.reversed",
    BATCH: "transfer.batch_posted",
    CLOSE: "account.closed",
    CAPTURE: "settlement.posted",
    SETTLE: "settlement.posted",
    REFUND: "settlement.refunded",
    10: "interest.posted",
    11: "advance.granted",
    12: "advance.payment_collected",
    13: "advance.repaid",
    14: "advance.written_off",
}

Stamp = tuple[int, int]
FeeKey = tuple[int, int, int]


@dataclass
class Books:
    """Rows waiting to be written; ``flush`` writes them, and what changes as it then is."""

    accounts: dict[tuple[str, int], Account] = field(default_factory=dict)
    lanes: dict[int, Lane] = field(default_factory=lambda: {1: Lane(), 2: Lane(), 3: Lane()})
    customers: dict[str, bool] = field(default_factory=dict)
    products: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    holds: dict[tuple[int, str], Hold] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    there: dict[str, int] = field(default_factory=dict)  # how many rows of each table the database has
    ids: dict[Stamp, bytes] = field(default_factory=dict)
    later: list[Callable[[Connection], Awaitable[None]]] = field(default_factory=list)  # writes other rows that change
    now: datetime = START

    def add(self, table: str, *row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def event(
        self, lane_no: int, kind: int, type_: str, *, key: str = "K", command: bytes = b"", payload: bytes = b"{}"
    ) -> Stamp:
        lane = self.lanes[lane_no]
        stamp = (lane_no, lane.next_seq)
        self.now += timedelta(milliseconds=1)
        offset = lane.next_offset - (kind == 4)  # an extra event speaks of the record before
        own = struct.pack(">qq", *stamp)
        event_id = own if kind != 2 else command
        self.ids[stamp] = command or own
        self.add(
            "event", *stamp, kind, offset, self.now, event_id, None if kind == 5 else command or own, "ledger",
            "" if kind == 5 else key, type_, None if kind in (2, 5) else payload, b"f" if kind == 1 else None, None,
        )  # fmt: skip
        lane.next_seq += 1
        lane.next_offset, lane.records = offset + 1, lane.records + (kind != 4)
        return stamp

    # Accounts

    def open(self, account_id: str, currency: str = "USD", overdraft: int = 0, **more: Any) -> Stamp:
        self._account(account_id, 0, currency, overdraft=overdraft, **more)
        return self.terms(account_id, "account.opened")

    def terms(self, account_id: str, told: str, **changed: Any) -> Stamp:
        """Change what was agreed on for an account, by the answer *told*."""
        account = self.accounts[account_id, 0]
        for name, value in changed.items():
            setattr(account, name, value)
        limit = f"{account.overdraft // 100}.{account.overdraft % 100:02}"
        protector = f'"{account.protector}"' if account.protector else "null"
        said = f'{{"product":"{account.product}","overdraft_limit":"{limit}","protection_account_id":{protector}}}'
        return self._agreed(self.event(1, 1, told, key=account_id, payload=said.encode()), account)

    def _agreed(self, stamp: Stamp, account: Account) -> Stamp:
        self.decide_on(account)
        agreed = (account.overdraft, account.good_standing, account.product, account.protector)
        self.add("account_terms", *stamp, self.now, account.no, *agreed)
        return stamp

    def customer(self, customer_id: str, told: str, *, good: bool) -> None:
        self.customers[customer_id] = good
        stamp = self.event(1, 1, told, key=customer_id)
        for account in self.accounts.values():
            if account.customer == customer_id and account.good_standing != good:
                account.good_standing = good
                self._agreed(stamp, account)

    def define(
        self, product: str, version: int, fee: int, *, caps: str, waived: bool, exceed: bool, hours: int
    ) -> Stamp:
        """Define a version: *caps* are fees a day and a month."""
        stamp = self.event(1, 1, "product.defined", key=product)
        fixed = (version, 1, fee, *map(int, caps.split()), waived, exceed, hours, 365)
        texts = ("USD", "none", "whole", "")
        self.products[product] = (*fixed, *texts, version, self.now)
        self.add("product_version", *stamp, self.now, *fixed, product, *texts)
        return stamp

    def _account(self, account_id: str, lane_no: int, currency: str, **more: Any) -> Account:
        account = Account(no=len(self.accounts) + 1, id=account_id, lane_no=lane_no, currency=currency, **more)
        self.accounts[account_id, lane_no] = account
        return account

    def account(self, account_id: str, lane_no: int, currency: str = "USD") -> Account:
        if account_id not in HOUSE:
            return self.accounts[account_id, 0]
        name = f"house:{account_id}:{currency}"
        return self.accounts.get((name, lane_no)) or self._account(name, lane_no, currency)

    def decide_on(self, account: Account) -> None:
        """Leave out what has expired, as every decision on an account does."""
        account.decided_at = self.now
        for hold in self.held_on(account):
            if hold.expires_at is not None and hold.expires_at <= self.now:
                hold.lapsed, hold.decided_at = True, self.now

    def held_on(self, account: Account) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.account_no == account.no and hold.counts]

    # Money

    def entry(self, account: Account, stamp: Stamp, entry_type: int, amount: int) -> None:
        self.decide_on(account)
        account.entries += 1
        account.balance += amount
        micros = (self.now - EPOCH) // timedelta(microseconds=1)
        numbers = (account.no, account.entries, *stamp, entry_type, amount, account.balance, micros)
        account.chain = sha256(account.chain + struct.pack(">qqiqhqqq", *numbers)).digest()
        self.add("entry", *numbers[:-1], self.now, account.chain)

    def legs(
        self, kind: int, lane_no: int, *legs: tuple[str, str, int], currency: str = "USD", key: str = "K"
    ) -> Stamp:
        """Post one transaction of *kind* with *legs* of (source, destination, amount)."""
        key = legs[0][0] if kind == CAPTURE else key
        stamp = self.event(lane_no, 1, ANSWERS.get(kind, "transfer.posted"), key=key)
        sides = [(self.account(s, lane_no, currency), self.account(d, lane_no, currency), a) for s, d, a in legs]
        single = kind != BATCH
        source, destination = (sides[0][0].no, sides[0][1].no) if single else (None, None)
        total = sum(amount for _, _, amount in legs)
        self._transaction(stamp, kind, source, destination, total, currency)
        for number, (debited, credited, amount) in enumerate(sides, 1):
            settled_in_cash = kind in (CAPTURE, SETTLE) and credited.lane_no > 0
            debit, credit = TYPES[WITHDRAW] if settled_in_cash else TYPES.get(kind, MOVED)
            self.entry(debited, stamp, debit, -amount)
            self.entry(credited, stamp, credit, amount)
            if kind == BATCH:
                self.add("batch_leg", *stamp, number, debited.no, credited.no, amount)
        return stamp

    def _transaction(self, stamp: Stamp, kind: int, *moved: Any, refusal: str | None = None) -> None:
        self.add("transaction", *stamp, kind, *moved, self.now, self.now, refusal, "", "")

    def refuse(self, kind: int, lane_no: int, code: str) -> Stamp:
        family = "settlement" if kind in (CAPTURE, SETTLE, REFUND) else "transfer"
        stamp = self.event(lane_no, 1, f"{family}.rejected", payload=b'{"code":"%s"}' % code.encode())
        self._transaction(stamp, kind, *[None] * 4, refusal=code)
        return stamp

    def reverse(self, lane_no: int, original: Stamp, *legs: tuple[str, str, int]) -> Stamp:
        stamp = self.legs(REVERSE, lane_no, *legs)
        self.add("reversal", *original, *stamp)
        return stamp

    def refund(self, lane_no: int, original: Stamp, leg: tuple[str, str, int]) -> Stamp:
        stamp = self.legs(REFUND, lane_no, leg)
        self.add("refund", *stamp, self.now, *original, leg[2])
        return stamp

    # Beside a transaction's own legs

    def side(self, stamp: Stamp, kind: int, source: str, destination: str, amount: int) -> int:
        """Move money beside the last transaction, which bears *stamp*, and return the leg's number."""
        leg_no = sum(row[:2] == stamp for row in self.rows.get("side_leg", ()))
        debited, credited = self.account(source, stamp[0]), self.account(destination, stamp[0])
        self.add("side_leg", *stamp, self.now, leg_no, kind, debited.no, credited.no, amount)
        self.entry(debited, stamp, SIDE_TYPES[kind][0], -amount)
        self.entry(credited, stamp, SIDE_TYPES[kind][1], amount)
        return leg_no

    def fee(self, stamp: Stamp, account_id: str, amount: int, version: int = 1, *, hours: int = 0) -> FeeKey:
        """Charge a fee, or waive it where *amount* is 0, and return its key."""
        account = self.accounts[account_id, 0]
        leg_no = self.side(stamp, FEE, account_id, "fees", amount) if amount else None
        until = self.now + timedelta(hours=hours) if hours else None
        fee_no = sum(row[:2] == stamp for row in self.rows.get("overdraft_fee", ()))
        under = (version, leg_no, until, account.product)
        self.add("overdraft_fee", *stamp, self.now, fee_no, account.no, self.now.date(), amount, *under)
        account.fee_year, account.grace_until = self.now.year, until or account.grace_until
        if amount:
            account.fee_day, account.fees = self.now.date(), account.fees + 1
        return (*stamp, fee_no)

    def give_back(self, stamp: Stamp, account_id: str, amount: int, fee: FeeKey) -> Stamp:
        leg_no = self.side(stamp, BACK, "fees", account_id, amount)
        self.add("fee_refund", *stamp, self.now, leg_no, *fee)
        self.accounts[account_id, 0].grace_until = None
        return stamp

    # Holds

    def place(self, account_id: str, hold_id: str, amount: int, *, ms: int | None = None, reason: int = 2) -> Stamp:
        """Place a hold that expires after so many milliseconds, or never."""
        stamp = self.event(1, 1, "hold.placed", key=account_id)
        until = None if ms is None else self.now + timedelta(milliseconds=ms)
        self.holds[self.accounts[account_id, 0].no, hold_id] = Hold(
            account_no=self.accounts[account_id, 0].no, id=hold_id, reason=reason, amount=amount, expires_at=until,
            decided_at=self.now, placed_at=self.now, lane_no=stamp[0], seq=stamp[1],
        )  # fmt: skip
        return self.change(stamp, account_id, hold_id)

    def hold(self, told: str, account_id: str, hold_id: str, **changed: Any) -> Stamp:
        return self.change(self.event(1, 1, told, key=account_id), account_id, hold_id, **changed)

    def release(self, account_id: str, hold_id: str) -> None:
        left = self.holds[self.accounts[account_id, 0].no, hold_id].left
        self.hold("hold.released", account_id, hold_id, status=RELEASED, released=left)

    def expire(self, account_id: str, hold_id: str) -> None:
        left = self.holds[self.accounts[account_id, 0].no, hold_id].left
        self.hold("hold.expired", account_id, hold_id, status=EXPIRED, expired=left)

    def capture(self, account_id: str, hold_id: str, amount: int, destination: str = "cash", *, final: bool) -> Stamp:
        stamp = self.legs(CAPTURE, 1, (account_id, destination, amount))
        hold = self.holds[self.accounts[account_id, 0].no, hold_id]
        ended = {"status": CAPTURED, "released": hold.left - amount} if final else {"status": OPEN}
        return self.change(stamp, account_id, hold_id, captured=hold.captured + amount, **ended)

    def change(self, stamp: Stamp, account_id: str, hold_id: str, **changed: Any) -> Stamp:
        """Change a hold and keep it as a version."""
        account = self.accounts[account_id, 0]
        self.decide_on(account)
        hold = self.holds[account.no, hold_id]
        for name, value in {**changed, "decided_at": self.now}.items():
            setattr(hold, name, value)
        parts = (hold.amount, hold.captured, hold.released, hold.expired)
        self.add("hold_version", *stamp, self.now, hold.account_no, hold.status, *parts, hold.expires_at, hold.id)
        return stamp

    # Dead letters, and writing

    def dead(self, lane_no: int, command: bytes | None = None) -> None:
        stamp = self.event(lane_no, 5, "dead")
        self.add("dead_letter", *(*stamp, "no JSON", None, b"{", "not_json", "$", command, "", None, None, None, False))

    def invalid(self, lane_no: int, command: bytes) -> None:
        """Leave a dead letter that names a command, and what its sender hears of it."""
        self.dead(lane_no, command)
        told = f'"code":"not_json","offset":{self.lanes[lane_no].next_offset - 1},"command_id":"{UUID(bytes=command)}"'
        self.event(lane_no, 4, "command.invalid", command=command, payload=f"{{{told}}}".encode())

    async def flush(self, connection: Connection) -> None:
        async with connection.transaction():
            for table, rows in self.rows.items():
                await connection.copy_records_to_table(table, records=rows[self.there.get(table, 0) :])
            people = [(name, "N", START, "", bytes(32), 2, good, 1, START) for name, good in self.customers.items()]
            await replace(connection, "customer", people)
            await replace(connection, "product", [(name, *row) for name, row in self.products.items()])
            await write_lanes(connection, self.lanes)
            await write_accounts(connection, self.accounts.values(), list(self.holds.values()))
            for write in self.later:
                await write(connection)
        self.there = counted(self.rows)
