"""Thousands of mutated records through the engine: each leaves one answer or one dead letter, and none a halt."""

import os
import secrets
from collections import Counter
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings

from processor.engine.batch import Garbled
from processor.engine.events import Kind
from producers.command_ids import new_command_id
from tests.contracts.mutations import GOOD, values
from tests.contracts.samples import ID
from tests.engine.desk import Desk, fill

RECORDS: Final = int(os.environ.get("PARTITA_TEST_MUTATIONS", "1500"))
BATCH: Final = 500
ONE_OF: Final = {Kind.ANSWER, Kind.REPEAT, Kind.REUSE, Kind.DEAD}


def mutated(count: int) -> list[bytes]:
    """Return so many mutated records; what is still the samples' id becomes one of its own, else all are repeats."""
    found: list[bytes] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    @given(values(GOOD))
    def collect(value: bytes) -> None:
        found.append(value.replace(ID.encode(), new_command_id().encode()))

    while len(found) < count:  # it ends early where it believes to have seen everything
        collect()
    return found[:count]


async def test_every_mutated_record_leaves_one_answer_or_one_dead_letter(desk: Desk) -> None:
    await fill(desk, ["A1", "A2"], amount="1000000")
    records = mutated(RECORDS)
    secrets.SystemRandom().shuffle(records)  # neighbours of every kind
    first, seq = desk.offsets[1], await desk.last_seq(1)
    understood: dict[int, bool] = {}
    for start in range(0, RECORDS, BATCH):
        part = desk.part(*records[start : start + BATCH], partition=1)
        understood |= {item.record.offset: not isinstance(item, Garbled) for item in part.items}
        await desk.run([part])

    told = await desk.told(1, above=seq)
    ends = {each.source_offset: Kind(each.kind) for each in told if each.kind in ONE_OF}
    assert Counter(each.source_offset for each in told if each.kind in ONE_OF) == dict.fromkeys(
        range(first, first + RECORDS), 1
    )
    unlike = [records[at - first] for at, kind in ends.items() if (kind is Kind.DEAD) == understood[at]]
    assert not unlike
    assert {Kind.ANSWER, Kind.DEAD} <= set(ends.values())
    assert min(Counter(understood.values()).values()) > RECORDS // 20
