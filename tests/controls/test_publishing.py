"""Without this an answer is in the books, counts as published, and nobody has heard it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from producers.relay import unpublished
from tests.controls.control import ON, Control
from tests.producers.books import Books, running
from tests.system import wire

ROOT = Path(__file__).parents[2]
EVENTS, PARTITIONS = 3, 4

# What the relay's process imports before anything else.
EARLY = """
from processor import faults
from producers.kafka import started
from producers.relay import Relay
from producers.shipment import Shipment

async def publish(self, rows):
    self._producer = await started(self._bootstrap, client_id="hasty")
    shipment = Shipment(self._producer)
    await self._unsent.mark_sent(await self._page.pack(rows, self._producer, shipment))
    faults.reach("relay_sent")
    await shipment.send()

assert "_publish" in vars(Relay)
Relay._publish = publish
"""


@pytest.mark.parametrize(
    ("early", "control"),
    [
        (EARLY, Control(found=[f"event {seq} lies on no topic" for seq in range(1, EVENTS + 1)])),
        ("", ON),
    ],
    ids=["off", "on"],
)
async def test_position_after_acknowledgements(books: Books, tmp_path: Path, early: str, control: Control) -> None:
    """The relay dies between its two steps, whichever comes first, and another one goes on."""
    (tmp_path / "sitecustomize.py").write_text(early)
    lane = await books.lane(0)
    await lane.answers(["A"] * EVENTS)
    await die_at(books, "relay_sent", path=tmp_path)
    async with running(books.relay()):
        await books.until("SELECT sent = $2 FROM relay_position WHERE lane_no = $1", lane.lane_no, EVENTS)

    ((_, waiting, _),) = await unpublished(books.connection, books.context)
    assert waiting == 0
    control.judge(await unheard(books))


async def die_at(books: Books, point: str, *, path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ROOT / "tests/producers/relay_process.py",
        *(books.database_url, books.kafka, books.topics.prefix, books.context),
        env=os.environ | {"PARTITA_FAULT": f"{point}:1", "PYTHONPATH": f"{path}{os.pathsep}{ROOT}"},
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL


async def unheard(books: Books) -> list[str]:
    """Return which events of the books no reader of the topic will ever see."""
    read = await wire.read(books.kafka, books.topics.results(books.context), PARTITIONS)
    heard = {int(record.header("ce_sequence") or b"") for record in read}
    rows = await books.connection.fetch(
        "SELECT seq FROM event JOIN lane USING (lane_no) WHERE context = $1 ORDER BY seq", books.context
    )
    return [f"event {seq} lies on no topic" for (seq,) in rows if seq not in heard]
