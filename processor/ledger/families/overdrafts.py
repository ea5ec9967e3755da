"""The rows of overdrafts: what moved beside a transaction's own legs, fees that fell due, and those that came back.

The audit proves the fees here; side legs are proven with the entries they have.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from processor.database import Connection, named_queries
from processor.engine.audit import Check, Part, by_lane
from processor.engine.copy import Table
from processor.ledger.checks import by_entry
from processor.ledger.values import OpenFee

_SQL = named_queries("processor.ledger.families", "overdrafts.sql")

TABLES: Final = (
    Table(
        "side_leg",
        lane_no="int4",
        seq="int8",
        posted_at="timestamptz",
        leg_no="int2",
        kind="int2",
        source_no="int8",
        destination_no="int8",
        amount_minor="int8",
    ),
    Table(
        "overdraft_fee",
        lane_no="int4",
        seq="int8",
        charged_at="timestamptz",
        fee_no="int2",
        account_no="int8",
        day="date",
        amount_minor="int8",
        product_version="int4",
        leg_no="int2?",
        refundable_until="timestamptz?",
        product="text",
    ),
    Table(
        "fee_refund",
        lane_no="int4",
        seq="int8",
        refunded_at="timestamptz",
        leg_no="int2",
        fee_lane_no="int4",
        fee_seq="int8",
        fee_no="int2",
    ),
)


async def open_fees_in_tx(tx: Connection, account_nos: Collection[int], instant: datetime) -> dict[int, list[OpenFee]]:
    """Return the fees of locked accounts that may come back at *instant* and have not yet, the oldest first."""
    fees: dict[int, list[OpenFee]] = {}
    for row in await tx.fetch(_SQL["open_fees"], list(account_nos), instant):
        fee = OpenFee(row["lane_no"], row["seq"], row["fee_no"], row["amount_minor"], row["refundable_until"])
        fees.setdefault(row["account_no"], []).append(fee)
    return fees


CHECKS: Final = (
    Check(
        name="overdraft_fees",
        promise="Each fee fell due on a balance below zero, under the product of that time, and is what it asks for.",
        parts=(
            Part(statement=_SQL["audit_overdraft_fees"], slicing=by_entry),
            Part(statement=_SQL["audit_fee_entries"], slicing=by_entry),
            Part(statement=_SQL["audit_fee_legs"], slicing=by_lane),
        ),
    ),
    Check(
        name="fee_caps",
        promise="No account is charged more fees on a day or in a month than its product allows, and all are counted.",
        parts=(Part(statement=_SQL["audit_fee_caps"], slicing=by_entry),),
    ),
    Check(
        name="fee_waivers",
        promise="An account's first fee in a calendar year is waived where product and standing say so, and no other.",
        parts=(Part(statement=_SQL["audit_fee_waivers"], slicing=by_entry),),
    ),
    Check(
        name="fee_refunds",
        promise="What comes back is a fee that was charged, once and in time, and none that may is forgotten.",
        parts=(
            Part(statement=_SQL["audit_fee_refunds"], slicing=by_lane),
            Part(statement=_SQL["audit_fees_back_once"], slicing=by_lane),
            Part(statement=_SQL["audit_fees_remembered"], slicing=by_entry),
        ),
    ),
)
