"""The rows of the transaction report: where they lie in its order, and what they say.

Invariant The order is (instant, partition, seq), the latest first, which is that of decisions; below a cut it is the
          same for ever, and so is what a row says.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
from msgspec import Struct

from contracts.envelope import moment_text
from contracts.ids import uuid_text
from contracts.money import decimal_text, exponent_of
from processor.database import Connection, named_queries
from processor.engine.cuts import CutLane
from processor.ledger.values import HoldReason, TransactionKind

_SQL = named_queries("processor.ledger", "reports.sql")

POSTED: Final = "POSTED"
REVERSED: Final = "REVERSED"
FAILED: Final = "FAILED"
PENDING: Final = "PENDING"
STATUSES: Final = (POSTED, REVERSED, FAILED, PENDING)

# Which command a transaction was made by.
TYPES: Final[dict[int, str]] = {
    TransactionKind.MAKE: "transfer.make",
    TransactionKind.DEPOSIT: "transfer.deposit",
    TransactionKind.WITHDRAW: "transfer.withdraw",
    TransactionKind.REVERSE: "transfer.reverse",
    TransactionKind.BATCH: "transfer.batch",
    TransactionKind.CLOSE: "account.close",
    TransactionKind.CAPTURE: "settlement.capture",
    TransactionKind.SETTLE: "settlement.post",
    TransactionKind.REFUND: "settlement.refund",
    TransactionKind.INTEREST: "interest.post",
    TransactionKind.GRANT: "advance.request",
    TransactionKind.COLLECT: "advance.collect",
    TransactionKind.REPAY: "advance.repay",
    TransactionKind.WRITE_OFF: "advance.write_off",
}
HOLD_TYPE: Final = "hold.place"


class ReportRow(Struct, frozen=True, kw_only=True):
    """A transaction as of a cut, or a hold that was open then. None is what the house stands for, or is not known."""

    transaction_id: str
    status: str
    reason: str | None  # the code of a refusal, or what a hold is for
    type: str  # of the command that made it
    source_account_id: str | None
    destination_account_id: str | None
    amount: str | None
    currency: str | None
    initiated_at: str
    posted_at: str | None
    decided_at: str  # by which rows are ordered
    description: str
    reference: str


class Key(Struct, frozen=True, array_like=True, order=True):
    """A place in the order: *rank* is that of the lane's partition in the cut."""

    decided_at: datetime
    rank: int
    seq: int


class Found(Struct, frozen=True):
    """A row that was found, at *place* of a stretch: its seq in a lane, or the number of an account's entry."""

    key: Key
    lane_no: int
    stretch_no: int  # the lane, or 0 for an account's entries
    place: int
    status: str = ""


class View(Struct, frozen=True):
    """What rows are seen by: the lanes of the cut in the order of their partitions, its instant, and the filters."""

    lanes: Sequence[CutLane]
    instant: datetime
    since: datetime
    status: str
    reason: str

    @property
    def cut(self) -> tuple[list[int], list[int]]:
        """Return the cut as queries take it: lanes, and where each stood."""
        return [lane.lane_no for lane in self.lanes], [lane.next_seq for lane in self.lanes]

    def wants(self, *statuses: str) -> bool:
        """Say whether the filters let rows of all these *statuses* through."""
        return all(self._wants(status) for status in statuses)

    def _wants(self, status: str) -> bool:
        if self.status not in ("", status):
            return False
        if status == PENDING:
            return not self.reason or self.hold_reason is not None
        return not self.reason or status == FAILED

    @property
    def hold_reason(self) -> int | None:
        """Return the reason that holds are asked for, as their column has it."""
        return HoldReason[self.reason].value if self.reason in HoldReason.__members__ else None

    def found(self, row: asyncpg.Record, status: str = "", *, stretch_no: int | None = None) -> Found:
        """Return what the *row* of a query says was found, in the stretch of its lane unless *stretch_no* is given."""
        lane_no: int = row["lane_no"]
        rank = next(rank for rank, lane in enumerate(self.lanes, start=1) if lane.lane_no == lane_no)
        key = Key(row["decided_at"], rank, row["seq"])
        return Found(key, lane_no, lane_no if stretch_no is None else stretch_no, row["place"], status)


async def read_rows(connection: Connection, view: View, found: Sequence[Found]) -> list[ReportRow]:
    """Return what was found as rows, in its order; what turns out to be neither transaction nor hold is left out."""
    pending = [each for each in found if each.status == PENDING]
    others = [each for each in found if each.status != PENDING]
    rows = {
        (row["lane_no"], row["seq"]): _transaction(row)
        for row in await _fetch(connection, "transactions", others, view)
    }
    holds = await _fetch(connection, "pending", pending, view)
    rows |= {(row["placed_lane_no"], row["placed_seq"]): _pending(row) for row in holds}
    stamps = [(each.lane_no, each.key.seq) for each in found]
    return [rows[stamp] for stamp in stamps if stamp in rows]


async def _fetch(connection: Connection, query: str, found: Sequence[Found], view: View) -> list[asyncpg.Record]:
    if not found:
        return []
    stamps = ([each.lane_no for each in found], [each.key.seq for each in found])
    return await connection.fetch(_SQL[query], *stamps, *view.cut)


def _transaction(row: asyncpg.Record) -> ReportRow:
    failed = row["refusal"] is not None
    return ReportRow(
        transaction_id=uuid_text(row["command_id"]),
        status=FAILED if failed else REVERSED if row["reversed"] else POSTED,
        reason=row["refusal"],
        type=TYPES[row["kind"]],
        source_account_id=row["source_id"],
        destination_account_id=row["destination_id"],
        amount=_amount(row["amount_minor"], row["currency"]),
        currency=row["currency"],
        initiated_at=moment_text(row["initiated_at"]),
        posted_at=None if failed else moment_text(row["posted_at"]),
        decided_at=moment_text(row["posted_at"]),
        description=row["description"],
        reference=row["reference"],
    )


def _pending(row: asyncpg.Record) -> ReportRow:
    left = row["amount_minor"] - sum(row[part] for part in ("captured_minor", "released_minor", "expired_minor"))
    placed_at = moment_text(row["placed_at"])
    text: dict[str, Any] = {"description": "", "reference": ""}
    return ReportRow(
        transaction_id=uuid_text(row["command_id"]),
        status=PENDING,
        reason=HoldReason(row["reason"]).name,
        type=HOLD_TYPE,
        source_account_id=row["account_id"],
        destination_account_id=None,
        amount=_amount(left, row["currency"]),
        currency=row["currency"],
        initiated_at=placed_at,
        posted_at=None,
        decided_at=placed_at,
        **text,
    )


def _amount(minor: int | None, currency: str | None) -> str | None:
    if minor is None or currency is None:
        return None
    exponent = exponent_of(currency)
    assert exponent is not None, "a transaction's currency is one that ISO 4217 lists"
    return decimal_text(minor, exponent)
