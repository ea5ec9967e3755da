"""Cold storage at the desk: what was moved is remembered, undone and read as before, and nothing is lost on the way.

The books of this module only grow, so each test looks at what it has made itself.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import msgspec
import pytest

from contracts.interest import InterestAccrue
from contracts.specs import LEDGER
from processor.database import Connection, connect, named_queries
from processor.engine import cold as engine
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.ledger import cold
from processor.ledger.context import LEDGER as CONTEXT
from producers.command_ids import new_command_id
from tests.engine.ageing import ALL_SENT, LATER, NOW, TABLES, aged, rows, some_of_everything
from tests.engine.asking import refund, reverse
from tests.engine.desk import Desk, Told, fill, moving, names, opening, paying_in

CHECKS: Final = (*ENGINE_CHECKS, *CONTEXT.checks)


def codes(told: Sequence[Told]) -> list[str]:
    return [each.body.get("code", each.type) for each in told]


async def test_old_rows_move_and_each_is_read_once_and_as_it_was(desk: Desk) -> None:
    await some_of_everything(desk)
    before = await rows(desk)
    await aged(desk)
    seen: list[tuple[str, int, int]] = []

    moved = await cold.move(desk.connection, NOW, on_progress=lambda *each: seen.append(each))

    assert moved.complete
    assert await rows(desk) == before == await rows(desk, "cold.")
    assert moved.rows == {name: len(before[name]) for name in TABLES}
    assert [name for name, done, total in seen if done == total] == [each.table for each in cold.TABLES]
    assert (await audit(desk.connection, CHECKS, rows_per_slice=7)).holds
    assert (await cold.move(desk.connection, NOW)).rows == {}, "what is cold is not looked for again"


async def test_a_repeat_of_a_cold_command_gives_its_answer_and_another_one_under_its_id_is_refused(desk: Desk) -> None:
    _, b, (made, *_) = await some_of_everything(desk)
    (answer,) = [
        each for each in await desk.told(0) if each.body.get("command_id") == made.command_id and each.kind == 1
    ]
    await aged(desk)
    await cold.move(desk.connection, NOW)
    books, balance = await desk.books(), await desk.balance(b)

    again, reused = await desk.tell(made, msgspec.structs.replace(made, amount="3.01"))

    assert (again.kind, again.id, again.type, again.key) == (2, answer.id, answer.type, answer.key)
    assert (reused.kind, reused.body["code"], reused.body["details"]["fields"]) == (3, "command_id_reused", ["amount"])
    assert (await desk.books(), await desk.balance(b)) == (books, balance)
    page = await desk.connection.fetch(named_queries("producers", "relay.sql")["page"], LEDGER, 2000)
    (sent,) = [row["payload"] for row in page if row["kind"] == 2]
    assert msgspec.json.decode(sent) == answer.body, "the relay sends the answer's own body"


async def test_what_is_cold_is_reversed_and_refunded_once(desk: Desk) -> None:
    a, b, (made, batch, settled) = await some_of_everything(desk)
    await aged(desk)
    await cold.move(desk.connection, NOW)

    undone = [reverse(a, made), reverse(a, batch), refund(a, settled, "1")]
    assert codes(await desk.tell(*undone)) == ["transfer.reversed", "transfer.reversed", "settlement.refunded"]
    await aged(desk)
    await cold.move(desk.connection, NOW)  # now the reversal is as cold as what it undoes

    undone = [reverse(a, made), reverse(a, batch), refund(a, settled, "3.01"), refund(a, settled)]
    assert codes(await desk.tell(*undone)) == [
        *("already_reversed", "already_reversed", "amount_exceeds_settlement", "settlement.refunded")
    ]
    assert (await desk.balance(a), await desk.balance(b)) == (100_00, 100_00)
    assert (await audit(desk.connection, CHECKS, rows_per_slice=7)).holds


async def test_days_that_ended_long_ago_accrue_by_cold_balances_as_by_hot_ones(desk: Desk) -> None:
    a, b = names(2)
    saving = {"account_type": "SAVINGS", "product": "savings"}
    await desk.tell(*(msgspec.structs.replace(opening(each), **saving) for each in (a, b)))
    for amount in ("20000", "30000"):
        await desk.tell(paying_in(a, amount), paying_in(b, amount))
        await aged(desk)
    yesterday = (await desk.connection.fetchval("SELECT partita_clock()") - timedelta(days=1)).date().isoformat()

    hot = await desk.one(InterestAccrue(command_id=new_command_id(), account_id=a, date=yesterday))
    assert (await cold.move(desk.connection, NOW)).rows["entry"] >= 8
    of_cold = await desk.one(InterestAccrue(command_id=new_command_id(), account_id=b, date=yesterday))

    assert (hot.type, hot.body["days"]) == ("interest.accrued", 80)
    assert of_cold.body["accrued"] == hot.body["accrued"]
    assert Decimal(hot.body["accrued"]) == round(Decimal(40 * (20_000 + 50_000)) * Decimal("0.025") / 365, 6)


async def test_what_was_not_sent_stays_with_all_rows_of_its_stamp_until_it_is(desk: Desk) -> None:
    await aged(desk)
    await cold.move(desk.connection, NOW)
    await desk.connection.execute("UPDATE relay_position SET sent = sent + 3 WHERE sent > 0")
    await some_of_everything(desk)
    told = await rows(desk, "")
    await desk.connection.execute(LATER)

    moved = await cold.move(desk.connection, NOW)
    left = await rows(desk, "")
    assert (moved.rows["event"], len(left["event"])) == (3, len(told["event"]) - 3)
    stamps = await desk.connection.fetch("SELECT lane_no, seq FROM transaction UNION SELECT lane_no, seq FROM entry")
    hot = {tuple(row) for row in await desk.connection.fetch("SELECT lane_no, seq FROM event")}
    assert {tuple(row) for row in stamps} <= hot

    await desk.connection.execute(ALL_SENT)
    await cold.move(desk.connection, NOW)
    assert not any((await rows(desk, "")).values())


async def test_an_instant_parts_what_moves_from_what_stays_and_what_is_a_day_old_stays_always(desk: Desk) -> None:
    await aged(desk)
    await cold.move(desk.connection, NOW)
    a, b = names(2)
    await fill(desk, [a, b])
    await desk.connection.execute(LATER)
    first = await desk.one(moving(a, b, "1"))
    second = await desk.one(moving(a, b, "1"))
    await aged(desk)
    assert (await cold.move(desk.connection, first.occurred_at)).rows["event"] == 4  # openings and deposits
    assert (await cold.move(desk.connection, first.occurred_at + timedelta(microseconds=1))).rows["entry"] == 2
    assert (await cold.move(desk.connection, first.occurred_at)).rows == {}, "what is cold stays cold"

    await desk.one(moving(a, b, "1"))
    await desk.connection.execute(ALL_SENT)
    assert (await cold.move(desk.connection, NOW)).rows["event"] == 1
    assert [each.seq for each in await desk.told(0, above=second.seq)] == [second.seq + 1]


async def test_a_mover_that_dies_between_two_slices_leaves_whole_books_and_the_next_one_goes_on(
    desk: Desk, database_url: str
) -> None:
    await some_of_everything(desk)
    before = await rows(desk)
    await aged(desk)
    for table in cold.TABLES:
        mover = await connect(database_url, role="mover")
        with pytest.raises(Killed):
            await cold.move(mover, NOW, on_progress=dying_at(table.table, mover))
        assert await rows(desk) == before
        assert (await audit(desk.connection, CHECKS, rows_per_slice=20)).holds
    assert not any((await rows(desk, "")).values()), "what had moved when it died stays moved"
    assert (await cold.move(desk.connection, NOW)).complete
    assert (await cold.move(desk.connection, NOW)).rows == {}


class Killed(Exception):
    """The end of a mover."""


def dying_at(table: str, mover: Connection) -> engine.OnProgress:
    """Return what ends the mover's session once a slice of *table* is moved."""

    def look(name: str, _done: int, _total: int) -> None:
        if name == table:
            mover.terminate()
            raise Killed

    return look


async def test_a_mover_that_is_told_to_stop_says_that_it_is_not_done(desk: Desk) -> None:
    await some_of_everything(desk)
    await aged(desk)
    stop = asyncio.Event()
    moved = await cold.move(desk.connection, NOW, stop=stop, on_progress=lambda *_: stop.set())
    assert (moved.complete, [name for name, count in moved.rows.items() if count]) == (False, ["entry"])
    assert (await cold.move(desk.connection, NOW)).rows["event"] > 0


async def test_two_movers_at_once_move_each_row_once(desk: Desk, database_url: str) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    await desk.tell(*(moving(a, b, "0.01") for _ in range(2000)))
    before = await rows(desk)
    await aged(desk)
    movers = [await connect(database_url, role="mover") for _ in range(2)]

    one, other = await asyncio.gather(*(cold.move(mover, NOW) for mover in movers))

    for mover in movers:
        await mover.close()
    assert await rows(desk) == before
    assert one.rows["entry"] + other.rows["entry"] == 2 * 2000 + 4
    assert not any((await rows(desk, "")).values())


async def test_a_lane_with_a_gap_is_not_touched(desk: Desk) -> None:
    await some_of_everything(desk)
    await aged(desk)
    attempt = desk.connection.transaction()
    await attempt.start()
    await desk.connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await desk.connection.execute("DELETE FROM event")
    with pytest.raises(AssertionError, match="without gaps"):
        await cold.move(desk.connection, NOW)
    assert (await rows(desk, ""))["transaction"]
    await attempt.rollback()
