"""Care where processes have died: what a poll has brought in steps, and lanes that are let go in good order.

Invariant The records of a partition come in their order, each in one step. Whoever stops between two steps and reads
          every partition again from the end of what was applied has skipped nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from msgspec import Struct

from processor.database import DATABASE_ILL, Database
from processor.engine.custody import Custody
from processor.engine.failures import describe
from processor.telemetry import logger

_log = logger(__name__)
_LET_GO_S: Final = 2.0

Records = Sequence[ConsumerRecord[bytes, bytes]]


class Step(Struct, frozen=True):
    """Records that are applied in one batch; *is_trial*: one record, tried before it is looked at."""

    records: Records
    is_trial: bool = False

    @property
    def first(self) -> Any:
        """The first record."""
        return self.records[0]


def steps(records: Records, careful_until: Mapping[int, int]) -> Iterator[Step]:
    """Yield *records* in steps; those below the offset that *careful_until* has for their partition are tried alone.

    Partitions that are not suspect come first: a process may not come further.
    """
    trials = [each for each in records if each.offset < careful_until.get(each.partition, 0)] if careful_until else []
    if not trials:
        yield Step(records)
        return
    suspect = {each.partition for each in trials}
    if calm := [each for each in records if each.partition not in suspect]:
        yield Step(calm)
    for each in trials:
        yield Step([each], is_trial=True)
    if behind := [
        each for each in records if each.partition in suspect and each.offset >= careful_until[each.partition]
    ]:
        yield Step(behind)


async def let_lanes_go(custody: Custody, database: Database) -> None:
    """Say in the books that this run holds no lane any more, or leave it if they do not answer at once."""
    if not custody.may_hold:
        return
    try:
        async with asyncio.timeout(_LET_GO_S):
            await custody.let_go(await database.connection())
    except DATABASE_ILL as error:
        _log.warning("the lanes were not let go; it looks as if this process had been killed", error=describe(error))
        database.drop()
