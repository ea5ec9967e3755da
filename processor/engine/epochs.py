"""Epochs: which life of the books a lane's numbers belong to.

A database that is restored to an earlier state numbers anew what was numbered and told before. From its adoption on its
lanes are in a new epoch, and the first event of that epoch says which numbers of earlier ones still hold.

Promise   Adoption is one transaction: every lane of the context is in the new epoch and says so, or none is.
Cost      Six statements, whatever the number of lanes.
Invariant All events of an earlier epoch were published before the new one begins, so that each is told under the epoch
          it was written in. An epoch is never used twice.
"""

from collections.abc import Callable

from msgspec import Struct

from contracts.catalog import Catalog
from contracts.envelope import Command
from contracts.ids import uuid_bytes
from contracts.notices import BOOKS_ADOPT, BooksRestored
from processor.database import Connection, named_queries
from processor.engine import lanes as lane
from processor.engine.batch import Ask, Record
from processor.engine.decide import decision_instant
from processor.engine.events import Telling
from processor.engine.lanes import Lane
from processor.engine.layout import unpublished
from processor.errors import NotPrepared

_SQL = named_queries("processor.engine", "epochs.sql")


class Standing(Struct, frozen=True, kw_only=True):
    """Where a lane stands; one that is not there has applied nothing."""

    epoch: int = 1
    next_offset: int = 0
    next_seq: int = 1


async def standing(connection: Connection, context: str) -> dict[int, Standing]:
    """Return where each lane of *context* stands, by partition."""
    rows = await connection.fetch(_SQL["standing"], context)
    return {row["partition"]: Standing(**{name: row[name] for name in Standing.__struct_fields__}) for row in rows}


async def adopt_in_tx(
    tx: Connection, catalog: Catalog, context: str, *, command_id: str, above: int, key_of: Callable[[int], str]
) -> list[BooksRestored]:
    """Put every lane of *context* into an epoch that is higher than theirs and than *above*, and tell it.

    *command_id* names the act, *key_of* gives the key under which the notice of a partition's lane is published.

    Raises:
        NotPrepared: Events of the epochs before were not published yet.
    """
    lanes = [Lane(*row) for row in await tx.fetch(_SQL["lock_context"], context)]
    if waiting := await unpublished(tx, context):
        raise NotPrepared(f"{context} has {waiting} events that are not published yet; run a relay until it has none.")
    epoch = max([above, *(each.epoch for each in lanes)]) + 1
    instant = decision_instant(await lane.clock_in_tx(tx), lanes, None)
    telling, told = Telling(context, catalog, instant), list[BooksRestored]()
    for each in lanes:
        each.epoch = epoch
        told.append(BooksRestored(lane=each.partition, epoch=epoch, last_sequence=each.next_seq - 1))
        telling.further(each, _act(command_id, each, key_of(each.partition)), told[-1])
    await telling.save_in_tx(tx, telling.take())
    await tx.execute(_SQL["raise_epochs"], [each.lane_no for each in lanes], epoch, instant)
    return told


def _act(command_id: str, at: Lane, key: str) -> Ask:
    """Return what an operator has asked for, as if it had come on the lane before its next record."""
    record = Record(at.next_offset, 0, key.encode(), None)
    return Ask(record, Command(command_id=command_id), BOOKS_ADOPT, uuid_bytes(command_id), key, b"")
