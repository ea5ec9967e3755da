"""Books of expenses that have seen everything, made once by the engine, and a superuser's way to spoil them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from processor.database import Connection, Database, affected, connect
from processor.engine import lanes
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.expenses.context import EXPENSES
from tests.append_only import append_only_tables
from tests.audits import touched
from tests.engine.desk import Desk
from tests.expenses.reading import command_of, saying

OWN: Final = EXPENSES.checks
CHECKS: Final = (*ENGINE_CHECKS, *OWN)
NOON: Final = datetime(2026, 3, 15, 12, tzinfo=UTC)
ROWS: Final = 40  # of a slice: there are some of everything
CLOCK: Final = """CREATE OR REPLACE FUNCTION partita_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT timestamptz '{at}' $$"""
CONSTRAINTS: Final = [
    ("expense_user", "user_exists"),
    *(("expense", name) for name in ("expense_amount_positive", "expense_versions_count_from_one")),
    *(("expense_summary", f"expense_summary_{name}") for name in ("of_a_month", "adds_up", "told_known")),
    ("budget", "budget_exists"),
    ("recurring", "recurring_day_begins"),
    ("recurring_rule", "recurring_rule_exists"),
    ("rate", "rate_is_a_decimal"),
    ("rate_book", "rate_book_is_one_row"),
]

GUARDED: Final = ("event", "dead_letter", "expense_version", "budget_version", "recurring_rule")
LONG: Final = "standing-order-with-an-id-as-long-as-it-may-be-in-all-this-64ch"
Said = dict[str, Any]
Batch = tuple[int, list[Said] | bytes]  # of a partition


def story() -> Iterator[Batch]:
    """Yield what is said, batch by batch, each an hour after the one before; bytes are no command."""
    yield 0, [*rates(("USD", "EUR", "01", "0.9"), ("EUR", "CHF", "02", "0.95"), ("USD", "JPY", "01", "150"))]
    yield 1, [*rates(("GBP", "JPY", "05", "190"), ("GBP", "EUR", "05", "1.17"), ("USD", "EUR", "10", "0.91"))]
    yield 1, [user("ada", "EUR", "Europe/Berlin"), user("bo", "JPY"), user("cy", "EUR", "Asia/Tokyo")]
    yield 1, [user("dan", "USD"), user("eve", "CAD", "America/Vancouver"), *clocks("eve", "2026-12-01")]
    yield 1, [*budgets("ada"), *spending("ada"), *budgets("bo"), *spending("bo")]
    yield 0, [*rates(("USD", "EUR", "10", "0.92")), *changing("ada")]
    yield 1, [saying("user.update", user_id="bo", timezone="Asia/Tokyo")]
    yield 0, [saying("user.update", user_id="bo", timezone="America/Havana"), *recurring("bo"), *recurring("ada")]
    yield 1, [change("ada", "e4", 1, date="2026-03-08"), add("ada", "e9", "7.77", "Food", day="2026-04-01")]
    yield 1, [*agreed_later("ada"), *budgets("cy"), *spending("cy"), *changing("cy"), *recurring("cy")]
    yield 1, b"no command, under the key of cy"
    yield 1, [saying("user.erase", user_id="cy"), add("cy", "late", "1", "Food", notes="too late")]


def rates(*quoted: tuple[str, str, str, str]) -> Iterator[Said]:
    for base, quote, day, rate in quoted:
        yield saying("rate.set", base=base, quote=quote, date=f"2026-03-{day}", rate=rate)


def user(name: str, currency: str, zone: str = "UTC") -> Said:
    return saying("user.create", user_id=name, base_currency=currency, timezone=zone)


def add(name: str, expense: str, amount: str, category: str, *, day: str = "2026-03-04", **more: Any) -> Said:
    what = {"amount": amount, "currency": "EUR", "category": category, "date": day, "device_id": "phone"}
    return saying("expense.add", user_id=name, expense_id=expense, **what | more)


def change(name: str, expense: str, version: int, **changed: Any) -> Said:
    return saying("expense.change", user_id=name, expense_id=expense, base_version=version, **changed)


def budgets(name: str) -> Iterator[Said]:
    for category, month, limit in (
        ("Food", None, "100"), ("Food", "2026-03", "50"), ("Fun", "2026-03", None), ("Rent", None, "0"),
        ("Rent", "2026-04", "9"), ("Rent", "2026-04", None), ("Idle", None, "5"),
    ):  # fmt: skip
        yield saying("budget.set", user_id=name, category=category, month=month, limit=limit)


def spending(name: str) -> Iterator[Said]:
    """Spend in every way there is."""
    yield add(name, "e1", "30", "Food", notes="bread")
    yield add(name, "e2", "12", "Food")
    yield add(name, "e3", "20", "Food", currency="USD", day="2026-03-05", notes="abroad")
    yield add(name, "e4", "1000", "Food", currency="JPY", day="2026-03-06")
    yield add(name, "e5", "10.01", "Travel", currency="CHF", day="2026-03-12", notes="by train")
    yield add(name, "e6", "1", "Rent")
    yield add(name, "e7", "2", "erased-1", day="2026-02-04", currency="USD")
    yield add(name, "e8", "1", "Gifts", day="2026-01-09")
    yield saying("expense.delete", user_id=name, expense_id="e8", base_version=1)
    yield add(name, "e1", "1", "Food")


def changing(name: str) -> Iterator[Said]:
    yield change(name, "e1", 1, amount="31", device_id="laptop")
    yield change(name, "e2", 1, category="Travel", notes="")
    yield change(name, "e5", 1, notes="by bus")
    yield change(name, "e6", 1, date="2026-04-06")
    yield saying("expense.delete", user_id=name, expense_id="e3", base_version=1)
    yield change(name, "e3", 1, notes="no more")


def recurring(name: str) -> Iterator[Said]:
    """Monthly with a day left out; over and done; set again and stopped; a name that is too long; on changed clocks."""
    last = {"frequency": "monthly", "starts_on": "2025-12-31", "notes": "flat"}
    yield agree(name, "rent", "500", "Rent", **last)
    yield from made(name, "rent", "2025-12-31", "2026-02-28")
    yield agree(name, "done", "1", "Food", frequency="daily", starts_on="2026-03-12", ends_on="2026-03-13")
    yield from made(name, "done", "2026-03-12", "2026-03-13")
    yield agree(name, "gym", "9", "Fun", frequency="weekly", starts_on="2026-03-02")
    yield from made(name, "gym", "2026-03-02", "2026-03-09")
    yield agree(name, LONG, "3", "Fun", frequency="weekly", starts_on="2026-03-03")
    yield from made(name, LONG, "2026-03-03")
    yield from clocks(name, "2026-11-01")


def clocks(name: str, day: str) -> Iterator[Said]:
    """Have something due on a day on which clocks are changed, or may be, depending on whom one asks."""
    yield agree(name, "clocks", "3", "Fun", frequency="daily", starts_on=day)


def agreed_later(name: str) -> Iterator[Said]:
    yield agree(name, "gym", "10", "Fun", frequency="weekly", starts_on="2026-03-05")
    yield agree(name, "gym", "11", "Sport", frequency="daily", starts_on="2026-01-05", ends_on="2026-12-01")
    yield saying("recurring.stop", user_id=name, recurring_id=LONG)


def agree(name: str, entry: str, amount: str, category: str, **more: str) -> Said:
    what = {"recurring_id": entry, "amount": amount, "currency": "EUR", "category": category}
    return saying("recurring.set", user_id=name, **what, **more)


def made(name: str, entry: str, *days: str) -> Iterator[Said]:
    for day in days:
        yield saying("recurring.materialise", user_id=name, recurring_id=entry, date=day)


async def write(url: str) -> None:
    """Make the books, then do what only a superuser can: take triggers and constraints out of the way."""
    connection = await connect(url, role="test")
    async with Database(url, role="desk") as database:
        desk = Desk(connection=connection, database=database, context=EXPENSES)
        desk.offsets = await lanes.take_up(connection, EXPENSES.name, dict.fromkeys(range(2), 0))
        for number, (partition, said) in enumerate(story()):
            await at(desk, NOON + timedelta(hours=number))
            garbled = isinstance(said, bytes)
            parts = [said] if isinstance(said, bytes) else map(command_of, said)
            await desk.tell(*parts, partition=partition, key=b"cy" if garbled else None)
    for table in {*await append_only_tables(connection), *GUARDED}:
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for table, constraint in CONSTRAINTS:
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    await connection.close()


async def at(desk: Desk, instant: datetime) -> None:
    """Let the clock stand at *instant*."""
    await desk.connection.execute(CLOCK.format(at=instant.isoformat()))


def of(user_id: str) -> str:
    """Return the condition of rows that are a user's, in SQL."""
    return f"user_no = (SELECT user_no FROM expense_user WHERE user_id = '{user_id}')"


def put(tables: str, changes: str, where: str) -> str:
    """Return statements that change rows of *tables*."""
    return "; ".join(f"UPDATE {table} SET {changes} WHERE {where}" for table in tables.split())


def told(type_: str, said: str, instead: str, *, by: str = "ada") -> str:
    """Return what makes every answer that says so say something else."""
    payload = "convert_from(payload, 'UTF8')"
    changes = f"payload = convert_to(replace({payload}, '{said}', '{instead}'), 'UTF8')"
    return put("event", changes, f"type = '{type_}' AND aggregateid = '{by}' AND position('{said}' IN {payload}) > 0")


@asynccontextmanager
async def spoilt(connection: Connection, statements: str) -> AsyncIterator[None]:
    """Execute *statements*, each of which changes something, and leave nothing behind."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        for statement in statements.split(";"):
            assert affected(await connection.execute(statement)), f"changes nothing: {statement}"
        yield
    finally:
        await attempt.rollback()


async def assert_named(connection: Connection, check: str, beside: str, statements: str) -> None:
    """Make sure that *check* fails, looked at in slices, and nothing of the expenses but what fails *beside* it.

    Only what reads a table that the *statements* have changed is run: nothing else can tell the difference.
    """
    named = await audit(connection, [each for each in OWN if each.name == check], rows_per_slice=ROWS)
    others = await audit(connection, [each for each in touched(OWN, statements) if each.name != check])

    assert (named.failed, sorted(others.failed)) == ((check,), sorted(beside.split())), others.failed
    assert all(result.findings for result in (*named.results, *others.results) if not result.holds)
