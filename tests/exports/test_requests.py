"""Exports asked for and cancelled through the engine: jobs as rows, cuts of other contexts, restored books."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts.catalog import Catalog
from contracts.exports import ExportFailed
from contracts.specs import EXPORTS, LEDGER
from processor.database import Connection, Database
from processor.engine.cuts import take_cut
from processor.engine.epochs import adopt_in_tx
from processor.engine.events import Kind
from processor.engine.later import lane_in_tx, tell_later_in_tx
from processor.jobs import JobState, conclude_in_tx, take
from producers.command_ids import new_command_id
from tests.engine.desk import Desk, opening
from tests.exports.office import Office


@pytest.fixture
async def ledger(connection: Connection, database_url: str) -> AsyncIterator[Desk]:
    desk = await Desk.open(connection, database_url)
    yield desk
    await desk.database.close()


async def test_an_export_is_a_job_with_the_cut_that_its_answer_shows(office: Office, ledger: Desk) -> None:
    await ledger.tell(opening("one"))
    told = await office.ask("first", 3)
    cut = await take_cut(office.desk.connection, LEDGER)
    assert told.body["cut"] == {
        "context": LEDGER,
        "epoch": 1,
        "next_seq": {str(partition): seq for partition, seq in sorted(cut.next_seq.items())},
    }
    job = await office.job("first")
    assert (job["context"], job["kind"], job["state"], job["attempt"]) == (EXPORTS, "numbers", JobState.ACCEPTED, 0)
    assert (job["lane_no"], job["seq"], job["created_at"]) == (told.lane_no, told.seq, told.occurred_at)
    await ledger.tell(opening("two"))
    assert (await office.ask("second", 3)).body["cut"] != told.body["cut"]
    again = await office.desk.tell(office.requests["first"])
    assert [(each.kind, each.id) for each in again] == [(Kind.REPEAT, told.id)]
    assert (await office.ask("first", 3)).body["code"] == "export_exists"
    await office.require_right_books()


async def test_a_batch_may_ask_and_cancel_in_one(office: Office) -> None:
    desk = office.desk
    await office.ask("early", 1)
    told = await desk.tell(
        *(office.request("both", 1), office.request("stays", 1)),
        *(office.cancelling("both"), office.cancelling("early"), office.cancelling("nothing")),
    )
    assert [each.body.get("code", each.type) for each in told] == [
        *("export.accepted", "export.accepted", "export.cancelled", "export.cancelled", "export_not_found"),
    ]
    states = {each: (await office.job(each))["state"] for each in ("both", "stays", "early")}
    assert states == {"both": JobState.CANCELLED, "stays": JobState.ACCEPTED, "early": JobState.CANCELLED}
    await office.require_right_books()


async def test_of_two_lanes_that_ask_for_one_export_one_is_refused(office: Office, database_url: str) -> None:
    parts = [office.desk.part(office.request("raced", 1), partition=each, key=b"wrong") for each in (1, 2)]
    async with Database(database_url, role="other") as other:
        await asyncio.gather(office.desk.run(parts[:1]), office.desk.run(parts[1:], database=other))
    told = [(await office.desk.told(each))[-1] for each in (1, 2)]
    assert sorted(each.body.get("code", each.type) for each in told) == ["export.accepted", "export_exists"]
    await office.require_right_books()


async def test_whoever_cancels_from_another_lane_waits_for_who_ends_the_export(
    office: Office, database_url: str
) -> None:
    await office.ask("ending", 1)
    cancelling = office.desk.part(office.cancelling("ending"), partition=3, key=b"wrong")
    async with Database(database_url, role="worker") as other:
        async with other.transaction() as tx:
            job = await take(tx, EXPORTS, holder="worker", lease_s=60.0)
            while job is not None and job.job_id != "ending":
                job = await take(tx, EXPORTS, holder="worker", lease_s=60.0)
            assert job is not None
            lane, instant = await lane_in_tx(tx, job.lane_no)
            failed = ExportFailed(export_id="ending", kind="numbers", code="ill", reason="It is ill.")
            await tell_later_in_tx(tx, Catalog(), EXPORTS, lane, instant, seq=job.seq, end=failed)
            await conclude_in_tx(tx, job, JobState.FAILED, progress=None, outcome=failed, instant=instant)
            deciding = asyncio.create_task(office.desk.run([cancelling]))
            await until_waiting(office.desk.connection)
        await deciding
    (told,) = await office.desk.told(3)
    assert told.body["code"] == "export_ended"
    await office.require_right_books()


async def until_waiting(connection: Connection) -> None:
    async with asyncio.timeout(10):
        while True:
            if await connection.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'partita desk'"
                " AND wait_event_type = 'Lock' AND datname = current_database())"
            ):
                return
            await asyncio.sleep(0.01)


async def test_a_cut_is_gone_where_the_books_never_stood_there(office: Office, ledger: Desk) -> None:
    await ledger.tell(opening("three"))
    cut = (await office.ask("a", 1)).body["cut"]
    beyond = {**cut, "next_seq": {**cut["next_seq"], "0": cut["next_seq"]["0"] + 1}}
    assert (await office.ask("b", 1, cut=beyond)).body["code"] == "snapshot_gone"
    assert (await office.ask("b", 1, cut={**cut, "epoch": 2})).body["code"] == "snapshot_gone"
    assert (await office.ask("b", 1, cut={**cut, "next_seq": {"77": 2}})).body["code"] == "snapshot_gone"
    assert (await office.ask("b", 1, cut=cut)).body["cut"] == cut

    await adopt(ledger)
    await ledger.tell(opening("four"))
    assert (await office.ask("c", 1, cut=beyond)).body["code"] == "snapshot_gone"
    assert (await office.ask("c", 1, cut=cut)).body["cut"] == cut
    now = (await office.ask("d", 1)).body["cut"]
    assert now["epoch"] == 2
    assert (await office.ask("e", 1, cut=now)).type == "export.accepted"
    await office.require_right_books()


async def adopt(desk: Desk) -> None:
    """Do what `partita adopt` does to the books."""
    await desk.connection.execute("INSERT INTO relay_position SELECT lane_no, next_seq - 1 FROM lane")
    about = {"command_id": new_command_id(), "above": 0, "key_of": str}
    async with desk.connection.transaction():
        await adopt_in_tx(desk.connection, desk.context.catalog, desk.context.name, **about)  # type: ignore[arg-type]
