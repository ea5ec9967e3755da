"""The rows of activity: how chunks of lines become part of them, and how far an import has come.

Promise   A line whose event_id has a row is a duplicate, whichever file, import or chunk the row is from; of lines with
          one event_id the first that is read is taken. A chunk is committed as a whole, with its stamp.
Cost      Five statements for a chunk, one of them over all its lines: a COPY; another one that asks which are known,
          from the first chunk on that has such lines. Both go through the index of event_id from one end to the other,
          because rows come sorted by it.
Invariant Merging holds one lock for all imports until commit. It is taken before a lane and before a job, which
          batches lock without it.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg
from msgspec import Struct

from processor.activity.lines import EVENT_ID_CHARS, Chunk, Place, Reject
from processor.database import Connection, named_queries
from processor.jobs import Job
from processor.stores import Facts

_SQL: Final = named_queries("processor.activity", "merging.sql")
_TEXTS: Final = ("merchant_id", "product", "event_type", "status", "channel", "region", "merchant_tier")
_COLUMNS: Final = ("row_no", "event_id", "merchant_id", "happened_at", "product", "event_type", "amount", *_TEXTS[3:])
_SENT_ROWS: Final = 2_000


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
    known: int  # of the duplicates, those that had a row

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


async def merge_in_tx(tx: Connection, chunk: Chunk, *, may_be_known: bool) -> Merged:
    """Make those lines of *chunk* that are new part of the rows.

    Where lines are not expected to be known, they are added as if none was; one that is known undoes that.
    """
    await merge_lock_in_tx(tx)
    rows, first = chunk.rows, await tx.fetchval(_SQL["last_row"]) + 1
    if may_be_known or not await _added_in_tx(tx, rows, first):
        rows = await _new_in_tx(tx, rows)
        await _add_in_tx(tx, rows, first)
    known = len(chunk.rows) - len(rows)
    return Merged(first, first + len(rows), len(chunk.rejects), chunk.repeated + known, known)


async def _added_in_tx(tx: Connection, rows: Sequence[str], first: int) -> bool:
    """Add *rows* if none of them is known."""
    try:
        async with tx.transaction():
            await _add_in_tx(tx, rows, first)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "activity_event_known":
            raise
        return False
    return True


async def _add_in_tx(tx: Connection, rows: Sequence[str], first: int) -> None:
    """Add *rows*, with numbers from *first* on."""
    if not rows:
        return
    nulls: dict[str, Any] = {"force_null": ("happened_at",), "force_not_null": _TEXTS}
    status = await tx.copy_to_table("activity", source=_sent(rows, first), columns=_COLUMNS, format="csv", **nulls)
    assert status == f"COPY {len(rows)}", f"{status}, but {len(rows)} lines were handed in"


async def _new_in_tx(tx: Connection, rows: list[str]) -> list[str]:
    """Return those of *rows* whose event_id has none yet."""
    event_ids = ",".join([row[:EVENT_ID_CHARS] for row in rows])
    found: str | None = await tx.fetchval(_SQL["known"], event_ids) if rows else None
    known = set() if found is None else set(found.split(","))
    return [row for row in rows if row[:EVENT_ID_CHARS] not in known] if known else rows


async def _sent(rows: Sequence[str], first: int) -> AsyncIterator[bytes]:
    """Yield *rows* with their numbers; PostgreSQL stores the first while later ones are still being numbered."""
    for start in range(0, len(rows), _SENT_ROWS):
        some = rows[start : start + _SENT_ROWS]
        yield "".join([f"{row_no},{row}\n" for row_no, row in enumerate(some, start=first + start)]).encode()


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
