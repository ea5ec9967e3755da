"""The rows of settlements that came back."""

from collections.abc import Mapping
from typing import Final

from processor.database import Connection, named_queries
from processor.engine.audit import Check, Part, by_lane
from processor.engine.copy import Table
from processor.ledger.values import Posted

_SQL = named_queries("processor.ledger.families", "settlements.sql")

TABLES: Final = (
    Table(
        "refund",
        lane_no="int4",
        seq="int8",
        refunded_at="timestamptz",
        original_lane_no="int4",
        original_seq="int8",
        amount_minor="int8",
    ),
)


async def refunded_in_tx(tx: Connection, originals: Mapping[str, Posted]) -> dict[str, int]:
    """Return how much of each transaction has come back; the accounts it was made from are locked."""
    if not originals:
        return {}
    places = {(posted.lane_no, posted.seq): name for name, posted in originals.items()}
    rows = await tx.fetch(_SQL["refunded"], *map(list, zip(*places, strict=True)))
    return {places[row["original_lane_no"], row["original_seq"]]: row["amount_minor"] for row in rows}


CHECKS: Final = (
    Check(
        name="refunds",
        promise="Each refund is a settlement turned round, and no more comes back than was settled.",
        parts=(
            Part(statement=_SQL["audit_refunds"], slicing=by_lane),
            Part(statement=_SQL["audit_refund_sums"], slicing=by_lane),
        ),
    ),
)
