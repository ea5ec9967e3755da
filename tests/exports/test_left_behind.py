"""What attempts leave behind that nobody may take for an export: removed by who follows, and by a sweep."""

import asyncio
from pathlib import Path

import pytest

from consumers.export_files import ExportFiles
from consumers.export_parts import Filled
from consumers.exports import sweep
from processor.objects import Objects, ObjectsIll
from tests.exports.numbers import HEADING, rows_of
from tests.exports.office import Office, found


def leave(office: Office, export_id: str, *attempts: int) -> None:
    """Leave what killed workers leave: a part, one that had just begun, and a manifest."""
    for attempt in attempts:
        folder = office.folder / "exports" / export_id / str(attempt)
        folder.mkdir(parents=True)
        for name in ("part-00001.csv", "part-00009.csv", f".{'0' * 32}.partial", "manifest.json"):
            (folder / name).write_text("old")


async def test_what_earlier_attempts_have_left_goes_when_the_export_is_completed(office: Office) -> None:
    await office.ask("third", 100)
    await office.desk.connection.execute("UPDATE job SET attempt = 2 WHERE job_id = 'third'")
    leave(office, "third", 1, 2, 3)  # the third is one of books that were restored since
    async with office.worker(attempts_max=3):
        whole = found(await office.ended("third"))
        await office.gone("third", "1/")
        await office.gone("third", "2/")
    assert whole.rows == [HEADING, *rows_of(100)]
    assert office.stored("third") == ["3/manifest.json", "3/part-00001.csv"]


async def test_what_earlier_attempts_have_left_goes_when_the_export_fails(office: Office) -> None:
    await office.ask("fails", 100, behind="nobody")
    await office.desk.connection.execute("UPDATE job SET attempt = 2 WHERE job_id = 'fails'")
    leave(office, "fails", 1, 2)
    async with office.worker(attempts_max=3):
        assert (await office.ended("fails"))["code"] == "account_not_found"
        await office.gone("fails")


async def test_an_export_that_kills_its_workers_fails_without_another_try(office: Office) -> None:
    await office.ask("deadly", 100)
    await office.desk.connection.execute("UPDATE job SET attempt = 2 WHERE job_id = 'deadly'")
    async with office.worker(attempts_max=2):
        failed = await office.ended("deadly")
    assert failed["code"] == "attempts_exhausted"
    assert "2 times" in failed["reason"]


async def test_a_sweep_removes_what_killed_workers_have_left_of_what_has_ended(office: Office) -> None:
    connection, objects = office.desk.connection, Objects.at(str(office.folder))
    for export_id in ("kept", "gone", "stopped", "running", "ancient"):
        await office.ask(export_id, 1)
        leave(office, export_id, 1, 2)
    ended = "ended_at = partita_clock(), attempt = 2 WHERE job_id"
    await connection.execute(f"UPDATE job SET state = 3, {ended} = 'kept'")
    await connection.execute(f"UPDATE job SET state = 4, {ended} = 'gone'")
    await connection.execute(f"UPDATE job SET state = 4, {ended} = 'ancient'")
    await connection.execute("UPDATE job SET ended_at = ended_at - interval '1 h' WHERE job_id = 'ancient'")
    await office.cancel("stopped")
    await connection.execute("UPDATE job SET attempt = 1 WHERE job_id IN ('stopped', 'running')")

    await sweep(connection, objects, within_s=60.0)

    assert {name.split("/")[0] for name in office.stored("kept")} == {"2"}
    assert (office.stored("gone"), office.stored("stopped")) == ([], [])
    assert len(office.stored("running")) == len(office.stored("ancient")) == 8
    await sweep(connection, objects, within_s=7200.0)
    assert office.stored("ancient") == []
    await connection.execute("DELETE FROM job")


@pytest.mark.parametrize("damage", ["gone", "shorter"])
async def test_there_is_no_manifest_where_a_part_is_not_there_as_a_whole(tmp_path: Path, damage: str) -> None:
    async with ExportFiles(Objects.at(str(tmp_path)), "e", 1) as files:
        await files.add(Filled([b"one,", b"two\r\n"], 1))
        await files.add(Filled([b"three\r\n"], 1))
        await files.settled()
        part = tmp_path / "exports" / "e" / "1" / "part-00001.csv"
        if damage == "gone":
            part.unlink()
        else:
            part.write_bytes(b"one,")
        with pytest.raises(ObjectsIll, match=r"part-00001\.csv"):
            await files.finish({})
    assert not (tmp_path / "exports" / "e" / "1" / "manifest.json").exists()


async def test_a_part_that_cannot_be_stored_is_told_before_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "e").write_text("no folder")
    async with ExportFiles(Objects.at(str(tmp_path)), "e", 1) as files:
        await files.add(Filled([b"one\r\n"], 1))
        with pytest.raises(Exception, match="exports/e"):
            await files.finish({})


async def test_whoever_is_stopped_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    """What is cleared away afterwards does not come back."""
    files = ExportFiles(Objects.at(str(tmp_path)), "e", 1)

    async def write() -> None:
        async with files:
            await files.add(Filled([bytes(8_000_000)], 1))
            await asyncio.Event().wait()

    writing = asyncio.create_task(write())
    await asyncio.sleep(0)  # it has begun
    writing.cancel()
    await asyncio.wait({writing})
    assert [part.bytes for part in files.parts] == [8_000_000]
    assert [each.key async for each in Objects.at(str(tmp_path)).list()] == ["exports/e/1/part-00001.csv"]
