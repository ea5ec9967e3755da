"""What changes in the small books of ``tests.ledger.audit_books``, and how it is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime

from processor.database import Connection

START = datetime(2026, 1, 1, tzinfo=UTC)
OPEN, CAPTURED, RELEASED, EXPIRED = range(1, 5)


@dataclass(kw_only=True)
class Account:
    no: int
    id: str
    lane_no: int
    currency: str
    overdraft: int = 0
    good_standing: bool = True
    product: str = "plain"
    protector: str | None = None
    customer: str | None = None
    balance: int = 0
    entries: int = 0
    chain: bytes = bytes(32)
    status: int = 1
    closed_at: datetime | None = None
    decided_at: datetime = START
    fee_day: date | None = None
    fees: int = 0
    fee_year: int = 0
    grace_until: datetime | None = None
    advance: str | None = None


@dataclass(kw_only=True)
class Hold:
    """In the order of the table's columns."""

    account_no: int
    id: str
    reason: int
    status: int = OPEN
    amount: int
    captured: int = 0
    released: int = 0
    expired: int = 0
    expires_at: datetime | None
    lapsed: bool = False
    version: int = 1
    decided_at: datetime
    placed_at: datetime
    lane_no: int
    seq: int

    @property
    def left(self) -> int:
        return self.amount - self.captured - self.released - self.expired

    @property
    def counts(self) -> bool:
        return self.status == OPEN and not self.lapsed


@dataclass(kw_only=True)
class Lane:
    start: int = 40
    next_offset: int = 40
    next_seq: int = 1
    records: int = 0


def _row(account: Account, held: list[Hold]) -> tuple[object, ...]:
    expiries = [hold.expires_at for hold in held if hold.expires_at is not None]
    return (
        *(account.no, account.id, account.lane_no, int(not account.lane_no), account.currency, account.product),
        *(account.balance, account.balance - sum(hold.left for hold in held), account.overdraft, account.entries),
        *(account.chain, account.status, account.closed_at, account.decided_at, START, account.customer),
        *(account.protector, account.good_standing, account.fee_day, account.fees, account.fee_year),
        *(min(expiries, default=None), account.grace_until, account.advance),
    )


def counted(rows: Mapping[str, Sequence[object]]) -> dict[str, int]:
    """Return how many rows there are of each table."""
    return {table: len(each) for table, each in rows.items()}


async def write_lanes(connection: Connection, lanes: dict[int, Lane]) -> None:
    await connection.executemany(WRITE_LANE, [
        (no, no - 1, one.start, one.next_offset, one.next_seq, one.records) for no, one in lanes.items()
    ])  # fmt: skip


async def write_accounts(connection: Connection, accounts: Iterable[Account], holds: Iterable[Hold]) -> None:
    """Write accounts as they are, and holds."""
    counted: dict[int, list[Hold]] = {}
    for hold in holds:
        if hold.counts:
            counted.setdefault(hold.account_no, []).append(hold)
    await connection.executemany(WRITE_ACCOUNT, [_row(account, counted.get(account.no, [])) for account in accounts])
    await replace(connection, "hold", map(astuple, holds))


async def replace(connection: Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Write the rows of a small table whose rows change."""
    await connection.execute(f"DELETE FROM {table}")
    await connection.copy_records_to_table(table, records=rows)


WRITE_LANE = """INSERT INTO lane (lane_no, context, partition, start_offset, next_offset, next_seq, records)
    OVERRIDING SYSTEM VALUE VALUES ($1, 'ledger', $2, $3, $4, $5, $6) ON CONFLICT (lane_no) DO UPDATE
    SET next_offset = excluded.next_offset, next_seq = excluded.next_seq, records = excluded.records"""
WRITE_ACCOUNT = """INSERT INTO account (account_no, account_id, lane_no, account_type, currency, product, ledger_minor,
    available_minor, overdraft_limit_minor, last_entry_no, chain, status, closed_at, decided_at, opened_at, customer_id,
    protection_account_id, good_standing, fee_day, fees_on_day, fees_in_month, fee_year, hold_expiry, grace_until,
    advance_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20, $21, $22,
            $23, $24) ON CONFLICT (account_no) DO UPDATE
    SET (product, ledger_minor, available_minor, overdraft_limit_minor, last_entry_no, chain, status, closed_at,
         decided_at, customer_id, protection_account_id, good_standing, fee_day, fees_on_day, fees_in_month, fee_year,
         hold_expiry, grace_until, advance_id)
      = (excluded.product, excluded.ledger_minor, excluded.available_minor, excluded.overdraft_limit_minor,
         excluded.last_entry_no, excluded.chain, excluded.status, excluded.closed_at, excluded.decided_at,
         excluded.customer_id, excluded.protection_account_id, excluded.good_standing, excluded.fee_day,
         excluded.fees_on_day, excluded.fees_in_month, excluded.fee_year, excluded.hold_expiry, excluded.grace_until,
         excluded.advance_id)"""
