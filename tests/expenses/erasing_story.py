"""Users who have written something wherever that is possible, to be erased, and a look at every row there is.

Every text that a user writes begins with the user's own word, so that it is found wherever it stands: as it is, or as
the bytes of a column.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.budgets import BudgetSet
from contracts.catalog import Topics
from contracts.envelope import Command
from contracts.expenses import ExpenseAdd, ExpenseChange, ExpenseDelete
from contracts.headers import Headers
from contracts.rates import RateSet
from contracts.recurring import RecurringMaterialise, RecurringSet, RecurringStop
from contracts.users import UserCreate, UserErase, UserUpdate
from processor.database import Connection, Database, named_queries
from processor.engine import lanes
from processor.expenses.context import EXPENSES
from producers.command_ids import new_command_id
from producers.records import DEAD, EventHeaders, value_of
from tests.engine.desk import PARTITIONS, Desk

ZONES: Final = ("Pacific/Auckland", "Africa/Nairobi")  # where users live
TABLES: Final = """
SELECT oid::regclass::text AS name FROM pg_class
 WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'cold'::regnamespace) ORDER BY 1"""
SUMS: Final = """
SELECT month, category, spent_minor, expenses, told FROM expense_summary JOIN expense_user USING (user_no)
 WHERE user_id = $1 ORDER BY month, category"""
TOLD: Final = "SELECT payload FROM event WHERE aggregateid = $1 AND payload IS NOT NULL ORDER BY lane_no, seq"
PAGE: Final = named_queries("producers", "relay.sql")["page"]


async def opened(connection: Connection, url: str) -> Desk:
    """Return a desk of the expenses."""
    desk = Desk(connection=connection, database=Database(url, role="desk"), context=EXPENSES)
    desk.offsets = dict(await lanes.take_up(connection, EXPENSES.name, dict.fromkeys(range(PARTITIONS), 0)))
    return desk


def said_by(word: str) -> dict[str, Any]:
    """Return what a sender says besides, in a body."""
    return {
        "command_id": new_command_id(),
        "correlation_id": f"{word}-correlation",
        "metadata": {"from": f"{word}-metadata"},
    }


def headers_of(word: str) -> Headers:
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    own = (("ce_correlationid", f"{word}-header".encode()), ("tracestate", f"z={word}-state".encode()))
    return (("traceparent", trace), *own)


def adding(user: str, expense: str, category: str, amount: str = "10", **more: Any) -> ExpenseAdd:
    fields = {"currency": "EUR", "date": "2026-03-05"} | {"command_id": new_command_id()} | more
    return ExpenseAdd(user_id=user, expense_id=expense, category=category, amount=amount, **fields)


def creating(user: str, **more: Any) -> UserCreate:
    return UserCreate(user_id=user, base_currency="EUR", **{"command_id": new_command_id()} | more)


def erasing(user: str) -> UserErase:
    return UserErase(command_id=new_command_id(), user_id=user)


def rating(rate: str = "0.5", *, day: str = "2026-03-01", **more: Any) -> RateSet:
    return RateSet(command_id=new_command_id(), date=day, rate=rate, **{"base": "USD", "quote": "EUR"} | more)


def story_of(user: str, word: str) -> Sequence[Command]:
    """Return commands of every kind, in which *user* writes all that can be written; all but three are applied."""
    texts: dict[str, Any] = {"notes": f"{word}-notes", "device_id": f"{word}-device"}
    months: Sequence[dict[str, Any]] = ({"month": None, "limit": "12"}, {"month": "2026-03", "limit": "40"})
    series: dict[str, Any] = {
        "recurring_id": "R",
        "amount": "1",
        "currency": "EUR",
        "frequency": "monthly",
        "starts_on": "2026-01-31",
    }
    return (
        creating(user, timezone=ZONES[0], **said_by(word)),
        UserUpdate(user_id=user, timezone=ZONES[1], **said_by(word)),
        UserUpdate(user_id=user, timezone=f"{word}/Nowhere", **said_by(word)),
        *(BudgetSet(user_id=user, category=f"{word}-food", **each, **said_by(word)) for each in months),
        BudgetSet(user_id=user, category=f"{word}-planned", month=None, limit="1", **said_by(word)),
        adding(user, "E1", f"{word}-food", **texts, **said_by(word)),
        adding(user, "E2", "erased-1", "3", **texts, **said_by(word) | {"currency": "USD"}),
        adding(user, "E3", f"{word}-food", "40", **texts, **said_by(word)),
        ExpenseChange(user_id=user, expense_id="E1", base_version=1, category=f"{word}-rent", **texts, **said_by(word)),
        ExpenseChange(user_id=user, expense_id="E1", base_version=1, category=f"{word}-late", **texts, **said_by(word)),
        ExpenseDelete(user_id=user, expense_id="E2", base_version=1, **said_by(word)),
        ExpenseDelete(user_id=user, expense_id="E2", base_version=1, **said_by(word)),
        RecurringSet(user_id=user, category=f"{word}-series", notes=f"{word}-notes", **series, **said_by(word)),
        RecurringMaterialise(user_id=user, recurring_id="R", date="2026-01-31", **said_by(word)),
        RecurringStop(user_id=user, recurring_id="R", **said_by(word)),
    )


def names_of(word: str) -> Mapping[str, str]:
    """Return what the categories of ``story_of`` are called once its user is erased: in the order of first use."""
    used = (f"{word}-food", f"{word}-planned", "erased-1", f"{word}-rent", f"{word}-series")
    return {category: f"erased-{place}" for place, category in enumerate(used, start=1)}


def garbled(user: str, word: str) -> bytes:
    """Return a record with an id that can be read, which is no command."""
    said = msgspec.to_builtins(adding(user, "E9", f"{word}-garbled", notes=f"{word}-garbled"))
    return msgspec.json.encode(said | {"type": "expense.add", f"{word}-field": 1})


async def lived(desk: Desk, user: str, word: str) -> Sequence[Command]:
    """Have *user* live through the story, with a repeat, a reused id, a wrong key and a dead letter; return it."""
    story, headers = story_of(user, word), headers_of(word)
    await desk.tell(*story, headers=headers)
    await desk.tell(story[6], partition=1, key=b"another", headers=headers)
    await desk.tell(adding(user, "E4", f"{word}-other", **said_by(word) | {"command_id": story[6].command_id}))
    await desk.tell(garbled(user, word), key=user.encode(), headers=headers)
    return story


async def rows_with(connection: Connection, texts: Iterable[str]) -> list[str]:
    """Return the rows, of all tables, in which one of *texts* stands, as it is or as bytes."""
    found = []
    for (table,) in await connection.fetch(TABLES):
        rows = await connection.fetch(f"SELECT kept::text AS row FROM {table} AS kept")
        wanted = [(text, text.encode().hex()) for text in texts]
        found += [f"{table} {row['row']}" for row in rows if any(a in row["row"] or b in row["row"] for a, b in wanted)]
    return found


async def rows_of(connection: Connection, user: str) -> dict[str, list[str]]:
    """Return all rows of *user*, by table."""
    user_no = await connection.fetchval("SELECT user_no FROM expense_user WHERE user_id = $1", user)
    tables = ("expense_user", "expense", "expense_version", "expense_summary", "budget", "budget_version")
    found = {}
    for table in (*tables, "recurring", "recurring_rule", "recurring_entry"):
        rows = await connection.fetch(f"SELECT kept::text FROM {table} AS kept WHERE user_no = $1 ORDER BY 1", user_no)
        found[table] = [row[0] for row in rows]
    events = await connection.fetch("SELECT event::text FROM event WHERE aggregateid = $1 ORDER BY 1", user)
    letters = await connection.fetch(
        "SELECT dead_letter::text FROM dead_letter WHERE key = $1 ORDER BY 1", user.encode()
    )
    return found | {"event": [row[0] for row in events], "dead_letter": [row[0] for row in letters]}


async def published(connection: Connection) -> list[tuple[bytes | None, bytes | None, Headers]]:
    """Return every record that a relay would publish now, lane by lane: key, value and headers."""
    of = EventHeaders(EXPENSES.name, Topics(prefix=""))
    records: list[tuple[bytes | None, bytes | None, Headers]] = []
    for row in map(dict, await connection.fetch(PAGE, EXPENSES.name, 10_000)):
        key = row["aggregateid"].encode()
        if row["kind"] == DEAD:
            records.append((row["key"], row["value"], of.of_dead_letter(row)))
        else:
            records.append((key, value_of(row), of.of_result(row, lane=(), key=key)))
    return records


async def sums_of(connection: Connection, user: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(SUMS, user)]


async def results(connection: Connection, user: str) -> list[dict[str, Any]]:
    """Return the bodies of all results of *user*, in their order."""
    return [msgspec.json.decode(row["payload"]) for row in await connection.fetch(TOLD, user)]
