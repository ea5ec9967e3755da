"""Exports as a worker writes them: whole, the same for the same cut, or not there at all."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from processor.engine.events import Kind
from processor.jobs import JobState
from tests.exports.numbers import HEADING, numbers, rows_of, sums_of
from tests.exports.office import Office, found

ROWS = 1700  # four slices, three parts of 20,000 bytes


async def test_what_is_completed_holds_every_row_and_every_sum(office: Office) -> None:
    accepted = await office.ask("whole", ROWS)
    async with office.worker():
        completed = await office.ended("whole")
    whole = found(completed)

    assert whole.rows == [HEADING, *rows_of(ROWS)]
    assert whole.manifest["sums"] == sums_of(ROWS)
    assert whole.manifest["cut"] == accepted.body["cut"]
    assert whole.manifest["filters"] == {"rows": str(ROWS)}
    assert whole.manifest["columns"] == [{"name": each.name, "cell": each.cell.value} for each in numbers().columns]
    assert [part["name"] for part in whole.manifest["parts"]] == [f"part-0000{n}.csv" for n in range(1, 4)]
    assert all(20_000 <= len(part) < 20_100 for part in whole.parts[:-1])
    assert b"\n" not in whole.text.replace(b'"two\nlines"', b"").replace(b"\r\n", b"")
    assert office.stored("whole") == ["1/manifest.json", *(f"1/part-0000{n}.csv" for n in range(1, 4))]
    assert await office.told_of("whole") == [(Kind.ANSWER, "export.accepted"), (Kind.END, "export.completed")]
    job = await office.job("whole")
    assert (job["state"], job["attempt"]) == (JobState.COMPLETED, 1)
    size = sum(map(len, whole.parts))
    assert json.loads(job["progress"]) == {"rows": ROWS, "bytes": size, "parts": 3}
    await office.require_right_books()


async def test_the_same_cut_gives_the_same_bytes_in_every_attempt_and_format(office: Office) -> None:
    cut = (await office.ask("one", ROWS)).body["cut"]
    await office.ask("two", ROWS, cut=cut)
    await office.ask("packed", ROWS, cut=cut, format="csv.gz")
    await office.ask("repacked", ROWS, cut=cut, format="csv.gz")
    async with office.worker():
        one, two, packed, repacked = [found(await office.ended(each)) for each in ("one", "two", "packed", "repacked")]
    assert one.parts == two.parts
    assert packed.parts == repacked.parts
    assert packed.text == one.text
    assert [part["rows"] for part in packed.manifest["parts"]] == [part["rows"] for part in one.manifest["parts"]]
    differing = {"export_id"}
    assert {k: v for k, v in one.manifest.items() if k not in differing} == {
        k: v for k, v in two.manifest.items() if k not in differing
    }


async def test_an_export_without_rows_has_its_heading(office: Office) -> None:
    await office.ask("empty", 0)
    async with office.worker():
        whole = found(await office.ended("empty"))
    assert (whole.rows, whole.manifest["sums"], len(whole.parts)) == ([HEADING], {}, 1)


async def test_a_document_is_one_part(office: Office) -> None:
    await office.ask("drawn", 3, format="pdf")
    async with office.worker():
        whole = found(await office.ended("drawn"))
    assert whole.parts == [b"%PDF %PDF %PDF "]
    assert whole.manifest["parts"][0]["name"] == "numbers.pdf"
    assert (whole.manifest["sums"], whole.manifest["columns"]) == ({"EUR": "-0.05"}, [])


@pytest.mark.parametrize(("behind", "code"), [("nobody", "account_not_found"), ("wrong sums", "rows_differ")])
async def test_what_cannot_be_written_fails_with_its_reason_and_leaves_nothing(
    office: Office, behind: str, code: str
) -> None:
    export_id = f"failed-{code}"
    await office.ask(export_id, ROWS, behind=behind)
    async with office.worker():
        failed = await office.ended(export_id)
    assert (failed["type"], failed["code"]) == ("export.failed", code)
    assert failed["reason"]
    assert office.stored(export_id) == []
    assert await office.told_of(export_id) == [(Kind.ANSWER, "export.accepted"), (Kind.END, "export.failed")]
    await office.require_right_books()


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond *size* bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_is_full_fails_the_export_and_keeps_nothing_of_it(office: Office) -> None:
    await office.ask("full", 20_000)
    with small_disk(500_000):
        async with office.worker(attempts_max=1, part_bytes=600_000):
            failed = await office.ended("full")
    assert (failed["type"], failed["code"]) == ("export.failed", "attempts_exhausted")
    assert "File too large" in failed["reason"]
    assert office.stored("full") == []


async def test_a_cancelled_export_stops_and_leaves_nothing(office: Office) -> None:
    await office.ask("cancelled", ROWS, behind="gate")
    async with office.worker(part_bytes=5000) as stop:
        await office.gate.reached.wait()
        cancelled = await office.cancel("cancelled")
        await office.gone("cancelled")
        assert not stop.is_set()
    assert cancelled.type == "export.cancelled"
    assert (await office.cancel("cancelled")).body["code"] == "export_ended"
    assert (await office.job("cancelled"))["state"] == JobState.CANCELLED
    again = await office.desk.tell(office.requests["cancelled"])
    assert [each.kind for each in again] == [Kind.REPEAT]
    await office.require_right_books()


async def test_whoever_has_lost_the_job_removes_its_own_and_never_what_another_has_written(office: Office) -> None:
    """The first worker stands at the gate while another takes the job over and completes it."""
    await office.ask("lost", ROWS, behind="gate")
    async with office.worker(part_bytes=5000):
        await office.gate.reached.wait()
        async with office.desk.connection.transaction():
            await office.desk.connection.execute(
                "UPDATE job SET leased_until = '-infinity', attempt = 2 WHERE job_id = 'lost'"
            )
        other = Office(desk=office.desk, url=office.url, folder=office.folder)
        other.gate.open.set()
        async with other.worker(holder="another", part_bytes=5000, attempts_max=3):
            whole = found(await other.ended("lost"))
            await office.gone("lost", "1/")
    assert whole.rows == [HEADING, *rows_of(ROWS)]
    assert {name.split("/")[0] for name in office.stored("lost")} == {"3"}
    assert found(await office.ended("lost")) == whole


async def test_a_worker_that_is_stopped_gives_its_job_back_at_once(office: Office) -> None:
    await office.ask("given-back", ROWS, behind="gate")
    async with office.worker(lease_s=60.0) as stop:
        await office.gate.reached.wait()
        stop.set()
    async with office.worker(attempts_max=2):
        whole = found(await office.ended("given-back", patience_s=5.0))
    assert whole.rows == [HEADING, *rows_of(ROWS)]
    assert {name.split("/")[0] for name in office.stored("given-back")} == {"2"}


async def test_it_tells_how_far_it_has_come(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.exports.TOLD_S", 0.0)
    await office.ask("telling", ROWS)
    async with office.worker(part_bytes=5000):
        completed = await office.ended("telling")
    told = [each.body for each in await office.desk.told(0) if each.type == "export.progressed"]
    assert 1 <= len(told) <= 4
    assert [each["rows"] for each in told] == sorted({each["rows"] for each in told})
    assert 0 < told[-1]["rows"] <= completed["rows"]
    assert (await office.told_of("telling"))[-1] == (Kind.END, "export.completed")
    await office.require_right_books()
