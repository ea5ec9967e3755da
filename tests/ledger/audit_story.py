"""Small valid books that have seen everything, and a superuser's way to spoil them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from processor.database import Connection, affected
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.ledger.context import LEDGER
from tests.append_only import append_only_tables
from tests.audits import touched
from tests.ledger.audit_advances import advances
from tests.ledger.audit_books import (
    BATCH,
    CAPTURE,
    CLOSE,
    DEPOSIT,
    MAKE,
    PROTECTION,
    SETTLE,
    WITHDRAW,
    Books,
)
from tests.ledger.audit_rows import START, counted

CHECKS = (*ENGINE_CHECKS, *LEDGER.checks)
LATER_MS = 3_600_000
CONSTRAINTS = [
    *(("account", f"account_{rule}") for rule in ("closed_is_empty", "closed_holds_nothing", "holds_not_negative")),
    *(("hold", f"hold_{rule}") for rule in ("open_has_something_left", "within_its_amount", "parts_not_negative")),
    ("account", "account_does_not_protect_itself"),
    *(("advance", f"advance_{rule}") for rule in ("open_owes", "written_off_or_not", "has_payments")),
    *(
        ("advance_payment", f"advance_payment_{rule}")
        for rule in ("within_its_amount", "paid_is_settled", "failed_moves")
    ),
    ("reversal", "reversal_happens_once"),
    ("fee_refund", "fee_comes_back_once"),
    ("product_version", "product_version_is_unique"),
    ("overdraft_fee", "overdraft_fee_waived_or_charged"),
]


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
    batch = books.legs(BATCH, 2, ("A", "B", 100), ("B", "C", 50), ("A", "B", 100))
    books.reverse(1, made, ("B", "A", 3000))
    books.legs(DEPOSIT, 2, ("cash", "D", 800))
    books.legs(CLOSE, 1, ("D", "A", 800))
    closed = books.accounts["D", 0]
    closed.status, closed.closed_at = 3, books.now
    books.reverse(2, batch, ("B", "A", 100), ("C", "B", 50), ("B", "A", 100))
    books.legs(WITHDRAW, 2, ("C", "cash", 4000))
    books.invalid(2, bytes(range(16)))
    books.event(2, 4, "something.extra", command=books.ids[batch])
    books.add("relay_position", 2, 1)
    for chapter in (protection, fees, grace, holds, settlements, advances):
        chapter(books)
    return books


def protection(books: Books) -> None:
    """P steps in for F before it is overdrawn, but not when it is not linked."""
    books.customer("k", "customer.created", good=True)
    books.open("P", customer="k")
    books.open("F", customer="k", product="standard", overdraft=100_000)
    books.legs(DEPOSIT, 2, ("cash", "P", 50_000))
    books.legs(DEPOSIT, 2, ("cash", "F", 1000))
    books.terms("F", "account.protection_linked", protector="P")
    books.open("S")
    short = books.legs(WITHDRAW, 2, ("F", "cash", 3000))
    books.side(short, PROTECTION, "P", "F", 2000)
    books.terms("F", "account.protection_linked", protector=None)


def fees(books: Books) -> None:
    """F is let off once, then pays up to its caps; R pays at once, since its customer is in no good standing."""
    books.fee(books.legs(WITHDRAW, 2, ("F", "cash", 500)), "F", 0)
    for _ in range(3):
        books.fee(books.legs(MAKE, 1, ("F", "A", 500)), "F", 3500)
    books.legs(WITHDRAW, 2, ("F", "cash", 500))
    books.terms("F", "account.protection_linked", protector="P")
    batch = books.legs(BATCH, 1, ("A", "B", 20), ("F", "B", 300))
    books.side(batch, PROTECTION, "P", "F", 300)
    books.customer("r", "customer.created", good=True)
    books.open("R", customer="r", product="standard", overdraft=5000)
    books.customer("r", "customer.updated", good=False)
    books.open("T")
    books.fee(books.legs(BATCH, 2, ("R", "A", 100), ("C", "A", 10)), "R", 3500)


def earns_nothing_yet(books: Books, account_id: str) -> None:
    """Keep the row that an account has whose product may bear interest, before a day of it has ended."""
    before = START.date() - timedelta(days=1)
    books.add("interest", books.accounts[account_id, 0].no, START.date(), *(before, before, False), 0, "", 1, START)


def grace(books: Books) -> None:
    """G's product gives fees back in time, and later does not, nor lets them exceed the limit."""
    books.define("kind", 1, 500, caps="2 3", waived=False, exceed=True, hours=24)
    books.open("G", product="kind", overdraft=200)
    earns_nothing_yet(books, "G")
    charged = books.fee(books.legs(WITHDRAW, 1, ("G", "cash", 100)), "G", 500, hours=24)
    books.give_back(books.legs(DEPOSIT, 2, ("cash", "G", 1000)), "G", 500, charged)
    books.fee(books.legs(WITHDRAW, 2, ("G", "cash", 1000)), "G", 500, hours=24)
    books.define("kind", 2, 700, caps="5 5", waived=True, exceed=False, hours=0)
    books.terms("G", "account.overdraft_set", overdraft=5000)
    books.open("H", overdraft=1000)
    books.fee(books.legs(WITHDRAW, 2, ("G", "cash", 100)), "G", 700, 2)
    books.fee(books.legs(SETTLE, 1, ("G", "cash", 50)), "G", 700, 2)


def holds(books: Books) -> None:
    """H is held for by everything: captured in parts, adjusted, extended, released, expired, lapsed, and still open."""
    books.legs(DEPOSIT, 2, ("cash", "H", 10_000))
    books.place("H", "parts", 3000)
    books.capture("H", "parts", 1000, final=False)
    books.capture("H", "parts", 500, "B", final=True)
    books.place("H", "changed", 2000, ms=5)
    books.hold("hold.adjusted", "H", "changed", amount=2500)
    books.hold("hold.extended", "H", "changed", expires_at=None)
    books.release("H", "changed")
    books.place("H", "expired", 1000, ms=2)
    books.place("H", "lapsed", 700, ms=1)
    books.place("H", "whole", 9000)
    books.hold("hold.adjusted", "H", "whole", amount=8000)
    books.expire("H", "expired")
    books.place("H", "open", 400, ms=LATER_MS)
    books.place("H", "lower", 600)
    books.capture("H", "lower", 300, final=False)
    books.hold("hold.adjusted", "H", "lower", amount=300, status=2)
    books.place("H", "legal", 90_000, reason=3)
    books.capture("H", "whole", 8000, final=True)


def settlements(books: Books) -> None:
    """What was settled comes back in parts, from cash in another lane and from an account that has spent it."""
    books.legs(DEPOSIT, 2, ("cash", "S", 1000))
    in_cash = books.legs(SETTLE, 1, ("S", "cash", 900))
    books.refuse(CAPTURE, 1, "hold_expired")
    books.refund(2, in_cash, ("cash", "S", 600))
    books.refund(1, in_cash, ("cash", "S", 300))
    paid = books.legs(SETTLE, 1, ("S", "T", 200))
    books.legs(MAKE, 1, ("T", "A", 200))
    books.refund(2, paid, ("T", "S", 150))


async def spoil(connection: Connection) -> None:
    """Do what only a superuser can: take triggers and constraints out of the way."""
    for table in await append_only_tables(connection):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for table, constraint in CONSTRAINTS:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    await connection.execute("DROP INDEX event_one_answer_per_command")


async def tell(connection: Connection, books: Books) -> None:
    """Write *books* for good, for a superuser to spoil."""
    await spoil(connection)
    await books.flush(connection)


def told(books: Books) -> Books:
    """Return *books* as they stand in the database: ``written`` adds only what is done next."""
    books.there = counted(books.rows)
    return books


@asynccontextmanager
async def written(connection: Connection, *statements: str, books: Books | None = None) -> AsyncIterator[None]:
    """Write what is new in *books*, execute *statements*, and leave nothing of it behind."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        if books is not None:
            await books.flush(connection)
        for statement in statements:
            assert affected(await connection.execute(statement)), f"changes nothing: {statement}"
        yield
    finally:
        await attempt.rollback()


def no_of(account_id: str, lane_no: int = 0) -> str:
    """Return the number of an account, in SQL."""
    return f"(SELECT account_no FROM account WHERE account_id = '{account_id}' AND lane_no = {lane_no})"


async def assert_named(connection: Connection, check: str, beside: str = "", spoilt: str = "") -> None:
    """Make sure that *check* fails, looked at in slices, and nothing but what may fail *beside* it.

    Of statements that have *spoilt* the books the others are asked that read what was changed.
    """
    named = await audit(connection, [one for one in CHECKS if one.name == check], rows_per_slice=15)
    others = [one for one in CHECKS if one.name != check]
    rest = await audit(connection, touched(others, spoilt) if spoilt else others)

    assert named.failed == (check,)
    assert set(rest.failed) <= set(beside.split()), rest.failed
    assert all(result.findings for result in (*named.results, *rest.results) if not result.holds)
