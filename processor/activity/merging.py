"""The rows of activity: how chunks of lines become part of them, and how far an import has come.

Promise   A line whose event_id has a row is a duplicate, whichever file, import or chunk the row is from; of lines with
          one event_id the first that is read is taken. A chunk is committed as a whole, with its stamp.
Cost      Five statements for a chunk, one of them over all its lines: a COPY; another one that asks which are known,
          where the chunk before had such lines. Both go through the index of event_id from one end to the other, as
          rows come in its order.
Invariant Merging holds one lock for all imports until commit. It is taken before a lane and before a job, which
          batches lock without it.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg
import numpy as np
from msgspec import Struct

from processor.activity.columns import EVENT_ID_BYTES
from processor.activity.lines import Chunk, Place, Reject
from processor.activity.numbers import Numbers
from processor.activity.packing import COLUMNS, packed
from processor.activity.rows import Rows, among
from processor.database import Connection, named_queries
from processor.jobs import Job
from processor.stores import Facts

_SQL: Final = named_queries("processor.activity", "merging.sql")


class Standing(Struct, frozen=True):
    """How far an import has come: so many chunks, and where reading goes on in which file."""

    chunk_no: int = 0
    file_no: int = 1
    place: Place = Place()


class Merged(Struct, frozen=True):
    """What has become of a chunk: its rows have numbers from *first_row_no* on, before *end_row_no*."""

    first_row_no: int
    end_row_no: int
    rejected: int
    duplicate: int

    @property
    def imported(self) -> int:
        """How many lines were new."""
        return self.end_row_no - self.first_row_no


async def standing_of(connection: Connection, job: Job) -> Standing:
    """Return how far an import has come."""
    row = await connection.fetchrow(_SQL["last_chunk"], job.job_no)
    if row is None:
        return Standing()
    if row["is_last"]:
        return Standing(row["chunk_no"], row["file_no"] + 1)
    return Standing(row["chunk_no"], row["file_no"], Place(row["end_offset"], row["end_line_no"]))


async def facts_noted(connection: Connection, job: Job, file_no: int, *, key: str) -> Facts | None:
    """Return a file of an import as it was when reading it began; None where it has not begun."""
    row = await connection.fetchrow(_SQL["find_file"], job.job_no, file_no)
    return None if row is None else Facts(key=key, size=row["size"], etag=row["etag"], modified=row["modified"])


async def note_facts(connection: Connection, job: Job, file_no: int, name: str, facts: Facts) -> None:
    """Keep what is known of a file, before anything of it is read."""
    about = (facts.size, facts.etag, facts.modified)
    await connection.execute(_SQL["note_file"], job.job_no, file_no, name, *about)


async def merge_lock_in_tx(tx: Connection) -> None:
    """Keep all others from adding rows until commit."""
    await tx.execute(_SQL["merge_lock"])


class Seen:
    """What one importer remembers of the chunks that it has made part of the rows.

    What a transaction adds to that counts for it alone until `settle` says that it was committed.
    """

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.met_known = False  # some of the lines of the chunk before had a row
        self._meets_known = False

    def meet(self, known: int) -> None:
        """Note how many lines of the transaction's chunk have a row."""
        self._meets_known = known > 0

    def settle(self) -> None:
        """Keep what the last transaction has added."""
        self.numbers.settle()
        self.met_known = self._meets_known


async def merge_in_tx(tx: Connection, chunk: Chunk, seen: Seen) -> Merged:
    """Make those lines of *chunk* that are new part of the rows.

    They are added as if none was known, and one that is undoes that. Where the chunk before had such lines, it is asked
    first which they are.
    """
    seen.numbers.forget_new()
    await merge_lock_in_tx(tx)
    rows, first = chunk.rows, await tx.fetchval(_SQL["last_row"]) + 1
    if seen.met_known or not await _added_in_tx(tx, rows, seen.numbers, first):
        rows = await _new_in_tx(tx, rows)
        await _add_in_tx(tx, rows, seen.numbers, first)
    known = len(chunk.rows) - len(rows)
    seen.meet(known)
    return Merged(first, first + len(rows), len(chunk.rejects), chunk.repeated + known)


async def _added_in_tx(tx: Connection, rows: Rows, numbers: Numbers, first: int) -> bool:
    """Add *rows* if none of them is known."""
    try:
        async with tx.transaction():
            await _add_in_tx(tx, rows, numbers, first)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "activity_event_known":
            raise
        numbers.forget_new()
        return False
    return True


async def _add_in_tx(tx: Connection, rows: Rows, numbers: Numbers, first: int) -> None:
    """Add *rows*, with numbers from *first* on."""
    if not len(rows):
        return
    merchant_nos, kind_nos = await numbers.of_in_tx(tx, rows)
    records = packed(rows, first, merchant_nos=merchant_nos, kind_nos=kind_nos)
    status = await tx.copy_to_table("activity", source=records, columns=COLUMNS, format="binary")
    assert status == f"COPY {len(rows)}", f"{status}, but {len(rows)} lines were handed in"


async def _new_in_tx(tx: Connection, rows: Rows) -> Rows:
    """Return those of *rows* whose event_id has none yet."""
    event_ids = rows.event_ids.tobytes().hex(",", EVENT_ID_BYTES)
    found: bytes | None = await tx.fetchval(_SQL["known"], event_ids) if len(rows) else None
    if found is None:
        return rows
    return rows.only(~among(rows.event_ids, np.frombuffer(found, np.uint8).reshape(-1, EVENT_ID_BYTES)))


async def reject_in_tx(tx: Connection, job: Job, standing: Standing, rejects: Sequence[Reject]) -> None:
    """Keep the lines that break a rule, of the chunk that reading comes to with *standing*."""
    if rejects:
        arrays = [list(each) for each in zip(*((one.line_no, one.reason, one.raw) for one in rejects), strict=True)]
        await tx.execute(_SQL["reject"], job.job_no, standing.file_no, standing.chunk_no, *arrays)


async def note_chunk_in_tx(tx: Connection, job: Job, standing: Standing, merged: Merged, *, is_last: bool) -> None:
    """Keep what has become of a chunk, and where reading goes on behind it; it was told of last in this transaction."""
    counts = (merged.first_row_no, merged.end_row_no, merged.imported, merged.rejected, merged.duplicate)
    place = (standing.place.offset, standing.place.line_no, is_last)
    await tx.execute(_SQL["note_chunk"], job.job_no, standing.chunk_no, standing.file_no, job.lane_no, *counts, *place)
