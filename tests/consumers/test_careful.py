"""Where processes have died, records are taken one by one; none is left out, and none is applied twice."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from consumers import gate
from consumers.careful import Step, steps
from consumers.loop import consume
from contracts.specs import LEDGER as NAME
from processor.database import Connection
from processor.engine import lanes
from processor.engine.custody import Custody
from processor.engine.events import Kind
from processor.engine.lanes import Skipped
from processor.ledger.book import Book
from processor.ledger.context import LEDGER
from processor.ledger.keys import Keys
from processor.ledger.store import LedgerStore
from tests.consumers.consuming import WITHIN_S, Ground, openings

CALM, SUSPECT, RECORDS, FIVE = 0, 1, 20, 5
APPLIED = f"SELECT records FROM lane WHERE partition = {SUSPECT}"
HOLDERS = "SELECT count(DISTINCT holder) FROM custody"


def read(partition: int, offset: int) -> Any:
    about: dict[str, Any] = {"timestamp": 0, "timestamp_type": 0, "key": None, "value": None, "checksum": None}
    sizes = {"serialized_key_size": -1, "serialized_value_size": -1}
    return ConsumerRecord(topic="t", partition=partition, offset=offset, headers=(), **about, **sizes)


POLL = [read(partition, offset) for partition in (0, 1, 2) for offset in (7, 8, 9)]


def places(step: Step) -> Sequence[tuple[int, int]]:
    return [(each.partition, each.offset) for each in step.records]


def test_suspect_records_come_alone_and_in_their_order_behind_those_of_other_partitions() -> None:
    calm = [(0, 7), (0, 8), (0, 9), (2, 7), (2, 8), (2, 9)]

    assert [(places(step), step.is_trial) for step in steps(POLL, {1: 9})] == [
        (calm, False),
        ([(1, 7)], True),
        ([(1, 8)], True),
        ([(1, 9)], False),
    ]


@pytest.mark.parametrize("careful_until", [{}, {1: 7}, {5: 100}])
def test_a_poll_without_suspect_records_stays_together(careful_until: dict[int, int]) -> None:
    assert [(step.records, step.is_trial) for step in steps(POLL, careful_until)] == [(POLL, False)]


class InterruptedStore(LedgerStore):
    """A store that calls *interruption* once, when five records of the suspect partition are applied."""

    def __init__(self, interruption: Callable[[], None]) -> None:
        super().__init__()
        self._interruption: Callable[[], None] | None = interruption

    async def save_in_tx(self, tx: Connection, world: Book) -> None:
        await super().save_in_tx(tx, world)
        if self._interruption and await tx.fetchval(APPLIED) == FIVE:
            interruption, self._interruption = self._interruption, None
            interruption()


async def put_on_trial(ground: Ground) -> None:
    """Publish to both partitions, of one of which two runs have died."""
    for partition in (CALM, SUSPECT):
        await ground.publish(openings(RECORDS), partition=partition)
    await lanes.take_up(ground.connection, NAME, {CALM: 0, SUSPECT: 0})
    for _ in range(2):
        await Custody(NAME, batch_size_max=RECORDS).take_up(ground.connection, {SUSPECT: RECORDS})


async def test_a_consumer_that_is_stopped_leaves_the_rest_of_a_careful_poll_to_the_next(ground: Ground) -> None:
    await put_on_trial(ground)
    stop = asyncio.Event()
    context = replace(LEDGER, store=InterruptedStore(stop.set))

    await asyncio.wait_for(
        consume(ground.settings, [context], stop=stop, on_committed={NAME: ground._on_committed}), WITHIN_S
    )
    assert await ground.connection.fetchval(APPLIED) == FIVE + 1
    assert await ground.connection.fetchval(HOLDERS) == 0
    async with ground.consumer() as task:
        await ground.until_applied(2 * RECORDS, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 2 * RECORDS}


async def test_what_stands_behind_a_place_to_go_back_to_is_not_applied_before_it(ground: Ground) -> None:
    await put_on_trial(ground)

    def go_back() -> None:
        raise Skipped({SUSPECT: FIVE})

    async with ground.consumer(replace(LEDGER, store=InterruptedStore(go_back))) as task:
        await ground.until_applied(2 * RECORDS, task=task)

    assert await ground.kinds() == {Kind.ANSWER: 2 * RECORDS}


async def test_partitions_that_change_hands_in_good_order_have_seen_no_death(ground: Ground) -> None:
    await ground.publish(openings(4000))

    async with ground.consumer(batch_size_max=5):
        await until_held_by(ground, 1)
        async with ground.consumer(batch_size_max=5):
            await until_held_by(ground, 2)
            assert await ground.applied() < 4000  # they were taken up with something to read

    assert await ground.connection.fetchval("SELECT max(unclean_ends) FROM custody") == 0


async def until_held_by(ground: Ground, runs: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while await ground.connection.fetchval(HOLDERS) != runs:
            pass


async def test_partitions_that_are_not_suspect_are_read_on_between_the_trials(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll brings few of the suspect records: batches of the calm partition lie between the trials."""
    monkeypatch.setattr(gate, "_TRIED_AT_ONCE", 1)
    await put_on_trial(ground)
    order: list[int] = []

    class Noting(LedgerStore):
        async def load_in_tx(self, tx: Connection, keys: Keys, lane_nos: Sequence[int]) -> Book:
            order.extend(lane_nos)
            return await super().load_in_tx(tx, keys, lane_nos)

    async with ground.consumer(replace(LEDGER, store=Noting()), batch_size_max=FIVE) as task:
        await ground.until_applied(2 * RECORDS, task=task)

    calm = await ground.connection.fetchval(f"SELECT lane_no FROM lane WHERE partition = {CALM}")
    first, last = order.index(calm), len(order) - 1 - order[::-1].index(calm)
    between = "".join("c" if lane_no == calm else "t" for lane_no in order[first:last])
    assert "ct" in between
    assert "ttt" not in between
    assert await ground.kinds() == {Kind.ANSWER: 2 * RECORDS}
