"""A consumer on a real broker: without one of these records are passed over, and their senders wait for ever."""

import pytest

from contracts.envelope import encode_command
from processor.database import Timeouts
from processor.errors import Fatal
from tests.consumers.consuming import openings
from tests.consumers.test_header_names import publish
from tests.controls.control import Control, controls
from tests.controls.kafka_switches import (
    any_header_name,
    gate,
    manual_acknowledgement,
    own_header_parser,
    seek_to_lanes,
)
from tests.controls.reading import Reading, seek_after_the_first_fetch

IMPATIENT = Timeouts(lock_s=0.2)  # a batch that waits is given up soon after the stop
LOST = [f"oracle: lost: offset {offset} of partition 0 has no answer" for offset in range(3)]
MOVED = "the group's offsets were moved forward; reading on from the lanes"


@controls(off=Control(off=[gate], found=LOST))
async def test_gate(reading: Reading, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group's offsets were moved forward, and the broker is quicker than the listener that goes to the lanes.

    The fence cannot know: a batch begins where the reader was sent, and these records were fetched before it was.
    """
    await control.switch_off(monkeypatch, reading.ground.connection)
    seek_after_the_first_fetch(monkeypatch, reading.handed_out)
    await reading.publish(5)
    await reading.move_group(3)
    async with reading.ground.consumer() as task:
        await reading.until_lane_is_at(5, task)

    control.judge(await reading.findings())


@controls(
    off_and_the_seek_corrects_it=Control(off=[manual_acknowledgement], logged=[MOVED]),
    off_and_no_seek_behind_it=Control(off=[manual_acknowledgement, seek_to_lanes], logged=[MOVED], found=LOST[:2]),
    on_and_no_seek_behind_it=Control(off=[seek_to_lanes]),
)
async def test_manual_acknowledgement(reading: Reading, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is stopped while its batch waits for the books, and another one goes on.

    By FastStream's default policy what was handed out counts as done, applied or not.
    """
    await control.switch_off(monkeypatch, reading.ground.connection)
    await reading.move_group(0)
    await reading.publish(2)
    async with reading.books_held(), reading.ground.consumer(timeouts=IMPATIENT) as task:
        await reading.until_a_batch_waits(task)
    await reading.publish(1)
    async with reading.ground.consumer() as task:
        await reading.until_lane_is_at(3, task)

    control.judge(await reading.findings(), reading.corrections)


@pytest.mark.parametrize("value", [None, b"\xff"], ids=["null", "binary"])
@controls(off=Control(off=[own_header_parser], found=LOST[:2]))
async def test_own_header_parser(
    reading: Reading, control: Control, monkeypatch: pytest.MonkeyPatch, value: bytes | None
) -> None:
    """Records have a header that is no text. FastStream's parser fails on it before anything of ours is called.

    It drops the whole poll and reads on. Nothing stands behind this: the next batch begins where the last one ended.
    """
    await control.switch_off(monkeypatch, reading.ground.connection)
    await reading.publish(2, headers=[("odd", value)])
    async with reading.ground.consumer() as task:
        await reading.until_handed_out(1, task)
        await reading.publish(1)
        await reading.until_lane_is_at(3, task)

    control.judge(await reading.findings(), reading.corrections)


@controls(
    off_and_the_context_stops=Control(
        off=[any_header_name], logged=["What Kafka holds cannot be read: UnicodeDecodeError"], found=LOST[:2]
    )
)
async def test_names_of_headers(reading: Reading, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header's name is no text, at which aiokafka stops. Behind our reader the gate says so, and ends the context."""
    await control.switch_off(monkeypatch, reading.ground.connection)
    await publish(reading.ground, *map(encode_command, openings(2)))
    said: list[str] = []
    try:
        async with reading.ground.consumer() as task:
            await reading.until_lane_is_at(2, task)
    except Fatal as stopped:
        said.append(str(stopped))

    control.judge(await reading.findings(), said)
