"""The audit against a superuser: small valid books, written row by row without the product, then spoilt one way each.

The builder below knows the schema and the format of the chain, and nothing else of the product.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from processor.database import Connection, affected, connect
from processor.engine.audit import ENGINE_CHECKS, ROWS_PER_SLICE, audit
from processor.ledger.checks import LEDGER_CHECKS

CHECKS = (*ENGINE_CHECKS, *LEDGER_CHECKS)
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
    dead = books.event(1, 5, "dead")
    books.add("dead_letter", *(*dead, "no JSON", None, b"{", "not_json", "$", None, "", None, None, None, False))
    books.legs(DEPOSIT, 2, ("cash", "E", 500), currency="EUR")
    books.legs(WITHDRAW, 2, ("C", "cash", 4000))
    batch = books.legs(BATCH, 2, ("A", "B", 100), ("B", "C", 50), ("A", "B", 100))
    books.reverse(1, made, ("B", "A", 3000))
    books.legs(DEPOSIT, 2, ("cash", "D", 800))
    books.legs(CLOSE, 1, ("D", "A", 800))
    closed = books.accounts["D", 0]
    closed.status, closed.closed_at = 3, books.now
    books.reverse(2, batch, ("B", "A", 100), ("C", "B", 50), ("B", "A", 100))
    books.event(2, 4, "something.extra", command=books.ids[batch])
    return books


async def spoil(connection: Connection) -> None:
    """Do what only a superuser can: take triggers and constraints out of the way."""
    for table in ("entry", "event", "transaction", "reversal", "batch_leg", "dead_letter"):
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


def no_of(account_id: str, lane_no: int = 0) -> str:
    return f"(SELECT account_no FROM account WHERE account_id = '{account_id}' AND lane_no = {lane_no})"


@pytest.mark.parametrize("rows", [1, 2, 3, 7, ROWS_PER_SLICE])
async def test_true_books_pass_every_check_however_they_are_cut(connection: Connection, rows: int) -> None:
    async with written(connection):
        report = await audit(connection, CHECKS, rows_per_slice=rows)

    assert [(result.name, result.findings) for result in report.results if not result.holds] == []
    assert report.holds
    vacuous = {result.name for result in report.results if not result.examined}
    assert vacuous == {"relay_position", "dead_letters_told"}  # tests/engine/test_audit.py has those


async def test_empty_books_pass(connection: Connection) -> None:
    async with written(connection, books=Books()):
        assert (await audit(connection, CHECKS)).holds


A, B = no_of("A"), no_of("B")
LAST = "entry_no = (SELECT max(entry_no) FROM entry AS e WHERE e.account_no = entry.account_no)"
ZEROS = "decode(repeat('00', 32), 'hex')"

# One entry less, or another amount, shows everywhere that entries are summed or compared.
ALL_OF_IT = (
    "account_balance entry_chain running_balance transaction_balance transaction_entries reversals money_conserved"
)
SPOILT = [
    # the check that names it, the checks that may fail beside it, what was done
    ("account_balance", "account_available",
     f"UPDATE account SET ledger_minor = ledger_minor + 1 WHERE account_no = {A}"),
    ("account_available", "", f"UPDATE account SET available_minor = available_minor - 1 WHERE account_no = {A}"),
    ("account_available", "",
     "UPDATE account SET available_minor = available_minor - 1 WHERE account_type = 0 AND lane_no = 1"),
    ("entry_chain", ALL_OF_IT,
     f"UPDATE entry SET amount_minor = amount_minor + 1 WHERE account_no = {A} AND entry_no = 2"),
    ("running_balance", "entry_chain account_balance",
     f"UPDATE entry SET balance_after_minor = balance_after_minor + 1 WHERE account_no = {A} AND entry_no = 2"),
    ("entry_numbers", ALL_OF_IT,
     f"DELETE FROM entry WHERE account_no = {A} AND entry_no = 2"),
    ("entry_numbers", ALL_OF_IT,
     f"DELETE FROM entry WHERE account_no = {A} AND {LAST}"),
    ("entry_numbers", ALL_OF_IT,
     f"DELETE FROM entry WHERE account_no = {no_of('E')}"),
    ("entry_numbers", "transaction_entries money_conserved", f"DELETE FROM account WHERE account_no = {no_of('E')}"),
    ("entry_chain", "", f"UPDATE entry SET hash = {ZEROS} WHERE account_no = {B} AND entry_no = 2"),
    ("entry_chain", "", f"UPDATE entry SET hash = {ZEROS} WHERE account_no = {B} AND {LAST}"),
    ("entry_chain", "", f"UPDATE account SET chain = {ZEROS} WHERE account_no = {B}"),
    ("event_sequence", "lane_counters every_record_answered transaction_answers repeats_have_answers",
     "DELETE FROM event WHERE lane_no = 1 AND seq = 6"),
    ("event_sequence", "lane_counters every_record_answered transaction_answers",
     "DELETE FROM event WHERE lane_no = 2 AND seq = (SELECT max(seq) FROM event WHERE lane_no = 2)"),
    ("event_sequence", "lane_counters every_record_answered", "DELETE FROM event WHERE lane_no = 1 AND seq = 1"),
    ("lane_counters", "event_sequence", "UPDATE lane SET next_seq = next_seq + 1 WHERE lane_no = 1"),
    ("lane_counters", "event_sequence", "UPDATE lane SET next_seq = 2 WHERE lane_no = 3"),
    ("lane_counters", "every_record_answered", "UPDATE lane SET next_offset = next_offset - 1 WHERE lane_no = 1"),
    ("lane_counters", "", "UPDATE lane SET next_offset = next_offset + 1 WHERE lane_no = 1"),
    ("lane_counters", "", "UPDATE lane SET next_offset = next_offset + 1 WHERE lane_no = 3"),
    ("lane_counters", "every_record_answered", "UPDATE lane SET records = records + 1 WHERE lane_no = 1"),
    ("lane_counters", "", "DELETE FROM lane WHERE lane_no = 2"),
    ("every_record_answered", "", "UPDATE event SET source_offset = 41 WHERE lane_no = 1 AND seq = 4"),
    ("one_answer_per_command", "",
     "UPDATE event SET command_id = (SELECT command_id FROM event WHERE lane_no = 1 AND seq = 2) WHERE seq = 3"),
    ("repeats_have_answers", "", "UPDATE event SET id = gen_random_uuid() WHERE kind = 2"),
    ("repeats_have_answers", "", "UPDATE event SET command_id = gen_random_uuid() WHERE kind = 3"),
    ("repeats_have_answers", "", "UPDATE event SET id = command_id WHERE kind = 3"),
    ("dead_letters_kept", "", "DELETE FROM dead_letter"),
    ("dead_letters_kept", "", "INSERT INTO dead_letter (lane_no, seq, code, reason) VALUES (1, 1, 'x', 'invented')"),
    ("relay_position", "", "INSERT INTO relay_position VALUES (1, 1000)"),
    ("relay_position", "", "INSERT INTO relay_position VALUES (9, 1)"),
    ("balance_floor", "", f"UPDATE account SET overdraft_limit_minor = 100 WHERE account_no = {no_of('C')}"),
    ("balance_floor", "", f"UPDATE account SET status = 3, closed_at = opened_at WHERE account_no = {A}"),
    ("transaction_balance", "transaction_entries money_conserved",
     f"UPDATE account SET currency = 'EUR' WHERE account_no = {B}"),
    ("transaction_entries", "reversals",
     "UPDATE transaction SET amount_minor = 2999 WHERE lane_no = 1 AND kind = 1 AND refusal IS NULL"),
    ("transaction_entries", "reversals",
     f"UPDATE transaction SET destination_no = {no_of('C')} WHERE kind = 1 AND refusal IS NULL"),
    ("transaction_entries", "transaction_answers", "DELETE FROM transaction WHERE kind = 3"),
    ("transaction_entries", "transaction_answers", "UPDATE transaction SET refusal = 'account_closed' WHERE kind = 3"),
    ("transaction_entries", "transaction_answers",
     "UPDATE transaction SET posted_at = posted_at + '1 us' WHERE kind = 3"),
    ("transaction_entries", "reversals", "UPDATE batch_leg SET amount_minor = 60 WHERE leg_no = 2"),
    ("transaction_entries", "reversals", "UPDATE transaction SET amount_minor = 251 WHERE kind = 5"),
    ("transaction_entries", "", "INSERT INTO batch_leg VALUES (1, 7, 1, 1, 2, 5)"),
    ("transaction_answers", "",
     "UPDATE event SET type = 'transfer.posted' WHERE type = 'transfer.rejected' AND kind = 1"),
    ("transaction_answers", "", "UPDATE transaction SET refusal = 'account_closed' WHERE refusal IS NOT NULL"),
    ("transaction_answers", "", "DELETE FROM transaction WHERE refusal IS NOT NULL"),
    ("transaction_answers", "",
     "UPDATE event SET occurred_at = occurred_at + '1 us' WHERE type = 'transfer.batch_posted'"),
    ("reversals", "", "DELETE FROM reversal WHERE original_lane_no = 1"),
    ("reversals", "", "UPDATE reversal SET original_seq = 999 WHERE original_lane_no = 1"),
    ("reversals", "", "INSERT INTO reversal VALUES (2, 1, 1, 7)"),
    ("reversals", "",
     "INSERT INTO reversal SELECT original_lane_no, original_seq, 2, 3 FROM reversal WHERE lane_no = 1"),
    ("reversals", "entry_chain transaction_entries",
     f"UPDATE entry SET entry_type = 4 WHERE entry_type = 7 AND account_no = {B} AND amount_minor = -3000"),
    ("house_lanes", "", "UPDATE account SET lane_no = 3 WHERE account_id = 'house:cash:USD' AND lane_no = 2"),
    ("money_conserved", ALL_OF_IT,
     f"UPDATE entry SET amount_minor = amount_minor + 1 WHERE account_no = {no_of('E')}"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "beside", "statement"), SPOILT)
async def test_what_a_superuser_spoils_is_named(
    connection: Connection, check: str, beside: str, statement: str
) -> None:
    async with written(connection, statement):
        for rows in (2, ROWS_PER_SLICE):
            report = await audit(connection, CHECKS, rows_per_slice=rows)

            assert check in report.failed
            assert set(report.failed) - {check} <= set(beside.split())
            assert all(result.findings for result in report.results if not result.holds)


async def test_a_transaction_out_of_balance_is_named_though_number_chain_and_balance_fit(
    connection: Connection,
) -> None:
    books = story()
    made = books.legs(MAKE, 1, ("A", "B", 10))
    books.entry(books.accounts["A", 0], made, 3, 5)
    async with written(connection, books=books):
        for rows in (2, ROWS_PER_SLICE):
            report = await audit(connection, CHECKS, rows_per_slice=rows)

            assert report.failed == ("transaction_balance", "transaction_entries", "money_conserved")


async def test_findings_name_the_row_and_are_ten_at_most(connection: Connection) -> None:
    async with written(connection, "UPDATE account SET available_minor = 7"):
        report = await audit(connection, CHECKS, rows_per_slice=2)
    result = next(one for one in report.results if not one.holds)
    assert (result.name, result.examined, result.broken) == ("account_available", 8, 8)
    assert result.findings[0] == "account 1 (A): available is 7, balance less open holds is 10800"

    async with written(connection, "UPDATE event SET source_offset = 41"):
        report = await audit(connection, CHECKS, rows_per_slice=2)
    result = next(one for one in report.results if one.name == "every_record_answered")
    assert (result.broken > 10, len(result.findings)) == (True, 10)


async def test_time_is_cut_into_slices_that_lose_nothing(connection: Connection) -> None:
    books = story()
    for _ in range(400):
        books.legs(MAKE, 1, ("A", "B", 1))
    slices: dict[str, int] = {}

    def count(name: str, done: int, total: int) -> None:
        assert done <= total
        slices[name] = slices.get(name, 0) + 1

    async with written(connection, books=books):
        report = await audit(connection, CHECKS, rows_per_slice=60, on_progress=count)
        entries = await connection.fetchval("SELECT count(*) FROM entry")

    assert report.holds
    assert slices["money_conserved"] > 4
    assert next(one.examined for one in report.results if one.name == "money_conserved") == entries


async def test_running_books_pass(connection: Connection, database_url: str) -> None:
    """The audit runs over and over while another session posts, one commit a transaction."""
    books = story()
    await books.flush(connection)
    before = await connection.fetchval("SELECT count(*) FROM entry")
    writer = await connect(database_url, role="writer")
    enough = asyncio.Event()

    async def post() -> None:
        for _ in range(60):
            if enough.is_set():
                break
            books.legs(MAKE, 1, ("A", "B", 1))
            books.legs(DEPOSIT, 2, ("cash", "A", 5))
            await books.flush(writer)

    posting = asyncio.create_task(post())
    reports = [await audit(connection, CHECKS, rows_per_slice=40) for _ in range(4)]
    enough.set()
    await posting
    await writer.close()
    assert [report.failed for report in reports] == [(), (), (), ()]
    assert await connection.fetchval("SELECT count(*) FROM entry") > before + 20
    assert (await audit(connection, CHECKS)).holds
