"""Later: what is told of a command after its batch, by whoever works on the job that it began.

Promise   It is told in the lane of the command's answer and under its key, numbered and committed like what batches
          tell; so readers meet it behind the answer.
Cost      Four statements, and the commit of the transaction that they are part of.
Invariant The lane is locked first, before any row that batches lock: a worker and a batch wait for each other in one
          order alone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from contracts.catalog import Catalog
from contracts.envelope import Command, Event, Frame
from contracts.headers import CE_CORRELATION_ID, TRACEPARENT, TRACESTATE, Said
from processor.database import Connection, affected, named_queries
from processor.engine import lanes as lane
from processor.engine.batch import Ask, Record
from processor.engine.decide import decision_instant
from processor.engine.events import WRONG_KEY, Telling
from processor.engine.lanes import Lane

_SQL: Final = named_queries("processor.engine", "engine.sql")
_frame = msgspec.json.Decoder(Frame)
_headers = msgspec.json.Decoder(dict[str, str])


async def lane_in_tx(tx: Connection, lane_no: int) -> tuple[Lane, datetime]:
    """Lock a lane until commit, and return it with the instant of what is told now."""
    row = await tx.fetchrow(_SQL["lock_lane"], lane_no)
    assert row is not None, "a lane stays where it is"
    held = Lane(*row)
    return held, decision_instant(await lane.clock_in_tx(tx), [held], None)


async def tell_later_in_tx(
    tx: Connection,
    catalog: Catalog,
    context: str,
    held: Lane,
    instant: datetime,
    *,
    seq: int,
    extras: Sequence[Event] = (),
    end: Event | None = None,
) -> None:
    """Tell *extras*, and how it has ended, of the command whose answer has *seq* in the lane that is *held*."""
    answer = await tx.fetchrow(_SQL["answer_at"], held.lane_no, seq)
    assert answer is not None, "a job has the stamp of its answer"
    ask = _asked(answer)
    telling = Telling(context, catalog, instant)
    for extra in extras:
        telling.further(held, ask, extra)
    if end is not None:
        telling.end(held, ask, end)
    await telling.save_in_tx(tx, telling.take())
    status = await tx.execute(_SQL["leave_lanes"], [held.lane_no], [held.next_offset], [held.next_seq], [0], instant)
    assert affected(status) == 1, "the lane that was locked is still there"


def _asked(answer: asyncpg.Record) -> Ask:
    """Return the command behind an *answer*, as far as what is told of it shows it."""
    frame, headers = _frame.decode(answer["payload"]), _headers.decode(answer["headers"] or b"{}")
    key: str = answer["aggregateid"]
    record = Record(answer["source_offset"], 0, b"" if WRONG_KEY in headers else key.encode(), None)
    command = Command(command_id=frame.command_id, correlation_id=frame.correlation_id, metadata=frame.metadata)
    said = Said(
        correlation_id=headers.get(CE_CORRELATION_ID, ""),
        traceparent=headers.get(TRACEPARENT, ""),
        tracestate=headers.get(TRACESTATE, ""),
    )
    return Ask(record, command, frame.command_type, answer["command_id"], key, b"", said)
