"""Small valid books, written row by row without the product, and a superuser's way to spoil them.

The builder knows the schema and the format of the chain, and nothing else of the product.
"""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from processor.database import Connection, affected
from tests.append_only import append_only_tables

START = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MAKE, DEPOSIT, WITHDRAW, REVERSE, BATCH, CLOSE = range(1, 7)
TYPES = {DEPOSIT: (1, 1), WITHDRAW: (2, 2), REVERSE: (7, 7)}  # any other kind: TRANSFER_OUT, TRANSFER_IN
ANSWERS = {REVERSE: "transfer.reversed", BATCH: "transfer.batch_posted", CLOSE: "account.closed"}

Stamp = tuple[int, int]


@dataclass(kw_only=True)
class Account:
    no: int
    id: str
    lane_no: int
    currency: str
    overdraft: int = 0
    balance: int = 0
    entries: int = 0
    chain: bytes = bytes(32)
    status: int = 1
    closed_at: datetime | None = None


@dataclass(kw_only=True)
class Lane:
    start: int = 40
    next_offset: int = 40
    next_seq: int = 1
    records: int = 0


@dataclass
class Books:
    """Rows waiting to be written; ``flush`` writes them and the accounts and lanes as they then are."""

    accounts: dict[tuple[str, int], Account] = field(default_factory=dict)
    lanes: dict[int, Lane] = field(default_factory=lambda: {1: Lane(), 2: Lane(), 3: Lane()})
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    ids: dict[Stamp, bytes] = field(default_factory=dict)
    now: datetime = START

    def add(self, table: str, *row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def event(self, lane_no: int, kind: int, type_: str, *, command: bytes = b"", payload: bytes = b"{}") -> Stamp:
        lane = self.lanes[lane_no]
        stamp = (lane_no, lane.next_seq)
        self.now += timedelta(milliseconds=1)
        offset = lane.next_offset - (kind == 4)  # an extra event speaks of the record before
        own = struct.pack(">qq", *stamp)
        event_id = own if kind != 2 else command
        self.ids[stamp] = command or own
        self.add(
            "event", *stamp, kind, offset, self.now, event_id, None if kind == 5 else command or own, "ledger",
            "" if kind == 5 else "K", type_, None if kind in (2, 5) else payload, b"f" if kind == 1 else None, None,
        )  # fmt: skip
        lane.next_seq += 1
        lane.next_offset, lane.records = offset + 1, lane.records + (kind != 4)
        return stamp

    def open(self, account_id: str, currency: str = "USD", overdraft: int = 0) -> None:
        self.event(1, 1, "account.opened")
        self._account(account_id, 0, currency, overdraft)

    def _account(self, account_id: str, lane_no: int, currency: str, overdraft: int = 0) -> Account:
        no = len(self.accounts) + 1
        account = Account(no=no, id=account_id, lane_no=lane_no, currency=currency, overdraft=overdraft)
        self.accounts[account_id, lane_no] = account
        return account

    def account(self, account_id: str, lane_no: int, currency: str = "USD") -> Account:
        if account_id != "cash":
            return self.accounts[account_id, 0]
        name = f"house:cash:{currency}"
        return self.accounts.get((name, lane_no)) or self._account(name, lane_no, currency)

    def entry(self, account: Account, stamp: Stamp, entry_type: int, amount: int) -> None:
        account.entries += 1
        account.balance += amount
        micros = (self.now - EPOCH) // timedelta(microseconds=1)
        numbers = (account.no, account.entries, *stamp, entry_type, amount, account.balance, micros)
        account.chain = sha256(account.chain + struct.pack(">qqiqhqqq", *numbers)).digest()
        self.add("entry", *numbers[:-1], self.now, account.chain)

    def legs(self, kind: int, lane_no: int, *legs: tuple[str, str, int], currency: str = "USD") -> Stamp:
        """Post one transaction of *kind* with *legs* of (source, destination, amount)."""
        stamp = self.event(lane_no, 1, ANSWERS.get(kind, "transfer.posted"))
        sides = [(self.account(s, lane_no, currency), self.account(d, lane_no, currency), a) for s, d, a in legs]
        single = kind != BATCH
        source, destination = (sides[0][0].no, sides[0][1].no) if single else (None, None)
        total = sum(amount for _, _, amount in legs)
        self._transaction(stamp, kind, source, destination, total, currency, None)
        for number, (debited, credited, amount) in enumerate(sides, 1):
            self.entry(debited, stamp, TYPES.get(kind, (4, 3))[0], -amount)
            self.entry(credited, stamp, TYPES.get(kind, (4, 3))[1], amount)
            if kind == BATCH:
                self.add("batch_leg", *stamp, number, debited.no, credited.no, amount)
        return stamp

    def _transaction(self, stamp: Stamp, kind: int, *rest: Any) -> None:
        source, destination, amount, currency, refusal = rest
        self.add(
            "transaction", *stamp, kind, source, destination, amount, currency, self.now, self.now, refusal, "", ""
        )

    def refuse(self, kind: int, lane_no: int, code: str) -> Stamp:
        stamp = self.event(lane_no, 1, "transfer.rejected", payload=b'{"code":"%s"}' % code.encode())
        self._transaction(stamp, kind, None, None, None, None, code)
        return stamp

    def reverse(self, lane_no: int, original: Stamp, *legs: tuple[str, str, int]) -> Stamp:
        stamp = self.legs(REVERSE, lane_no, *legs)
        self.add("reversal", *original, *stamp)
        return stamp

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
                await connection.copy_records_to_table(table, records=rows)
            await connection.executemany(WRITE_LANE, [
                (no, no - 1, one.start, one.next_offset, one.next_seq, one.records) for no, one in self.lanes.items()
            ])  # fmt: skip
            await connection.executemany(WRITE_ACCOUNT, [
                (a.no, a.id, a.lane_no, int(not a.lane_no), a.currency, a.balance, a.overdraft, a.entries, a.chain,
                 a.status, a.closed_at, START) for a in self.accounts.values()
            ])  # fmt: skip
        self.rows.clear()


WRITE_LANE = """INSERT INTO lane (lane_no, context, partition, start_offset, next_offset, next_seq, records)
    OVERRIDING SYSTEM VALUE VALUES ($1, 'ledger', $2, $3, $4, $5, $6) ON CONFLICT (lane_no) DO UPDATE
    SET next_offset = excluded.next_offset, next_seq = excluded.next_seq, records = excluded.records"""
WRITE_ACCOUNT = """INSERT INTO account (account_no, account_id, lane_no, account_type, currency, product, ledger_minor,
    available_minor, overdraft_limit_minor, last_entry_no, chain, status, closed_at, decided_at, opened_at)
    VALUES ($1, $2, $3, $4, $5, 'plain', $6, $6, $7, $8, $9, $10, $11, $12, $12) ON CONFLICT (account_no) DO UPDATE
    SET ledger_minor = excluded.ledger_minor, available_minor = excluded.available_minor, chain = excluded.chain,
        last_entry_no = excluded.last_entry_no, status = excluded.status, closed_at = excluded.closed_at"""


def story() -> Books:
    """Every kind of transaction and of event, over two lanes and two currencies; a third lane has seen nothing."""
    books = Books()
    for account_id in "ABCD":
        books.open(account_id, overdraft=5000 if account_id == "C" else 0)
    books.open("E", "EUR")
    deposit = books.legs(DEPOSIT, 1, ("cash", "A", 10000))
    made = books.legs(MAKE, 1, ("A", "B", 3000))
    books.refuse(MAKE, 1, "insufficient_funds")
    books.event(1, 2, "transfer.posted", command=books.ids[deposit])
    books.event(1, 3, "transfer.rejected", command=books.ids[made])
    books.dead(1)
    books.legs(DEPOSIT, 2, ("cash", "E", 500), currency="EUR")
    books.legs(WITHDRAW, 2, ("C", "cash", 4000))
    batch = books.legs(BATCH, 2, ("A", "B", 100), ("B", "C", 50), ("A", "B", 100))
    books.reverse(1, made, ("B", "A", 3000))
    books.legs(DEPOSIT, 2, ("cash", "D", 800))
    books.legs(CLOSE, 1, ("D", "A", 800))
    closed = books.accounts["D", 0]
    closed.status, closed.closed_at = 3, books.now
    books.reverse(2, batch, ("B", "A", 100), ("C", "B", 50), ("B", "A", 100))
    books.invalid(2, bytes(range(16)))
    books.event(2, 4, "something.extra", command=books.ids[batch])
    books.add("relay_position", 2, 1)
    return books


async def spoil(connection: Connection) -> None:
    """Do what only a superuser can: take triggers and constraints out of the way."""
    for table in await append_only_tables(connection):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for constraint in ("account_within_its_limit", "account_closed_is_empty"):
        await connection.execute(f"ALTER TABLE account DROP CONSTRAINT {constraint}")
    await connection.execute("ALTER TABLE reversal DROP CONSTRAINT reversal_happens_once")
    await connection.execute("DROP INDEX event_one_answer_per_command")


@asynccontextmanager
async def written(connection: Connection, *statements: str, books: Books | None = None) -> AsyncIterator[None]:
    """Write *books*, execute *statements* on them, and leave nothing behind."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        await spoil(connection)
        await (books or story()).flush(connection)
        for statement in statements:
            assert affected(await connection.execute(statement)), f"changes nothing: {statement}"
        yield
    finally:
        await attempt.rollback()
