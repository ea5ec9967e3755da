"""Rows of every kind at the desk, which then get old."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from contracts.envelope import Command
from contracts.transfers import TransferBatch, TransferLeg
from producers.command_ids import new_command_id
from tests.engine.asking import overdrawable, product, settle, spend
from tests.engine.desk import Desk, fill, moving, names

TABLES: Final = ("event", "transaction", "batch_leg", "side_leg", "entry")
ALL_SENT: Final = """
INSERT INTO relay_position (lane_no, sent) SELECT lane_no, next_seq - 1 FROM lane
ON CONFLICT (lane_no) DO UPDATE SET sent = excluded.sent"""
LATER: Final = "UPDATE clock SET ahead = ahead + '40 days'"
NOW: Final = datetime(9999, 1, 1, tzinfo=UTC)


async def aged(desk: Desk) -> None:
    """Have everything sent that was told so far, and let forty days pass."""
    await desk.connection.execute(ALL_SENT)
    await desk.connection.execute(LATER)


async def rows(desk: Desk, prefix: str = "every_") -> dict[str, list[str]]:
    """Return all rows of each table, of hot and cold together unless another *prefix* is given."""
    found = {}
    for name in TABLES:
        records = await desk.connection.fetch(f"SELECT kept::text FROM {prefix}{name} AS kept ORDER BY 1")
        found[name] = [row[0] for row in records]
    return found


async def some_of_everything(desk: Desk) -> tuple[str, str, Sequence[Command]]:
    """Return two accounts, and a transfer, a batch and a settlement between them; a fee and a repeat too."""
    a, b, c, kind = names(4)
    await fill(desk, [a, b])
    await desk.tell(product(kind, "5", first_fee_waived=False), overdrawable(c, kind), spend(c))
    legs = [TransferLeg(source_account_id=a, destination_account_id=b, amount=each) for each in ("1", "2")]
    made = (moving(a, b, "3"), TransferBatch(command_id=new_command_id(), legs=legs), settle(a, "4"))
    await desk.tell(*made, made[0], b"{", moving(a, b, "1000000"))
    return a, b, made
