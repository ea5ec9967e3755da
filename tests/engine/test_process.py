"""Seven phases, each with what it promises."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.accounts import AccountRejected
from contracts.envelope import Command
from contracts.transfers import TransferMake, TransferReverse
from processor.database import Connection, Database
from processor.engine.decision import Applied
from processor.engine.events import Kind
from processor.engine.lanes import Skipped
from processor.engine.process import process
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.rules.draft import Draft
from processor.ledger.values import EntryType, Leg, TransactionKind
from processor.telemetry import COUNTERS
from producers.command_ids import new_command_id
from tests.engine.desk import RECEIVED_MS, Desk, fill, moving, names, opening, paying_in


async def test_a_transfer_moves_money_and_says_so_once(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    told = await desk.one(moving(a, b, "12.30", description="rent"))

    assert (told.kind, told.type, told.key) == (Kind.ANSWER, "transfer.posted", a)
    assert [(entry["account_id"], entry["amount"], entry["balance_after"]) for entry in told.body["entries"]] == [
        (a, "12.30", "87.70"),
        (b, "12.30", "112.30"),
    ]
    assert (await desk.balance(a), await desk.balance(b)) == (8770, 11230)


async def test_a_repeat_gets_the_same_answer_and_changes_no_byte_of_the_books(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1")
    first = await desk.one(command)
    books = await desk.books()

    again = await desk.one(command)
    elsewhere = await desk.one(command, partition=3)

    assert (again.kind, again.id, again.type, again.key) == (Kind.REPEAT, first.id, first.type, first.key)
    assert (elsewhere.kind, elsewhere.id) == (Kind.REPEAT, first.id)
    assert await desk.books() == books


async def test_a_repeat_within_one_batch_is_answered_once(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1")

    told = await desk.tell(command, command, msgspec.structs.replace(command, amount="1.00"))

    assert [each.kind for each in told] == [Kind.ANSWER, Kind.REPEAT, Kind.REPEAT]
    assert await desk.balance(a) == 9900


async def test_a_refusal_is_repeated_even_when_the_command_would_now_succeed(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "101")
    refused = await desk.one(command)
    await desk.one(paying_in(a, "50"))

    again = await desk.one(command)

    assert refused.body["code"] == "insufficient_funds"
    assert (again.kind, again.id) == (Kind.REPEAT, refused.id)
    assert await desk.balance(a) == 15000


async def test_another_command_under_a_used_id_is_refused_and_named(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    command = moving(a, b, "1")
    answer = await desk.one(command)
    books = await desk.books()

    reuse = await desk.one(msgspec.structs.replace(command, amount="2", description="x"))
    other_type = await desk.one(msgspec.structs.replace(paying_in(a, "1"), command_id=command.command_id))
    repeat = await desk.one(command)

    assert (reuse.kind, reuse.body["code"]) == (Kind.REUSE, "command_id_reused")
    assert reuse.body["details"] == {"fields": ["amount", "description"]}
    assert "type" in other_type.body["details"]["fields"]
    assert reuse.id != answer.id
    assert (repeat.kind, repeat.id) == (Kind.REPEAT, answer.id)
    assert await desk.books() == books


async def test_records_below_the_fence_are_dropped(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    part = desk.part(moving(a, b, "1"), moving(a, b, "2"))
    await desk.run([part])
    seq = await desk.last_seq(0)

    await desk.run([part])

    assert await desk.last_seq(0) == seq
    assert await desk.balance(a) == 9700


async def test_a_batch_that_begins_above_its_lane_is_refused_whole(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    stands_at = desk.offsets[1]
    desk.part(moving(a, b, "1"), partition=1)  # read by nobody
    ahead = desk.part(moving(a, b, "2"), partition=1)

    with pytest.raises(Skipped) as skipped:
        await process(desk.database, desk.context, [desk.part(moving(a, b, "4")), ahead])

    assert skipped.value.offsets == {1: stands_at}
    assert await desk.balance(a) == 10000


async def test_gaps_inside_what_was_read_are_not_gaps(desk: Desk) -> None:
    """Transaction markers use offsets and are never handed out."""
    a, b = names(2)
    await fill(desk, [a, b])
    start = desk.offsets[2]
    desk.offsets[2] += 7
    part = desk.part(moving(a, b, "1"), partition=2)

    await desk.run([msgspec.structs.replace(part, start=start)])

    assert await desk.balance(a) == 9900


async def test_a_bug_in_a_rule_costs_its_command_and_not_the_batch(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    def buggy(book: Book, command: TransferMake, instant: Any) -> Any:
        if command.amount == "13":
            raise ZeroDivisionError
        return LEDGER.rules[TransferMake](book, command, instant)

    desk.context = replace(LEDGER, rules={**LEDGER.rules, TransferMake: buggy})
    bad = moving(a, b, "13")
    told = await desk.tell(moving(a, b, "1"), bad, moving(a, b, "2"))

    assert [each.kind for each in told] == [Kind.ANSWER, Kind.DEAD, Kind.EXTRA, Kind.ANSWER]
    assert await desk.balance(a) == 9700
    desk.context = LEDGER
    assert (await desk.one(bad)).kind == Kind.ANSWER  # the id stayed free


async def test_what_is_no_command_is_dead_lettered_as_it_came_and_neighbours_are_applied(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    told = await desk.tell(moving(a, b, "1"), b"\xff\x00 no json", None, moving(a, b, "2"))

    assert [each.kind for each in told] == [Kind.ANSWER, Kind.DEAD, Kind.DEAD, Kind.ANSWER]
    assert [(await desk.kept(each))["value"] for each in told[1:3]] == [b"\xff\x00 no json", None]
    assert await desk.balance(a) == 9700


async def test_a_command_that_the_database_refuses_is_found_and_dead_lettered_alone(desk: Desk) -> None:
    """A rule forgets the limit of balances for one command; the constraint of the same name does not."""
    a, b = names(2)
    await fill(desk, [a, b])

    def forgetful(book: Book, command: TransferMake, instant: Any) -> Any:
        if command.reference != "forget":
            return LEDGER.rules[TransferMake](book, command, instant)
        draft = Draft(book, instant)
        draft.move(Leg(a, b, 10**18), debit=EntryType.TRANSFER_OUT, credit=EntryType.TRANSFER_IN)
        return Applied(NOTHING, draft.changes(TransactionKind.MAKE, "EUR"))

    desk.context = replace(LEDGER, rules={**LEDGER.rules, TransferMake: forgetful})
    commands: list[Command] = [moving(a, b, "1") for _ in range(9)]
    commands[5] = moving(a, b, "1", reference="forget")

    told = await desk.tell(*commands)

    assert [each.kind for each in told] == [*[Kind.ANSWER] * 5, Kind.DEAD, Kind.EXTRA, *[Kind.ANSWER] * 3]
    kept = await desk.kept(told[5])
    assert kept["code"] == told[6].body["code"] == "internal_error"
    assert kept["reason"].endswith("(CheckViolationError 23514 account_balance_limit)")
    assert await desk.balance(a) == 9200


async def test_a_wrong_key_is_applied_and_marked(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])

    (wrong,) = await desk.tell(moving(a, b, "1"), key=b"somebody")
    (right,) = await desk.tell(moving(a, b, "1"))

    assert (wrong.headers, wrong.key, wrong.type) == ({"partita_wrong_key": "1"}, a, "transfer.posted")
    assert right.headers == {}


async def test_a_lane_numbers_without_gaps_whatever_happens(desk: Desk) -> None:
    a, b = names(2)
    before = await desk.last_seq(0)
    await fill(desk, [a, b])
    command = moving(a, b, "1")
    await desk.tell(command, b"garbled", command, moving(a, b, "1000"))

    told = await desk.told(0, above=before)

    assert [each.seq for each in told] == list(range(before + 1, before + 9))
    assert len({each.id for each in told if each.kind != Kind.REPEAT}) == 7


NOTHING = AccountRejected(code="", reason="", details={})


async def test_of_two_batches_with_one_command_id_one_applies_it_and_the_other_repeats(
    desk: Desk, database_url: str
) -> None:
    """The second batch cannot see the first one's answer, is refused by the database at commit, and then sees it."""
    a, b, c, d = names(4)
    await fill(desk, [a, b, c, d])
    command = moving(a, b, "1")
    slow, quick = desk.part(command, partition=0), desk.part(command, partition=1)

    async with desk.held(database_url, slow) as go_on:
        second = asyncio.create_task(desk.run([quick]))
        await until_blocked(desk.connection)
        go_on.set()
        await second

    assert (await desk.told(0))[-1].kind == Kind.ANSWER
    assert (await desk.told(1))[-1].kind == Kind.REPEAT
    assert await desk.balance(a) == 9900


async def test_of_two_owners_of_one_partition_the_second_waits_and_finds_everything_done(
    desk: Desk, database_url: str
) -> None:
    """A consumer that was thought dead is about to commit when its successor reads the same records."""
    a, b = names(2)
    await fill(desk, [a, b])
    seq = await desk.last_seq(0)
    part = desk.part(moving(a, b, "1"), moving(a, b, "2"))

    async with desk.held(database_url, part) as go_on:
        second = asyncio.create_task(desk.run([part]))
        assert "FROM lane" in await until_blocked(desk.connection)  # before it has read anything else
        go_on.set()
        await second

    assert [told.kind for told in await desk.told(0, above=seq)] == [Kind.ANSWER, Kind.ANSWER]
    assert await desk.balance(a) == 9700


async def test_a_decision_is_taken_after_its_locks_and_after_every_change_it_sees(
    desk: Desk, database_url: str
) -> None:
    a, b, c = names(3)
    await fill(desk, [a, b, c])

    async with desk.held(database_url, desk.part(moving(a, b, "1"), partition=0)) as go_on:
        second = asyncio.create_task(desk.run([desk.part(moving(b, c, "101"), partition=1)]))
        await until_blocked(desk.connection)
        released_at = await desk.connection.fetchval("SELECT clock_timestamp()")
        go_on.set()
        await second

    earlier, later = (await desk.told(0))[-1], (await desk.told(1))[-1]
    assert later.type == "transfer.posted"  # it saw the euro that arrived while it waited
    assert later.occurred_at > released_at
    assert later.occurred_at > earlier.occurred_at


async def test_the_instant_never_goes_back_when_the_clock_does(desk: Desk) -> None:
    a, b, c = names(3)
    await fill(desk, [a, b, c])
    await desk.connection.execute("UPDATE clock SET ahead = '1 day'")
    tomorrow = await desk.one(moving(a, b, "1"))
    await desk.connection.execute("UPDATE clock SET ahead = '0'")

    same_lane = await desk.one(moving(c, a, "1"))
    same_account = await desk.one(moving(b, c, "1"), partition=2)

    assert same_lane.occurred_at > tomorrow.occurred_at
    assert same_account.occurred_at == same_lane.occurred_at + timedelta(microseconds=1)


async def test_batches_that_meet_in_opposite_orders_wait_and_do_not_deadlock(desk: Desk, database_url: str) -> None:
    reruns = COUNTERS["reruns"]
    accounts = names(20)
    await fill(desk, accounts)
    there = [moving(one, two, "1") for one, two in itertools.pairwise(accounts)]
    back = [moving(two, one, "1") for one, two in itertools.pairwise(accounts)]

    async with Database(database_url, role="other") as other:
        for _ in range(15):
            forth = desk.part(*(fresh(each) for each in there), partition=0)
            home = desk.part(*(fresh(each) for each in reversed(back)), partition=1)
            await asyncio.gather(desk.run([forth]), desk.run([home], database=other))

    assert sum([await desk.balance(each) for each in accounts]) == 20 * 10000
    assert COUNTERS["reruns"] == reruns  # a deadlock would have cost one


async def test_accounts_are_opened_in_the_order_of_their_ids_whatever_that_of_their_commands(desk: Desk) -> None:
    """Each waits at the index for whoever opens the same id; in one order for all, nobody waits in a circle."""
    accounts = names(9)
    await desk.tell(*(opening(each) for each in (*accounts[5:], *reversed(accounts[:5]))))

    rows = await desk.connection.fetch(
        "SELECT account_id FROM account WHERE account_id = ANY($1::text[]) ORDER BY ctid", accounts
    )

    assert [row[0] for row in rows] == accounts


async def test_accounts_and_originals_made_in_the_same_batch_count(desk: Desk) -> None:
    a, b = names(2)
    move = moving(a, b, "40")
    back = TransferReverse(command_id=new_command_id(), account_id=a, transaction_id=move.command_id)

    told = await desk.tell(opening(a), opening(b), paying_in(a, "100"), move, back, fresh(back))

    assert [each.type for each in told] == [
        "account.opened",
        "account.opened",
        "transfer.posted",
        "transfer.posted",
        "transfer.reversed",
        "transfer.rejected",
    ]
    assert told[-1].body["code"] == "already_reversed"
    assert (await desk.balance(a), await desk.balance(b)) == (10000, 0)


async def test_refused_transfers_leave_a_row_that_says_why(desk: Desk) -> None:
    a, b = names(2)
    await fill(desk, [a, b])
    told = await desk.one(moving(a, b, "100.01", reference="R-1"))

    row = await desk.connection.fetchrow(
        "SELECT * FROM transaction WHERE lane_no = $1 AND seq = $2", told.lane_no, told.seq
    )

    assert row is not None
    assert (row["refusal"], row["amount_minor"], row["currency"], row["reference"]) == (
        "insufficient_funds",
        10001,
        "EUR",
        "R-1",
    )
    assert row["initiated_at"].timestamp() == RECEIVED_MS / 1000
    assert row["posted_at"] == told.occurred_at


def fresh(command: Any) -> Any:
    return msgspec.structs.replace(command, command_id=new_command_id())


async def until_blocked(connection: Connection) -> str:
    """Wait until some session waits for a lock of another, and return the statement that waits."""
    async with asyncio.timeout(10):
        while (statement := await connection.fetchval(BLOCKED)) is None:
            await connection.execute("SELECT pg_sleep(0.01)")
    return str(statement)


BLOCKED = (
    "SELECT query FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND datname = current_database()"
)
