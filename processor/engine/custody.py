"""Custody: which run of a consumer holds a lane, so that a record that ends its process is found and given up.

A killed process says nothing; its successor finds its name. One such end is nothing special. Two without getting past
what was in hand are suspicious: from then on each record of that place is put on **trial**, alone in its batch, before
anybody looks at what it says. A record whose trials have ended ``DEATHS_MAX`` runs in a row is given up.

Promise   A record that ends every process that reads it stops its lane for as many ends as ``UNCLEAN_MAX`` and
          ``DEATHS_MAX`` say together, whoever reads it; then it is a dead letter, and what lies behind it flows.
Cost      Two statements when lanes are taken up, one when they are let go, none per batch. On trial one more for each
          record, which waits for no disk, and a batch for each.
Bound     As many records of a lane are put on trial as a batch may hold, or as its log held when it was taken up.
Invariant An end counts against a record only if it was on trial. A try that fails by trouble of the server's withdraws
          the trial, and so does whoever ends in good order.

What cannot be known: a trial during which a person kills the process counts, and so does one that the process was
killed in after its way to a server that kept running was lost. It takes three in a row at one record, and a dead letter
can be replayed. A process that froze for longer than its session counts like one that died: so a record at which
processes hang is found as well.
"""

import secrets
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from contracts.diagnosis import not_survived
from processor.database import Connection, named_queries
from processor.engine.batch import Garbled, Record
from processor.telemetry import logger

UNCLEAN_MAX: Final = 2
DEATHS_MAX: Final = 3

_SQL: Final = named_queries("processor.engine", "custody.sql")
_log = logger(__name__)


class Trial(Struct, frozen=True):
    """One record, tried alone by one run."""

    lane_no: int
    run: bytes
    offset: int

    async def begin(self, connection: Connection) -> int:
        """Write down that the record is tried from now on, and return how many runs in a row ended at that."""
        deaths: int | None = await connection.fetchval(_SQL["begin_trial"], self.lane_no, self.run, self.offset)
        return deaths or 0  # none: another run has the lane, and the fence will say so

    async def withdraw(self, connection: Connection) -> None:
        """Write down that whatever comes now is not the record's doing."""
        await connection.execute(_SQL["withdraw_trial"], self.lane_no, self.run)


class Custody:
    """What one run of a consumer holds of *context*, of which a batch has at most *batch_size_max* records.

    ``careful_until`` has the partitions whose records are tried one by one, and up to which offset; ``may_hold`` says
    that there may be something to let go.
    """

    def __init__(self, context: str, *, batch_size_max: int) -> None:
        self.careful_until: dict[int, int] = {}
        self._context = context
        self._batch_size_max = batch_size_max
        self.may_hold = False
        self._run = secrets.token_bytes(16)
        self._lanes: dict[int, int] = {}  # partition -> lane_no

    async def take_up(self, connection: Connection, ends: Mapping[int, int]) -> None:
        """Write down that this run holds the lanes of the partitions whose logs end at *ends*, and no others."""
        self.may_hold = True
        await connection.execute(_SQL["add_custody"], self._context, list(ends))
        log = (list(ends), list(ends.values()), self._batch_size_max)
        rows = await connection.fetch(_SQL["take_up"], self._context, self._run, *log)
        self._lanes = {row["partition"]: row["lane_no"] for row in rows}
        self.careful_until = {
            row["partition"]: row["suspect_until"]
            for row in rows
            if row["unclean_ends"] >= UNCLEAN_MAX and row["next_offset"] < row["suspect_until"]
        }
        for row in rows:
            if row["partition"] in self.careful_until:
                told = {name: row[name] for name in ("partition", "next_offset", "suspect_until", "unclean_ends")}
                _log.warning("reading record by record", context=self._context, **told)

    async def let_go(self, connection: Connection) -> None:
        """Write down that this run ends, or gives its lanes up, in good order."""
        await connection.execute(_SQL["let_go"], self._run)
        self._lanes, self.careful_until, self.may_hold = {}, {}, False

    def trial(self, partition: int, offset: int) -> Trial:
        """Return the trial of the record at *offset* of *partition*."""
        return Trial(self._lanes[partition], self._run, offset)


def given_up(context: str, partition: int, record: Record) -> Garbled:
    """Return *record* as one that ended its process each time; what it says is not looked at any more."""
    _log.error("a record ended its process again and again", context=context, partition=partition, offset=record.offset)
    return Garbled(record, not_survived(record.value))
