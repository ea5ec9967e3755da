"""Imports on PostgreSQL: every line ends up where it belongs, once, whatever happens to its worker and to its file."""

import asyncio
import gzip
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from consumers.import_files import FileLimits
from contracts.activity import Policy
from processor.activity import numbers
from processor.activity.lines import LineLimits
from processor.activity.merging import merge_lock_in_tx
from processor.database import DATABASE_ILL, Timeouts, connect
from tests.activity import by_hand
from tests.activity.days import day, heading
from tests.activity.importing import Imports, counts, imports_at

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOTHING = {"lines": 0, "imported": 0, "rejected": 0, "duplicate": 0}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def imports(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Imports]:
    async with imports_at(database_url, tmp_path_factory.mktemp("objects")) as opened:
        yield opened
        await opened.require_right_books()


async def rows_behind(imports: Imports, before: int) -> dict[str, by_hand.Row]:
    """Return by event the rows behind the first so many."""
    return {row[0]: row for row in (await imports.rows())[before:]}


@pytest.mark.parametrize("policy", ["lenient", "strict"])
async def test_rows_rejects_and_duplicates_are_those_that_are_told_by_hand(imports: Imports, policy: Policy) -> None:
    before = len(await imports.rows())
    files = {f"{policy}_{number}.csv": day(f"{policy} {number // 2}", lines=400, number=number) for number in range(4)}
    stored = {
        f"{name}.gz" if n % 2 else name: gzip.compress(file) if n % 2 else file
        for n, (name, file) in enumerate(files.items())
    }
    said = await imports.read(stored, policy, chunk_lines=150)
    told = by_hand.read([file.decode() for file in files.values()], policy)
    assert counts(said) == told.counts
    assert min(told.counts) > 0
    assert await rows_behind(imports, before) == told.rows
    again = await imports.read(stored, policy)
    assert counts(again) == (told.counts[0], 0, told.rejected, told.counts[0] - told.rejected)


async def test_names_that_were_undone_with_a_chunk_are_given_anew(imports: Imports) -> None:
    old, new = (day(seed, lines=60).replace(b"MRC-", seed.encode() + b"-") for seed in ("old", "new"))
    await imports.read({"old.csv": old})
    before = len(await imports.rows())
    mixed = new + b"".join(old.splitlines(keepends=True)[1:3]) + b"".join(new.splitlines(keepends=True)[5:9])
    more = day("more", lines=90).replace(b"MRC-", b"new-")
    said = await imports.read({"mixed.csv": mixed, "more.csv": more}, chunk_lines=40)
    told = by_hand.read([old.decode()], "lenient")
    told.rows, known = {}, set(told.rows)
    for text in (mixed, more):
        told.read(text.decode(), "lenient")
    rows = {event: row for event, row in told.rows.items() if event not in known}
    assert await rows_behind(imports, before) == rows
    assert (said["imported"], said["rejected"] > 0) == (len(rows), True)


async def test_names_are_the_same_however_few_are_kept_in_mind_and_however_long_they_are(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "NAMES_MAX", 5)
    before, long = len(await imports.rows()), "\U0001f4b0" * 255
    lines = [
        f"{uuid.UUID(int=number)},{long}{number % 7},2024-01-01T00:00:00,{long}{number % 3},{long},1.00"
        + 4 * f",{long}"
        for number in range(100)
    ]
    text = "\n".join([heading().decode().strip(), *lines, ""])
    assert (await imports.read({"long.csv": text.encode()}, chunk_lines=10))["imported"] == 100
    assert await rows_behind(imports, before) == by_hand.read([text], "lenient").rows
    assert await imports.connection.fetchval("SELECT count(*) FROM activity_kind WHERE channel = $1", long) == 3


async def test_imports_side_by_side_share_what_both_have(imports: Imports) -> None:
    before = len(await imports.rows())
    files = {name: day("both", lines=1_000) for name in ("left.csv", "right.csv")}
    names = imports.put(files)
    ids = [await imports.ask([name]) for name in names]
    async with imports.working(chunk_lines=100), imports.working(chunk_lines=70, holder="other"):
        left, right = [counts(await imports.ended(each)) for each in ids]
    told = by_hand.read([files["left.csv"].decode()], "lenient")
    assert left[1] + right[1] == len(told.rows)
    assert left[0] == right[0] == told.counts[0]
    assert await rows_behind(imports, before) == told.rows


async def test_progress_is_told_chunk_by_chunk_and_adds_up(imports: Imports) -> None:
    files = {"progress_1.csv": day("p1", lines=500), "progress_2.csv.gz": gzip.compress(day("p2", lines=500))}
    said = await imports.read(files, chunk_lines=200)
    payloads = await imports.connection.fetch(
        "SELECT payload FROM event WHERE aggregateid = $1 AND type = 'activity.import_progressed' ORDER BY seq",
        said["import_id"],
    )
    told = [json.loads(row["payload"]) for row in payloads]
    assert len(told) >= 4
    assert [each["lines"] for each in told] == sorted(each["lines"] for each in told)
    assert [each["files_done"] for each in told][-1] == 2
    assert {each["file"] for each in told} == set(files)
    assert all(each["lines"] == each["imported"] + each["rejected"] + each["duplicate"] for each in told)
    assert counts(told[-1]) == counts(said)


async def test_the_lines_before_the_place_where_a_file_is_corrupt_are_imported(imports: Imports) -> None:
    lines = day("until here", lines=300)
    said = await imports.read({"until.csv.gz": gzip.compress(lines) + b"tail"}, chunk_lines=100)
    told = by_hand.read([lines.decode()], "lenient")
    assert (said["code"], counts(said)) == ("file_corrupt", told.counts)


GOOD = day("good", lines=20)
PACKED = gzip.compress(GOOD, mtime=0)
MEMBERS = gzip.compress(GOOD[:700], mtime=0) + gzip.compress(GOOD[700:], mtime=0) + b"\0" * 512


@pytest.mark.parametrize(
    ("name", "file", "code", "limits"),
    [
        ("heading.csv", b"a,b\n", "header_invalid", FileLimits()),
        ("empty.csv", b"", "header_invalid", FileLimits()),
        ("empty.csv.gz", b"", "file_corrupt", FileLimits()),
        ("nothing.csv.gz", gzip.compress(b"", mtime=0), "header_invalid", FileLimits()),
        ("plain.csv.gz", GOOD, "file_corrupt", FileLimits()),
        ("packed.csv", PACKED, "header_invalid", FileLimits()),
        ("cut.csv.gz", PACKED[:-9], "file_corrupt", FileLimits()),
        ("spoilt.csv.gz", PACKED[:200] + b"\xff" + PACKED[201:], "file_corrupt", FileLimits()),
        ("tail.csv.gz", PACKED + b"tail", "file_corrupt", FileLimits()),
        ("large.csv", GOOD, "file_too_large", FileLimits(file_bytes_max=len(GOOD) - 1)),
        ("large.csv.gz", PACKED, "file_too_large", FileLimits(file_bytes_max=len(GOOD) - 1)),
        ("bomb.csv.gz", gzip.compress(heading() + b"x" * 2**21, mtime=0), "compression_ratio_exceeded", FileLimits()),
        ("../secret", b"", "", FileLimits()),
    ],
)
async def test_a_file_that_is_not_what_it_should_be_fails_its_import_with_a_code(
    imports: Imports, name: str, file: bytes, code: str, limits: FileLimits
) -> None:
    if not code:
        with pytest.raises(AssertionError, match="location_not_allowed"):
            await imports.ask([name])
        return
    said = await imports.read({name: file}, limits=limits)
    assert (said["type"], said["code"]) == ("activity.import_failed", code)
    assert name in said["reason"]


async def test_members_behind_each_other_are_one_file_and_what_is_in_the_limits_passes(imports: Imports) -> None:
    limits = FileLimits(file_bytes_max=len(GOOD), lines=LineLimits(line_bytes_max=300))
    said = await imports.read({"members.csv.gz": MEMBERS}, limits=limits)
    assert (said["type"], said["lines"]) == ("activity.import_completed", 20)


async def test_what_came_before_the_failure_stays_and_another_import_passes_over_it(imports: Imports) -> None:
    first, second = day("stays 1", lines=50), day("stays 2", lines=50)
    failed = await imports.read({"stays_1.csv": first, "stays_2.csv": b"?" + second})
    assert (failed["code"], failed["lines"]) == ("header_invalid", 50)
    missing = await imports.ask(["stays_1.csv", "stays_3.csv"])
    async with imports.working():
        said = await imports.ended(missing)
    assert (said["code"], said["lines"], said["imported"]) == ("file_not_found", 50, 0)
    mended = await imports.read({"stays_1.csv": first, "stays_2.csv": second})
    assert counts(mended)[:2] == (100, by_hand.read([second.decode()], "lenient").counts[1])


async def test_a_cancelled_import_stops_and_says_how_far_it_had_come(imports: Imports) -> None:
    (name,) = imports.put({"cancelled.csv": day("cancelled", lines=4_000)})
    import_id = await imports.ask([name])
    async with imports.working(chunk_lines=40):
        await _until_told(imports, import_id)
        told = await imports.cancel(import_id)
        again = await imports.cancel(import_id)
    assert told.type == "activity.import_cancelled"
    assert 0 < told.body["lines"] < 4_000
    assert (again.body["code"], again.body["details"]) == ("import_ended", {"state": "CANCELLED"})
    row = await imports.connection.fetchrow(
        "SELECT sum(lines), sum(imported) FROM activity_chunk JOIN job USING (job_no) WHERE job_id = $1", import_id
    )
    assert row is not None
    assert tuple(row) == (told.body["lines"], told.body["imported"])


async def test_a_file_that_has_changed_since_reading_began_fails_the_import(imports: Imports) -> None:
    (name,) = imports.put({"changing.csv": day("changing", lines=4_000)})
    import_id = await imports.ask([name])
    async with imports.working(chunk_lines=40):
        await _until_told(imports, import_id)
    imports.put({name: day("changed", lines=4_000)})
    async with imports.working():
        said = await imports.ended(import_id)
    assert said["code"] == "file_changed"
    assert 0 < said["lines"] < 4_000


@pytest.mark.parametrize("suffix", ["", ".gz"])
async def test_whoever_takes_an_import_over_reads_on_behind_the_last_chunk(imports: Imports, suffix: str) -> None:
    before = len(await imports.rows())
    files = [day(f"over {number}{suffix}", lines=800) for number in range(2)]
    names = imports.put(
        {f"over_{n}.csv{suffix}": gzip.compress(file) if suffix else file for n, file in enumerate(files)}
    )
    import_id = await imports.ask(names)
    for _ in range(4):
        async with imports.working(chunk_lines=50):
            await _until_told(imports, import_id)
    async with imports.working():
        said = await imports.ended(import_id)
    told = by_hand.read([file.decode() for file in files], "lenient")
    assert counts(said) == told.counts
    assert await rows_behind(imports, before) == told.rows


async def _until_told(imports: Imports, import_id: str) -> None:
    """Wait until an import has told of its progress once more."""
    async with asyncio.timeout(10):
        told = await _progress(imports, import_id)
        while await _progress(imports, import_id) == told:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.001)


async def _progress(imports: Imports, import_id: str) -> Any:
    return await imports.connection.fetchval("SELECT progress FROM job WHERE job_id = $1", import_id)


async def test_whoever_holds_the_rows_frozen_is_ended_and_the_import_goes_on(imports: Imports) -> None:
    holder = await connect(imports.settings.database_url, role="frozen")
    await holder.execute("BEGIN")
    await holder.execute("INSERT INTO activity_file VALUES (0, 1, '', 0, '', now())")
    await merge_lock_in_tx(holder)
    said = await imports.read({"held.csv": GOOD}, timeouts=Timeouts(lock_s=0.1, blocker_s=0.1))
    assert said["type"] == "activity.import_completed"
    with pytest.raises(DATABASE_ILL):
        await holder.execute("COMMIT")
    holder.terminate()


async def test_a_link_that_leads_out_of_where_files_may_be_read_from_is_not_followed(
    imports: Imports, tmp_path: Path
) -> None:
    (tmp_path / "outside.csv").write_bytes(GOOD)
    (imports.folder / "imports" / "link.csv").symlink_to(tmp_path / "outside.csv")
    import_id = await imports.ask(["link.csv"])
    async with imports.working():
        said = await imports.ended(import_id)
    assert (said["code"], said["lines"]) == ("location_not_allowed", 0)
