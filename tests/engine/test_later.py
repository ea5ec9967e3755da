"""What is told of a command after its batch: in its lane, under its key, once; and again to whoever repeats it."""

from collections.abc import AsyncIterator

import pytest

from contracts.catalog import Catalog
from contracts.envelope import Event
from contracts.exports import CutShown, ExportCompleted, ExportProgressed, ExportRequest
from contracts.specs import EXPORTS, LEDGER
from processor.database import Connection, Database, affected
from processor.engine import lanes
from processor.engine.audit import ENGINE_CHECKS, audit
from processor.engine.events import WRONG_KEY, Kind
from processor.engine.later import lane_in_tx, tell_later_in_tx
from processor.exports.context import exports_of
from producers.command_ids import new_command_id
from tests.engine.desk import PARTITIONS, Desk, Told
from tests.exports.numbers import numbers

PROGRESS = ExportProgressed(export_id="x", rows=1, bytes=2, parts=1)
END = ExportCompleted(
    export_id="x",
    kind="numbers",
    format="csv",
    location="file:///x",
    manifest="file:///x/m",
    rows=1,
    sums={"EUR": "1.00"},
    parts=1,
    cut=CutShown(context=LEDGER, epoch=1, next_seq={"0": 1}),
)


@pytest.fixture
async def desk(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    await lanes.take_up(connection, LEDGER, dict.fromkeys(range(PARTITIONS), 0))
    opened = await Desk.open(connection, database_url, context=exports_of([numbers()]))
    yield opened
    await opened.database.close()


def asking(export_id: str) -> ExportRequest:
    return ExportRequest(
        command_id=new_command_id(),
        export_id=export_id,
        kind="numbers",
        filters={"rows": "1"},
        correlation_id="c-1",
        metadata={"desk": "9"},
    )


async def tell_later(desk: Desk, answer: Told, *extras: Event, end: Event | None = None) -> None:
    async with desk.database.transaction() as tx:
        lane, instant = await lane_in_tx(tx, answer.lane_no)
        await tell_later_in_tx(tx, Catalog(), EXPORTS, lane, instant, seq=answer.seq, extras=extras, end=end)


async def require_right_events(desk: Desk) -> None:
    report = await audit(desk.connection, ENGINE_CHECKS)
    assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]


async def test_it_is_told_behind_the_answer_with_all_that_the_command_carried(desk: Desk) -> None:
    command = asking("carried")
    trace = ("traceparent", b"00-" + b"1" * 32 + b"-2222222222222222-01")
    part = desk.part(command, partition=1, key=b"another", headers=(trace,))
    await desk.run([part])
    (answer,) = await desk.told(1)
    (before,) = await desk.connection.fetch("SELECT * FROM lane WHERE lane_no = $1", answer.lane_no)

    await tell_later(desk, answer, PROGRESS, PROGRESS, end=END)

    extra, second, end = await desk.told(1, above=answer.seq)
    assert [each.kind for each in (extra, second, end)] == [Kind.EXTRA, Kind.EXTRA, Kind.END]
    assert [each.seq for each in (extra, second, end)] == [answer.seq + 1, answer.seq + 2, answer.seq + 3]
    for told in (extra, second, end):
        assert (told.key, told.source_offset) == ("carried", answer.source_offset)
        assert told.headers == answer.headers
        frame = {name: told.body[name] for name in ("command_id", "command_type", "correlation_id", "metadata")}
        assert frame == {name: answer.body[name] for name in frame}
        assert told.occurred_at >= answer.occurred_at
    assert end.headers[WRONG_KEY] == "1"
    assert end.body["rows"] == 1
    (after,) = await desk.connection.fetch("SELECT * FROM lane WHERE lane_no = $1", answer.lane_no)
    assert (after["next_offset"], after["records"]) == (before["next_offset"], before["records"])
    assert (after["next_seq"], after["decided_at"]) == (before["next_seq"] + 3, end.occurred_at)
    await require_right_events(desk)


async def test_a_repeat_gets_its_answer_and_the_end_again(desk: Desk) -> None:
    command = asking("again")
    answer = await desk.one(command)
    (early,) = await desk.tell(command)
    assert (early.kind, early.id) == (Kind.REPEAT, answer.id)
    await tell_later(desk, answer, PROGRESS, end=END)
    (end,) = [each for each in await desk.told(0) if each.kind == Kind.END and each.key == "again"]

    for partition in (0, 2):  # wherever it comes
        told = await desk.tell(command, partition=partition)
        assert [(each.kind, each.id, each.type) for each in told] == [
            (Kind.REPEAT, answer.id, "export.accepted"),
            (Kind.END_REPEAT, end.id, "export.completed"),
        ]
    twice = await desk.tell(command, command)
    assert [each.kind for each in twice] == [Kind.REPEAT, Kind.END_REPEAT] * 2
    await require_right_events(desk)


async def test_a_command_ends_once(desk: Desk) -> None:
    answer = await desk.one(asking("once"))
    await tell_later(desk, answer, end=END)
    with pytest.raises(Exception, match="event_one_end_per_command"):
        await tell_later(desk, answer, end=END)
    await require_right_events(desk)


async def test_a_batch_waits_for_who_tells_and_goes_on_behind(desk: Desk, database_url: str) -> None:
    answer = await desk.one(asking("waited"))
    async with Database(database_url, role="teller") as other, other.transaction() as tx:
        lane, instant = await lane_in_tx(tx, answer.lane_no)
        await tell_later_in_tx(tx, Catalog(), EXPORTS, lane, instant, seq=answer.seq, end=END)
        locked = await desk.connection.fetchval(
            "SELECT count(*) FROM (SELECT FROM lane WHERE lane_no = $1 FOR UPDATE SKIP LOCKED)", answer.lane_no
        )
        assert locked == 0
    told = await desk.one(asking("behind"))
    assert told.seq == answer.seq + 2
    await require_right_events(desk)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE event SET kind = 4 WHERE kind = 6 AND aggregateid = $1",
        "UPDATE event SET aggregateid = 'other' WHERE kind = 6 AND aggregateid = $1",
        "UPDATE event SET command_id = gen_random_uuid() WHERE kind = 6 AND aggregateid = $1",
        "UPDATE event SET id = gen_random_uuid() WHERE kind = 7 AND aggregateid = $1",
        "UPDATE event SET type = 'export.failed' WHERE kind = 7 AND aggregateid = $1",
    ],
)
async def test_the_audit_names_an_end_that_is_not_its_command_s(desk: Desk, spoil: str) -> None:
    command = asking(f"spoilt{new_command_id()}")
    answer = await desk.one(command)
    await tell_later(desk, answer, end=END)
    await desk.tell(command)
    attempt = desk.connection.transaction()
    await attempt.start()
    try:
        await desk.connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
        assert affected(await desk.connection.execute(spoil, command.export_id))
        report = await audit(desk.connection, ENGINE_CHECKS)
    finally:
        await attempt.rollback()
    assert "repeats_have_answers" in report.failed
