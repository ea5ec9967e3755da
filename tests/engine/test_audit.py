"""The audit itself, and what it says of lanes and events alone: a context without books, written row by row."""

import struct
from datetime import UTC, datetime

import asyncpg
import pytest

from processor.database import Connection, affected
from processor.engine.audit import (
    ENGINE_CHECKS,
    AuditReport,
    Check,
    CheckResult,
    Part,
    audit,
    by_command,
    by_lane,
    once,
)

LANE = """INSERT INTO lane (context, partition, start_offset, next_offset, next_seq, records)
    VALUES ('toy', $1, 100, $2, $3, $4) RETURNING lane_no"""
EVENT = "INSERT INTO event VALUES ($1, $2, $3, $4, $5, $6, $7, 'toy', 'K', 'toy.done', $8, $9, NULL)"

DEAD = "INSERT INTO dead_letter (lane_no, seq, code, reason) VALUES ($1, $2, 'not_json', 'why')"


async def lane(connection: Connection, partition: int, kinds: str) -> int:
    """Write a lane whose events have *kinds*, a digit each; every record but an extra event's takes an offset."""
    answered = sum(kind != "4" for kind in kinds)
    lane_no: int = await connection.fetchval(LANE, partition, 100 + answered, len(kinds) + 1, answered)
    offset = 99
    for seq, kind in enumerate(map(int, kinds), 1):
        offset += kind != 4
        own = struct.pack(">qq", lane_no, seq)
        first = struct.pack(">qq", lane_no, 1)
        told = {1: own, 2: first, 3: first, 4: first, 5: None}[kind]
        body = None if kind in (2, 5) else b"{}"
        event_id = first if kind == 2 else own
        now = datetime.now(UTC)
        print_of = b"f" if kind == 1 else None
        await connection.execute(EVENT, lane_no, seq, kind, offset, now, event_id, told, body, print_of)
        if kind == 5:
            await connection.execute(DEAD, lane_no, seq)
    return lane_no


@pytest.mark.parametrize("rows", [1, 2, 5, 1000])
async def test_counts_are_carried_from_slice_to_slice_and_end_with_the_lane(connection: Connection, rows: int) -> None:
    async with connection.transaction():
        lanes = [await lane(connection, partition, kinds) for partition, kinds in enumerate(["1123451", "", "14141"])]
        true = await audit(connection, ENGINE_CHECKS, rows_per_slice=rows)
        await connection.execute("UPDATE lane SET records = records + 1 WHERE lane_no = $1", lanes[2])
        false = await audit(connection, ENGINE_CHECKS, rows_per_slice=rows)
        await connection.execute("DELETE FROM lane WHERE lane_no = ANY($1)", lanes)
        lost = await audit(connection, ENGINE_CHECKS, rows_per_slice=rows)
        await connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
        await connection.execute("ALTER TABLE dead_letter DISABLE TRIGGER ALL")
        await connection.execute("DELETE FROM event")
        await connection.execute("DELETE FROM dead_letter")

    assert (true.holds, true.results[0].examined) == (True, 12)
    assert false.failed == ("lane_counters", "every_record_answered")
    assert false.results[0].findings == (f"lane {lanes[2]}: records is 4, its events answer 3",)
    assert lost.results[0].findings == tuple(f"lane {no}: it has events and no row" for no in (lanes[0], lanes[2]))


async def test_slices_cover_every_event_once(connection: Connection) -> None:
    transaction = connection.transaction()
    await transaction.start()
    lane_no = await lane(connection, 0, "11111")
    lanes, commands = await by_lane(connection, 2), await by_command(connection, 2)
    await transaction.rollback()

    assert [(first, after) for one, first, after in lanes if one == lane_no][1:] == [(3, 5), (5, 2**63 - 1)]
    assert [None if after is None else after[-1] for _, after in commands] == [3, 5, None]


async def test_an_audit_statement_cannot_write(connection: Connection) -> None:
    writing = "INSERT INTO relay_position VALUES (1, 1) RETURNING 1 AS examined, 0 AS broken, '{}'::text[] AS findings"
    check = Check(name="writes", promise="", parts=(Part(statement=writing, slicing=once),))

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await audit(connection, (check,))


async def test_progress_counts_the_slices_of_all_checks(connection: Connection) -> None:
    seen: list[tuple[str, int, int]] = []
    await audit(connection, ENGINE_CHECKS, on_progress=lambda name, done, total: seen.append((name, done, total)))

    assert [done for _, done, _ in seen] == list(range(1, len(seen) + 1))
    assert {total for _, _, total in seen} == {len(seen)}


def test_a_report_holds_only_if_every_check_does() -> None:
    good = CheckResult(name="good", promise="", examined=1, broken=0, findings=())
    bad = CheckResult(name="bad", promise="", examined=1, broken=1, findings=("row 7",))

    assert AuditReport(results=(good,)).holds
    assert not AuditReport(results=(good, bad)).holds
    assert AuditReport(results=(good, bad)).failed == ("bad",)


# What follows a dead letter becomes what its sender hears of it.
TELL = """
WITH told AS (
    UPDATE event SET type = 'command.invalid', payload = convert_to(
               format('{"code":"not_json","offset":%s,"command_id":"%s"}', source_offset, command_id), 'UTF8')
     WHERE kind = 4 AND (lane_no, seq - 1) IN (SELECT lane_no, seq FROM dead_letter) RETURNING lane_no, seq, command_id)
UPDATE dead_letter SET command_id = told.command_id FROM told
 WHERE dead_letter.lane_no = told.lane_no AND dead_letter.seq = told.seq - 1"""
TOLD = "WHERE type = 'command.invalid'"
SPOILT = [
    ("event_sequence", f"DELETE FROM event {TOLD} AND seq = 7"),
    ("", f"UPDATE event SET type = 'toy.done' {TOLD}"),
    ("", "UPDATE event SET type = 'command.invalid' WHERE kind = 4 AND type = 'toy.done'"),
    ("", f"UPDATE event SET command_id = gen_random_uuid() {TOLD}"),
    ("", f"UPDATE event SET source_offset = source_offset - 1 {TOLD}"),
    ("", f"UPDATE event SET payload = '{{}}' {TOLD}"),
    (
        "",
        f"UPDATE event SET payload = convert_to(replace(convert_from(payload, 'UTF8'), 'json', 'yet'), 'UTF8') {TOLD}",
    ),
    ("", "UPDATE dead_letter SET code = 'too_deep' WHERE command_id IS NOT NULL"),
    ("", "UPDATE dead_letter SET command_id = NULL"),
]


@pytest.mark.parametrize("rows", [1, 2, 1000])
@pytest.mark.parametrize(("beside", "statement"), SPOILT)
async def test_what_the_sender_of_a_dead_letter_hears_is_missed_and_a_forgery_of_it_is_known(
    connection: Connection, rows: int, beside: str, statement: str
) -> None:
    transaction = connection.transaction()
    await transaction.start()
    for table in ("event", "dead_letter"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    await lane(connection, 0, "15414545")
    await connection.execute(TELL)
    true = await audit(connection, ENGINE_CHECKS, rows_per_slice=rows)
    assert affected(await connection.execute(statement))
    false = await audit(connection, ENGINE_CHECKS, rows_per_slice=rows)
    await transaction.rollback()

    assert true.failed == ()
    assert next(result.examined for result in true.results if result.name == "dead_letters_told") == 2
    assert "dead_letters_told" in false.failed
    assert set(false.failed) <= {"dead_letters_told", *beside.split()}
