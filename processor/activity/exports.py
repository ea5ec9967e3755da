"""The exports of activity: the rows that an import has made, and the lines that it has rejected.

Promise   What was committed below the cut, chunk by chunk in the order of the files; in one by event_id.
Cost      A range of an index for each chunk of the import.
Bound     A slice is a chunk: some 64,000 lines.
"""

from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from contracts.specs import ACTIVITY
from processor.database import Connection, named_queries
from processor.engine.cuts import Cut, cut_lanes
from processor.engine.export_filters import is_id
from processor.engine.exporting import Cell, Column, ExportKind, Filter, Filters, Slice, copied
from processor.errors import Declined

_SQL = named_queries("processor.activity", "exports.sql")


async def _chunks(connection: Connection, cut: Cut, import_id: str) -> tuple[int, list[asyncpg.Record]]:
    """Return the number of an import, and its chunks below *cut*.

    Raises:
        Declined: ``import_not_found``, it was not taken on by then.
    """
    lanes = await cut_lanes(connection, cut)
    below = ([each.lane_no for each in lanes], [each.next_seq for each in lanes])
    job_no: int | None = await connection.fetchval(_SQL["import_below"], import_id, *below)
    if job_no is None:
        raise Declined("import_not_found", f"There is no import {import_id}, or there was none by then.")
    return job_no, await connection.fetch(_SQL["chunks_below"], job_no, *below)


async def row_slices(connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
    """Yield the slices of the rows that an import has made."""
    _, chunks = await _chunks(connection, cut, filters["import_id"])
    for chunk in chunks:
        arguments = (chunk["first_row_no"], chunk["end_row_no"])
        yield Slice(rows=copied(_SQL["activity_rows"]), sums=_SQL["activity_sums"], arguments=arguments)


async def reject_slices(connection: Connection, cut: Cut, filters: Filters) -> AsyncIterator[Slice]:
    """Yield the slices of the lines that an import has rejected."""
    job_no, chunks = await _chunks(connection, cut, filters["import_id"])
    for chunk in chunks:
        arguments = (job_no, chunk["file_no"], chunk["chunk_no"])
        yield Slice(rows=copied(_SQL["reject_rows"]), sums=_SQL["reject_sums"], arguments=arguments)


_IMPORT: Final = {"import_id": Filter(about="an import", fits=is_id, is_required=True)}

KINDS: Final = (
    ExportKind(
        name="activity",
        context=ACTIVITY,
        about="What an import has made of its lines: a row for each that was new, chunk by chunk of its files.",
        columns=(
            Column(name="event_id", cell=Cell.ID, about="The event, unique among all imports."),
            Column(name="merchant_id", cell=Cell.TEXT, about="Whose activity it was."),
            Column(name="happened_at", cell=Cell.INSTANT, about="When; empty where the line's time could not be read."),
            Column(name="product", cell=Cell.TEXT, about="The product, as the line says it; so do the next ones."),
            Column(name="event_type", cell=Cell.TEXT, about="What was done."),
            Column(name="amount", cell=Cell.AMOUNT, about="How much it was about; 0.00 where that could not be read."),
            Column(name="currency", cell=Cell.CURRENCY, about="NGN."),
            Column(name="status", cell=Cell.TEXT, about="SUCCESS, FAILED, PENDING, or what else the line says."),
            Column(name="channel", cell=Cell.TEXT, about="The channel it came by."),
            Column(name="region", cell=Cell.TEXT, about="The region."),
            Column(name="merchant_tier", cell=Cell.TEXT, about="The tier of the merchant."),
        ),
        filters=_IMPORT,
        slices=row_slices,
    ),
    ExportKind(
        name="activity_rejects",
        context=ACTIVITY,
        about="The lines that an import has rejected, in the order of the files.",
        columns=(
            Column(name="file", cell=Cell.TEXT, about="The file, as the command names it."),
            Column(name="line_no", cell=Cell.NUMBER, about="The number of the line; the heading is line 1."),
            Column(name="reason", cell=Cell.WORD, about="Why it was rejected."),
            Column(name="raw", cell=Cell.TEXT, about="The line; what is no text in it is replaced."),
        ),
        filters=_IMPORT,
        slices=reject_slices,
    ),
)
