"""Events: what a batch tells, one row each. The table is inbox, outbox and audit record in one.

Promise   Every record applied leaves exactly one event that answers it: an answer, a repeat of one, the refusal of a
          reused id, or a dead letter. Further events of a command follow its answer; what the sender of a dead letter
          hears follows that. What has begun a job is followed by one event more, its end; a repeat gets both again.
Cost      One statement to look answers up, one COPY to write, however many.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Final

import msgspec
from msgspec import Struct

from contracts.catalog import Catalog
from contracts.envelope import (
    CommonRefusal,
    Event,
    Frame,
    Rejected,
    differing_fields,
    encode_result,
    moment_text,
    type_of,
)
from contracts.headers import CE_CORRELATION_ID, NOTHING, Said
from contracts.ids import uuid_bytes
from processor.database import Connection, named_queries
from processor.engine.batch import Ask, Garbled
from processor.engine.copy import Table
from processor.engine.dead_letters import KEPT, DeadLetter, dead_letter
from processor.engine.lanes import Lane
from processor.moments import microseconds

_SQL = named_queries("processor.engine", "engine.sql")
_EVENT = Table(
    "event",
    lane_no="int4",
    seq="int8",
    kind="int2",
    source_offset="int8",
    occurred_at="timestamptz",
    id="uuid",
    command_id="uuid?",
    aggregatetype="text",
    aggregateid="text",
    type="text",
    payload="bytea?",
    fingerprint="bytea?",
    headers="bytea?",
)

WRONG_KEY: Final = "partita_wrong_key"  # a header


class Kind(IntEnum):
    """The kinds of events, as the table's column ``kind`` holds them."""

    ANSWER = 1
    REPEAT = 2
    REUSE = 3
    EXTRA = 4
    DEAD = 5
    END = 6
    END_REPEAT = 7


class Answer(Struct, frozen=True, gc=False):
    """What is remembered of a command for ever."""

    id: bytes
    key: str
    type: str
    fingerprint: bytes


async def answers_in_tx(tx: Connection, command_ids: Iterable[bytes]) -> dict[bytes, Answer]:
    """Return the answers that were given to any of *command_ids* before."""
    rows = await tx.fetch(_SQL["answers"], list(command_ids))
    return {row[0]: Answer(*row[1:]) for row in rows}


async def ends_in_tx(tx: Connection, command_ids: Iterable[bytes]) -> dict[bytes, Answer]:
    """Return how the jobs that any of *command_ids* began have ended, of those that have."""
    rows = await tx.fetch(_SQL["ends"], list(command_ids))
    return {row["command_id"]: Answer(row["id"], row["aggregateid"], row["type"], b"") for row in rows}


class Telling:
    """The events of one batch, numbered in their lanes as they are told."""

    def __init__(self, context: str, catalog: Catalog, instant: datetime) -> None:
        self._context = context
        self._catalog = catalog
        self._instant_us = microseconds(instant)
        self._instant_text = moment_text(instant)
        self._id_heads: dict[int, bytes] = {}  # by lane: the part of an event's id that its events share
        self._rows: list[bytes] = []
        self._dead: list[bytes] = []

    def answer(self, lane: Lane, seq: int, ask: Ask, event: Event) -> Answer:
        """Tell the one answer of a command, and return what is to be remembered of it."""
        answer = Answer(self._event_id(lane, seq), ask.key, type_of(event), ask.fingerprint)
        self._row(lane, seq, Kind.ANSWER, ask, answer, payload=self._payload(ask, event), fingerprint=ask.fingerprint)
        return answer

    def further(self, lane: Lane, ask: Ask, event: Event) -> None:
        """Tell what else a command has caused."""
        self._tell(lane, Kind.EXTRA, ask, event)

    def repeat(self, lane: Lane, ask: Ask, answer: Answer) -> None:
        """Tell an answer again; its bytes are the answer's, which the relay looks up."""
        self._row(lane, lane.number(), Kind.REPEAT, ask, answer)

    def end(self, lane: Lane, ask: Ask, event: Event) -> None:
        """Tell how the job that a command began has ended."""
        self._tell(lane, Kind.END, ask, event)

    def repeat_end(self, lane: Lane, ask: Ask, end: Answer) -> None:
        """Tell an end again; its bytes are the end's."""
        self._row(lane, lane.number(), Kind.END_REPEAT, ask, end)

    def reuse(self, lane: Lane, ask: Ask, answer: Answer, rejected: type[Rejected]) -> None:
        """Refuse another command under an id that has its answer."""
        details = {"fields": differing_fields(answer.fingerprint, ask.fingerprint)}
        self._tell(lane, Kind.REUSE, ask, rejected.of(ask.command, CommonRefusal.COMMAND_ID_REUSED, details))

    def dead(self, lane: Lane, garbled: Garbled) -> None:
        """Tell that a record could not be understood or decided, and its sender so where that has a name for it."""
        letter, seq = dead_letter(garbled, self._context, self._catalog), lane.number()
        row = (lane.lane_no, seq, Kind.DEAD, letter.record.offset, self._instant_us, self._event_id(lane, seq))
        self._rows.append(_EVENT.pack(*row, None, self._context, "", "dead_letter", None, None, None))
        self._dead.append(letter.packed(lane.lane_no, seq))
        if letter.why.command_id:
            self._invalid(lane, letter)

    def _invalid(self, lane: Lane, letter: DeadLetter) -> None:
        seq, event = lane.number(), letter.event(topic=lane.topic, partition=lane.partition)
        payload = encode_result(event, letter.frame(self._instant_text))
        row = (lane.lane_no, seq, Kind.EXTRA, letter.record.offset, self._instant_us, self._event_id(lane, seq))
        text = (self._context, letter.key, type_of(event), payload, None, _headers(letter.said))
        self._rows.append(_EVENT.pack(*row, uuid_bytes(letter.why.command_id), *text))

    def _tell(self, lane: Lane, kind: Kind, ask: Ask, event: Event) -> None:
        seq = lane.number()
        told = Answer(self._event_id(lane, seq), ask.key, type_of(event), b"")
        self._row(lane, seq, kind, ask, told, payload=self._payload(ask, event))

    def _payload(self, ask: Ask, event: Event) -> bytes:
        frame = Frame(
            command_id=ask.command.command_id,
            command_type=ask.command_type,
            correlation_id=ask.command.correlation_id,
            metadata=ask.command.metadata,
            occurred_at=self._instant_text,
            replayed=False,
        )
        return encode_result(event, frame)

    def _row(
        self,
        lane: Lane,
        seq: int,
        kind: Kind,
        ask: Ask,
        told: Answer,
        *,
        payload: bytes | None = None,
        fingerprint: bytes | None = None,
    ) -> None:
        row = (lane.lane_no, seq, kind, ask.record.offset, self._instant_us, told.id, ask.command_id)
        headers = _headers(ask.said, correlation_id=ask.command.correlation_id, wrong_key=ask.wrong_key)
        text = (self._context, told.key, told.type, payload, fingerprint, headers)
        self._rows.append(_EVENT.pack(*row, *text))

    def _event_id(self, lane: Lane, seq: int) -> bytes:
        """Make the id of an event of what is unique about it: a UUIDv8 of epoch, lane and seq."""
        head = self._id_heads.get(lane.lane_no)
        if head is None:
            head = self._id_heads[lane.lane_no] = _id_head(lane)
        return head + seq.to_bytes(7, "big")

    def take(self) -> list[bytes]:
        """Return the rows of what was told since the last time."""
        rows, self._rows = self._rows, []
        return rows

    async def save_in_tx(self, tx: Connection, rows: Iterable[bytes]) -> None:
        """Write *rows* as they come, then the content of the dead letters among them."""
        await _EVENT.copy_in_tx(tx, rows)
        await KEPT.copy_in_tx(tx, self._dead)


def _id_head(lane: Lane) -> bytes:
    """Return the first nine bytes of a UUIDv8: epoch and lane, and the bits that make it one."""
    return (
        lane.epoch.to_bytes(4, "big")
        + (lane.lane_no & 0xFFFF).to_bytes(2, "big")
        + b"\x80"
        + (lane.lane_no >> 16 & 0xFF).to_bytes(1, "big")
        + b"\x80"
    )


def _headers(said: Said, *, correlation_id: str = "", wrong_key: bool = False) -> bytes | None:
    headers = {} if said is NOTHING else said.passed_on
    if correlation_id := correlation_id or said.correlation_id:
        headers[CE_CORRELATION_ID] = correlation_id
    if wrong_key:
        headers[WRONG_KEY] = "1"
    return msgspec.json.encode(headers) if headers else None
