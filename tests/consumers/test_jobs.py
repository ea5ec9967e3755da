"""Jobs as workers have them: taken over, given back, tried again, ended once, never cleared away behind their end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from consumers.jobs import Bench, Desk, work_on_jobs
from contracts.catalog import Catalog
from contracts.envelope import Event
from contracts.exports import CutShown, ExportCompleted, ExportFailed, ExportProgressed
from contracts.specs import EXPORTS
from processor.database import Connection, Database
from processor.engine.events import Kind
from processor.errors import Declined, Transient
from processor.exports.values import ExportCome
from processor.jobs import Job, JobLost, JobState, give_back, has_completed, latest_jobs, renew, take
from tests.exports.office import Office

PATIENCE_S = 15.0
RUN_OUT = "SELECT leased_until < clock_timestamp() FROM job WHERE job_id = $1"
Do = Callable[[Desk], Awaitable[None]]


@pytest.fixture
async def office(connection: Connection, database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    opened = await Office.open(connection, database_url, tmp_path)
    yield opened
    for left in await connection.fetch("SELECT job_id FROM job WHERE state < 3"):
        await opened.cancel(left["job_id"])
    await opened.desk.database.close()


@dataclass
class Errand:
    """Work that does what it is told, and remembers."""

    does: Do
    done: list[int] = field(default_factory=list)
    cleared: list[int] = field(default_factory=list)

    async def do(self, desk: Desk) -> None:
        self.done.append(desk.job.attempt)
        await self.does(desk)

    def failure(self, job: Job, code: str, reason: str) -> Event:
        return ExportFailed(export_id=job.job_id, kind=job.kind, code=code, reason=reason)

    async def clear(self, desk: Desk) -> None:
        self.cleared.append(desk.job.attempt)


def completed(job: Job) -> ExportCompleted:
    about = {"export_id": job.job_id, "kind": job.kind, "format": "csv", "location": "x", "manifest": "x"}
    return ExportCompleted(**about, rows=1, sums={}, parts=1, cut=CutShown(context="ledger", epoch=1, next_seq={}))  # type: ignore[arg-type]


async def complete(desk: Desk) -> None:
    await desk.end(JobState.COMPLETED, completed(desk.job), ExportCome(rows=1))


@asynccontextmanager
async def at_work(office: Office, work: Errand, *, attempts_max: int = 8, lease_s: float = 0.3) -> AsyncIterator[None]:
    stop = asyncio.Event()
    bench = Bench(
        context=EXPORTS,
        catalog=Catalog(),
        database=lambda role: Database(office.url, role=role),
        holder="worker",
        lease_s=lease_s,
        attempts_max=attempts_max,
    )
    working = asyncio.create_task(work_on_jobs(bench, work, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(working, PATIENCE_S)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_a_job_is_taken_in_the_order_of_requests_by_one_and_once(office: Office) -> None:
    for name in ("a", "b"):
        await office.ask(name, 1)
    async with at_work(office, work := Errand(complete)):
        assert (await office.ended("b"))["type"] == "export.completed"
    assert work.done == [1, 1]
    assert (await office.job("a"))["ended_at"] < (await office.job("b"))["ended_at"]
    standing = await latest_jobs(office.desk.connection, EXPORTS, limit=5)
    assert [(each.job_id, each.state) for each in standing] == [("b", JobState.COMPLETED), ("a", JobState.COMPLETED)]
    await office.require_right_books()


async def test_a_free_job_is_taken_by_one_of_many(office: Office, database_url: str) -> None:
    await office.ask("free", 1)
    databases = [Database(database_url, role="taker") for _ in range(4)]
    sessions = [await each.connection() for each in databases]
    taken = await asyncio.gather(*(take(each, EXPORTS, holder="any", lease_s=60.0) for each in sessions))
    assert len([job for job in taken if job is not None]) == 1
    for each in databases:
        await each.close()


async def test_a_lease_that_ran_out_lets_another_have_the_job_and_fences_the_first_off(office: Office) -> None:
    connection = office.desk.connection
    await office.ask("leased", 1)
    first = await take(connection, EXPORTS, holder="first", lease_s=60.0)
    assert first is not None
    assert await take(connection, EXPORTS, holder="second", lease_s=60.0) is None
    await renew(connection, first, lease_s=-1.0)
    second = await take(connection, EXPORTS, holder="second", lease_s=60.0)
    assert second is not None
    assert (first.attempt, second.attempt) == (1, 2)

    bench = Bench(context=EXPORTS, catalog=Catalog(), database=lambda _: office.desk.database, holder="first")
    desk = Desk(bench, first, office.desk.database)
    told = ExportProgressed(export_id="leased", rows=9, bytes=9, parts=9)
    for deed in (
        renew(connection, first, lease_s=60.0),
        desk.tell(ExportCome(rows=9), told),
        desk.end(JobState.COMPLETED, completed(first), None),
    ):
        with pytest.raises(JobLost, match="another worker's"):
            await deed
    await give_back(connection, first)
    job = await office.job("leased")
    assert (job["holder"], job["attempt"], job["progress"]) == ("second", 2, b"{}")
    assert [kind for kind, _ in await office.told_of("leased")][-1:] == [Kind.ANSWER]
    assert not await has_completed(connection, first)
    await Desk(bench, second, office.desk.database).end(JobState.COMPLETED, completed(second), None)
    assert await has_completed(connection, second)
    assert not await has_completed(connection, first)


async def test_who_holds_a_job_keeps_it_beyond_its_lease(office: Office) -> None:
    await office.ask("long", 1)
    ready = asyncio.Event()

    async def slow(desk: Desk) -> None:
        await ready.wait()
        await complete(desk)

    async with at_work(office, work := Errand(slow)):
        await until(lambda: work.done == [1])
        first = (await office.job("long"))["leased_until"]
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await office.desk.connection.fetchval("SELECT clock_timestamp() > $1", first):
                    break
                await asyncio.sleep(0.01)
        assert await take(office.desk.connection, EXPORTS, holder="another", lease_s=1.0) is None
        ready.set()
        await office.ended("long")
    assert (work.done, work.cleared) == ([1], [])


async def test_whoever_works_on_a_cancelled_job_hears_of_it_and_clears_up(office: Office) -> None:
    await office.ask("cancelled", 1)

    async def for_ever(_: Desk) -> None:
        await asyncio.Event().wait()

    async with at_work(office, work := Errand(for_ever)):
        await until(lambda: work.done == [1])
        await office.cancel("cancelled")
        await until(lambda: work.cleared == [1])
        await office.ask("next", 1)
        await until(lambda: work.done == [1, 1])
    assert (await office.job("next"))["state"] == JobState.RUNNING


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Declined("file_changed", "It has changed."), "file_changed", "It has changed."),
        (Transient("The storage is ill."), "attempts_exhausted", "It was tried 2 times; at last: The storage is ill."),
        (ZeroDivisionError("secret"), "attempts_exhausted", "It was tried 2 times; at last: ZeroDivisionError"),
    ],
)
async def test_what_goes_wrong_is_tried_again_unless_it_is_declined_and_ends_as_failed(
    office: Office, error: Exception, code: str, words: str
) -> None:
    name = type(error).__name__
    await office.ask(name, 1)
    await office.desk.connection.execute("UPDATE job SET attempt = 1 WHERE job_id = $1", name)

    async def fail(_: Desk) -> None:
        raise error

    async with at_work(office, work := Errand(fail), attempts_max=2):
        failed = await office.ended(name)
        await until(lambda: bool(work.cleared))
    assert (failed["type"], failed["code"], failed["reason"]) == ("export.failed", code, words)
    assert (work.done, work.cleared) == ([2], [2])
    await office.require_right_books()


async def test_an_attempt_that_went_wrong_is_followed_by_another(office: Office) -> None:
    await office.ask("mended", 1)

    async def heal(desk: Desk) -> None:
        if desk.job.attempt == 1:
            raise Transient("The storage is ill.")
        await complete(desk)

    async with at_work(office, work := Errand(heal)):
        await office.ended("mended")
    assert (work.done, work.cleared) == ([1, 2], [])


async def test_whoever_goes_wrong_because_the_job_is_another_s_clears_up_too(office: Office) -> None:
    await office.ask("taken", 1)

    async def stumble(desk: Desk) -> None:
        await office.desk.connection.execute("UPDATE job SET attempt = 2 WHERE job_id = 'taken'")
        raise Transient("What was stored is gone.")

    async with at_work(office, work := Errand(stumble), lease_s=60.0):
        await until(lambda: work.cleared == [1])
    job = await office.job("taken")
    assert (job["state"], job["attempt"]) == (JobState.RUNNING, 2)


@pytest.mark.parametrize("attempts_max", [1, 8])
async def test_what_an_export_has_come_to_is_not_cleared_away_by_an_error_behind_its_end(
    office: Office, attempts_max: int
) -> None:
    """As if the answer to the commit had been lost: whether it was the last attempt or not."""
    name = f"kept{attempts_max}"
    await office.ask(name, 1)

    async def stumble(desk: Desk) -> None:
        await complete(desk)
        raise Transient("no answer to COMMIT")

    async with at_work(office, work := Errand(stumble), attempts_max=attempts_max):
        await office.ended(name)
        await office.ask(f"behind{name}", 1)
        await until(lambda: len(work.done) == 2)
    assert work.cleared == []
    assert (await office.job(name))["state"] == JobState.COMPLETED
    assert await office.told_of(name) == [(Kind.ANSWER, "export.accepted"), (Kind.END, "export.completed")]


async def test_whoever_tidies_up_behind_the_end_is_left_alone(office: Office) -> None:
    await office.ask("tidy", 1)
    tidied = asyncio.Event()

    async def tidy(desk: Desk) -> None:
        await complete(desk)
        while True:
            if await office.desk.connection.fetchval(RUN_OUT, "tidy"):  # a few renewals would have been due meanwhile
                break
            await asyncio.sleep(0.01)
        tidied.set()

    async with at_work(office, work := Errand(tidy)):
        await asyncio.wait_for(tidied.wait(), PATIENCE_S)
    assert work.cleared == []


async def test_a_stop_gives_the_job_back_at_once(office: Office) -> None:
    await office.ask("back", 1)

    async def for_ever(_: Desk) -> None:
        await asyncio.Event().wait()

    async with at_work(office, work := Errand(for_ever), lease_s=60.0):
        await until(lambda: work.done == [1])
    assert work.cleared == []
    taken = await take(office.desk.connection, EXPORTS, holder="next", lease_s=60.0)
    assert taken is not None
    assert taken.attempt == 2
