"""How an event looks on Kafka: key, value and headers of results and dead letters.

Promise   A repeat is the very bytes of its answer but for ``replayed``. A dead letter's key and value are as they came.
Cost      2 us per event: what does not change within a lane, a type or a batch is encoded once.
Invariant Every result names its lane, epoch and sequence, by which a reader knows what was told before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.catalog import Topics
from contracts.envelope import as_replayed, moment_text
from processor.errors import Incident
from producers.shipment import Headers

REPEAT: Final = 2
DEAD: Final = 5

Header = tuple[str, bytes]
_further = msgspec.json.Decoder(dict[str, str])


class EventHeaders:
    """Writes headers for the events of one context."""

    def __init__(self, context: str, topics: Topics) -> None:
        self._commands = topics.commands(context).encode()
        self._always: tuple[Header, ...] = (
            ("ce_specversion", b"1.0"),
            ("ce_source", f"/partita/{context}".encode()),
            ("content-type", b"application/json"),
        )
        self._types: dict[str, Header] = {}
        self._occurred_at = datetime.min  # noqa: DTZ901 - equals no instant
        self._time: Header = ("ce_time", b"")

    def of_lane(self, *, partition: int, epoch: int) -> tuple[Header, ...]:
        """Return what all results of a lane share."""
        return (*self._always, ("partita_lane", b"%d" % partition), ("partita_epoch", b"%d" % epoch))

    def of_result(self, row: Mapping[str, Any], *, lane: Sequence[Header], key: bytes) -> Headers:
        """Return all headers of the result in *row*."""
        headers = [
            *lane,
            ("ce_id", row["id"].encode()),
            self._type(row["type"]),
            self._at(row["occurred_at"]),
            ("ce_subject", key),
            ("ce_causationid", row["command_id"].encode()),
            ("ce_sequence", b"%d" % row["seq"]),
        ]
        if row["headers"] is not None:
            headers += [(name, text.encode()) for name, text in _further.decode(row["headers"]).items()]
        return headers

    def of_dead_letter(self, row: Mapping[str, Any]) -> Headers:
        """Return all headers of the dead letter in *row*: where it lay, and why it is here.

        Raises:
            Incident: Its content is not there.
        """
        if row["reason"] is None:
            raise _not_stored(row)
        return [
            ("dlq-topic", self._commands),
            ("dlq-partition", b"%d" % row["partition"]),
            ("dlq-offset", b"%d" % row["source_offset"]),
            ("dlq-reason", row["reason"].encode()),
        ]

    def _type(self, name: str) -> Header:
        header = self._types.get(name)
        if header is None:
            header = self._types[name] = ("ce_type", name.encode())
        return header

    def _at(self, moment: datetime) -> Header:
        # All events of a micro-batch share an instant or two, and formatting one costs 3 us.
        if moment != self._occurred_at:
            self._occurred_at = moment
            self._time = ("ce_time", moment_text(moment).encode())
        return self._time


def value_of(row: Mapping[str, Any]) -> bytes:
    """Return the bytes of the result in *row*.

    Raises:
        Incident: A repeat has no answer.
    """
    payload: bytes | None = row["payload"]
    if payload is None:
        raise _not_stored(row)
    return as_replayed(payload) if row["kind"] == REPEAT else payload


def _not_stored(row: Mapping[str, Any]) -> Incident:
    return Incident(f"Lane {row['lane_no']}: what event {row['seq']} says is not stored; run `partita audit`.")
