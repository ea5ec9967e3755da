"""What the database itself lets go of an erased user's rows, and what not: as superuser, and in replica mode too."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import asyncpg
import msgspec
import pytest

from processor.database import Connection
from tests.expenses.erasing_story import erasing, headers_of, lived, opened, rating

ALIVE, GONE, GOING = "alive", "gone", "going"  # nobody erases the first, the second was erased, the third is being so
OWN: Final = " WHERE user_no = (SELECT user_no FROM expense_user WHERE user_id = '{user}')"
VERSIONS: Final = {  # what becomes of the texts of each table of versions
    "expense_version": "category = 'erased-1', notes = '', device_id = NULL",
    "budget_version": "category = 'erased-1'",
    "recurring_rule": "category = 'erased-1', notes = ''",
}
TOLD: Final = """
SELECT lane_no, seq, payload, headers FROM event
 WHERE aggregateid = $1 AND type = $2 AND kind = 1 ORDER BY seq LIMIT 1"""
REDACTED: Final = "UPDATE event SET payload = $3, headers = $4 WHERE lane_no = $1 AND seq = $2"
EMPTY: Final = {"category": "erased-1", "notes": "", "device_id": None}
LETTER: Final = "UPDATE dead_letter SET value = NULL, headers = NULL, masked = true"

RATE_LETTER: Final = """
INSERT INTO dead_letter (lane_no, seq, reason, code, command_type, key, value)
SELECT max(lane_no), 1000000, '', 'field_missing', 'rate.set', $1, 'x' FROM dead_letter"""


@pytest.fixture
async def books(connection: Connection, database_url: str) -> AsyncIterator[Connection]:
    """Return books in which somebody is being erased, in a transaction that is rolled back."""
    if not await connection.fetchval("SELECT count(*) FROM expense_user"):
        desk = await opened(connection, database_url)
        await desk.tell(rating(correlation_id="Rates", metadata={"of": "Rates"}), headers=headers_of("Rates"))
        for user in (ALIVE, GONE, GOING):
            await lived(desk, user, "Zorg")
        await desk.one(erasing(GONE))
        await desk.database.close()
    await connection.execute("SET session_replication_role = replica")  # ordinary triggers are silent now
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("UPDATE expense_user SET erased_at = now() WHERE user_id = $1", GOING)
    yield connection
    await transaction.rollback()


async def is_let_go(books: Connection, statement: str, *arguments: Any) -> bool:
    """Try *statement* and undo it; say whether it changed a row, or was refused as a change of what was said."""
    attempt = books.transaction()
    await attempt.start()
    try:
        status = await books.execute(statement, *arguments)
    except asyncpg.InsufficientPrivilegeError as error:
        return "append-only: what was said stays said" not in str(error)
    else:
        assert status != "UPDATE 0", statement
        return True
    finally:
        await attempt.rollback()


@pytest.mark.parametrize("table", VERSIONS)
async def test_versions_lose_their_texts_while_their_user_is_being_erased_and_nothing_else_ever(
    books: Connection, table: str
) -> None:
    texts = VERSIONS[table]
    whoever = {user: f"UPDATE {table} SET {texts}{OWN.format(user=user)}" for user in (ALIVE, GONE, GOING)}
    spoiling = [
        *(f"{texts}, {other}" for other in ("user_no = 0", "seq = seq + 1", "change_no = -change_no")),
        texts.replace("erased-1", "food"),
        *(
            [texts.replace("''", "'x'"), texts.replace("notes = ''", "notes = notes || '!'")]
            if "notes" in texts
            else []
        ),
        *([texts.replace("NULL", "'x'")] if "device_id" in texts else []),
        *(["amount_minor = amount_minor + 1"] if table != "budget_version" else ["limit_minor = 1"]),
    ]

    assert [await is_let_go(books, statement) for statement in whoever.values()] == [False, False, True]
    for other in spoiling:
        assert not await is_let_go(books, f"UPDATE {table} SET {other}{OWN.format(user=GOING)}"), other
    assert not await is_let_go(books, f"DELETE FROM {table}{OWN.format(user=GOING)}")
    assert not await is_let_go(books, f"TRUNCATE {table}")


def encoded(body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(body)


def emptied(payload: bytes) -> dict[str, Any]:
    kept = {
        name: said for name, said in msgspec.json.decode(payload).items() if name not in ("metadata", "correlation_id")
    }
    return kept | {name: said for name, said in EMPTY.items() if name in kept}


async def test_an_event_loses_the_texts_of_its_result_and_nothing_else(books: Connection) -> None:
    row = await books.fetchrow(TOLD, GOING, "expense.added")
    assert row is not None
    place, right = (row["lane_no"], row["seq"]), emptied(row["payload"])
    spoilt = {
        "amount": right | {"amount": "7.00"},
        "field left out": {name: said for name, said in right.items() if name != "rate"},
        "field added": {"more": 1} | right,
        "replayed": right | {"replayed": True},
        "replayed first": {"replayed": False} | right,
        "replayed not last": {name: right[name] for name in sorted(right)},
        "metadata": {"metadata": {"of": "x"}} | right,
        "correlation id": {"correlation_id": "x"} | right,
        **{f"another {name}": right | {name: "x"} for name in EMPTY},
    }

    assert await is_let_go(books, REDACTED, *place, encoded(right), None)
    for what, body in spoilt.items():
        assert not await is_let_go(books, REDACTED, *place, encoded(body), None), what
    for headers in (row["headers"], b'{"partita_wrong_key":"1"}', b"{}"):
        assert not await is_let_go(books, REDACTED, *place, encoded(right), headers), headers
    for change in (
        "seq = -1",
        "kind = 4",
        "aggregateid = 'x'",
        "type = 'x'",
        "id = gen_random_uuid()",
        "fingerprint = ''",
    ):
        statement = f"UPDATE event SET {change} WHERE lane_no = $1 AND seq = $2"
        assert not await is_let_go(books, statement, *place), change
    assert not await is_let_go(books, "DELETE FROM event WHERE lane_no = $1 AND seq = $2", *place)


async def test_details_of_a_refusal_are_looked_into(books: Connection) -> None:
    row = await books.fetchrow(TOLD, GOING, "expense.rejected")
    assert row is not None
    right = emptied(row["payload"])
    state = right["details"]["expense"]

    for texts, is_right in ((EMPTY, True), (EMPTY | {"notes": "x"}, False), (EMPTY | {"amount": "7.00"}, False)):
        body = right | {"details": {"expense": state | texts}}
        assert await is_let_go(books, REDACTED, row["lane_no"], row["seq"], encoded(body), None) is is_right, texts


async def test_events_of_others_and_of_rates_are_never_changed(books: Connection) -> None:
    await books.execute("UPDATE expense_user SET user_id = 'USD' WHERE user_id = $1", GONE)
    asked = ((ALIVE, "expense.added", False), ("USD", "rate.defined", False), (GOING, "expense.added", True))
    for user, kind, is_right in asked:
        row = await books.fetchrow(TOLD, user, kind)
        assert row is not None
        place = (row["lane_no"], row["seq"])
        assert await is_let_go(books, REDACTED, *place, encoded(emptied(row["payload"])), None) is is_right, user
        assert await is_let_go(books, REDACTED, *place, row["payload"], None) is is_right, user


async def test_what_is_said_of_one_who_was_erased_before_loses_all_but_the_names_of_categories(
    books: Connection,
) -> None:
    row = await books.fetchrow(TOLD, GONE, "expense.added")
    assert row is not None
    named = msgspec.json.decode(row["payload"]) | {"category": "erased-9"}

    assert not await is_let_go(books, REDACTED, row["lane_no"], row["seq"], encoded(named), row["headers"])
    assert await is_let_go(books, REDACTED, row["lane_no"], row["seq"], row["payload"], row["headers"])


async def test_a_dead_letter_under_the_key_of_an_erased_user_loses_value_and_headers_together(
    books: Connection,
) -> None:
    own = f" WHERE key = '{GOING}'::bytea"

    assert await is_let_go(books, LETTER + own)
    assert not await is_let_go(books, f"{LETTER} WHERE key = '{ALIVE}'::bytea")
    for change in ("value = NULL", "headers = NULL", "value = 'x', headers = NULL, masked = true"):
        assert not await is_let_go(books, f"UPDATE dead_letter SET {change}{own}"), change
    for other in ("key = NULL", "reason = 'x'", "code = 'x'", "command_id = NULL", "seq = -1"):
        assert not await is_let_go(books, f"{LETTER}, {other}{own}"), other
    assert not await is_let_go(books, f"DELETE FROM dead_letter{own}")
    await books.execute(RATE_LETTER, GOING.encode())
    assert not await is_let_go(books, f"{LETTER}{own} AND command_type = 'rate.set'")
    await books.execute("UPDATE lane SET context = 'another'")
    assert not await is_let_go(books, f"{LETTER}{own} AND command_type <> 'rate.set'")
