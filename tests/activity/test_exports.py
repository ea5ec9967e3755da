"""The exports of an import: its rows and its rejects as they were below a cut, read back by Python's csv module."""

import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from processor.activity.exports import KINDS
from processor.database import Connection, connect
from processor.engine.cuts import Cut, take_cut
from processor.errors import Declined
from tests.activity import by_hand
from tests.activity.days import day, heading
from tests.activity.importing import Imports, imports_at

pytestmark = pytest.mark.asyncio(loop_scope="module")
KIND = {kind.name: kind for kind in KINDS}
GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n")
BAD = heading() + b'short\n=1+1,\r\n"open\n\xff\n\n,\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def imports(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Imports]:
    async with imports_at(database_url, tmp_path_factory.mktemp("objects")) as opened:
        yield opened


async def exported(connection: Connection, kind: str, cut: Cut, import_id: str) -> tuple[list[list[str]], int, int]:
    """Return the cells of all slices, and what those say that they are: rows, and minor units."""
    cells, rows, minor = io.BytesIO(), 0, 0
    async for each in KIND[kind].slices(connection, cut, {"import_id": import_id}):
        await connection.copy_from_query(each.rows, *each.arguments, output=cells, format="csv")
        for row in await connection.fetch(each.sums, *each.arguments):
            rows, minor = rows + row["rows"], minor + int(row["minor"])
    return list(csv.reader(io.StringIO(cells.getvalue().decode(), newline=""))), rows, minor


def shown(row: by_hand.Row) -> list[str]:
    """Return a row as its cells are to be."""
    event_id, merchant, time, product, event_type, kobo, *words = row
    digits = (event_id[:8], event_id[8:12], event_id[12:16], event_id[16:20], event_id[20:])
    instant = "" if time is None else f"{time.isoformat(timespec='microseconds')}Z"
    texts = [f"'{text}" if text.startswith(GUARDED) else text for text in (merchant, product, event_type, *words)]
    return ["-".join(digits), texts[0], instant, *texts[1:3], str(Decimal(kobo).scaleb(-2)), "NGN", *texts[3:]]


async def test_an_import_is_exported_as_its_files_say_below_a_cut_and_nothing_of_others(imports: Imports) -> None:
    files = {f"export_{number}.csv": day(f"export {number}", lines=300) for number in range(2)}
    told = by_hand.read([file.decode() for file in files.values()], "lenient")
    other = await imports.read({"other.csv": day("other", lines=50)})
    said = await imports.read(files, chunk_lines=100)
    assert other["imported"] > 0
    cut = await take_cut(imports.connection, "activity")
    cells, rows, minor = await exported(imports.connection, "activity", cut, said["import_id"])
    assert sorted(cells) == sorted(map(shown, told.rows.values()))
    assert (rows, minor) == (len(told.rows), sum(row[5] for row in told.rows.values()))
    await imports.read({"later.csv": day("later", lines=50)})
    assert await exported(imports.connection, "activity", cut, said["import_id"]) == (cells, rows, minor)


async def test_a_cut_in_the_midst_of_an_import_shows_the_chunks_below_it(imports: Imports) -> None:
    said = await imports.read({"midst.csv": day("midst", lines=400)}, chunk_lines=60)
    now = await take_cut(imports.connection, "activity")
    chunks = await imports.connection.fetch(
        "SELECT c.seq, imported, rejected FROM activity_chunk AS c JOIN job USING (job_no)"
        " WHERE job_id = $1 ORDER BY chunk_no",
        said["import_id"],
    )
    assert len(chunks) > 2
    partition = next(number for number, seq in now.next_seq.items() if seq > 1)
    for count, chunk in enumerate(chunks):
        cut = Cut(context="activity", epoch=now.epoch, next_seq={**now.next_seq, partition: chunk["seq"]})
        for kind, what in (("activity", "imported"), ("activity_rejects", "rejected")):
            cells, rows, _ = await exported(imports.connection, kind, cut, said["import_id"])
            assert rows == len(cells) == sum(each[what] for each in chunks[:count])


async def test_rejects_are_exported_with_what_their_lines_said(imports: Imports) -> None:
    said = await imports.read({"bad.csv": BAD})
    cut = await take_cut(imports.connection, "activity")
    cells, rows, minor = await exported(imports.connection, "activity_rejects", cut, said["import_id"])
    assert cells == [
        ["bad.csv", "2", "column_count", "short"],
        ["bad.csv", "3", "column_count", "'=1+1,"],
        ["bad.csv", "4", "quote_unbalanced", '"open'],
        ["bad.csv", "5", "not_utf8", "\ufffd"],
        ["bad.csv", "6", "column_count", ""],
        ["bad.csv", "7", "column_count", ","],
    ]
    assert (rows, minor) == (6, 0)


async def test_an_import_that_is_not_there_or_not_yet_is_declined(imports: Imports) -> None:
    before = await take_cut(imports.connection, "activity")
    said = await imports.read({"new.csv": day("new", lines=10)})
    now = await take_cut(imports.connection, "activity")
    for cut, import_id in ((before, said["import_id"]), (now, "nobody")):
        for kind in KIND:
            with pytest.raises(Declined) as declined:
                await exported(imports.connection, kind, cut, import_id)
            assert declined.value.code == "import_not_found"


async def test_a_slice_is_a_range_of_an_index(imports: Imports, database_url: str) -> None:
    said = await imports.read({"plan.csv": day("plan", lines=50)})
    cut = await take_cut(imports.connection, "activity")
    planner = await connect(database_url, role="test", planning={"enable_seqscan": "off"})
    try:
        for kind in KIND.values():
            async for each in kind.slices(planner, cut, {"import_id": said["import_id"]}):
                for statement in (each.rows, each.sums):
                    plan = await planner.fetch(f"EXPLAIN {statement}", *each.arguments)
                    text = "\n".join(row[0] for row in plan)
                    assert "Seq Scan" not in text, text
                    assert "Index" in text
    finally:
        await planner.close()
