"""The rows of records: each as it is, and every version of it."""

from collections.abc import Sequence
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.moments import days
from processor.revenue.values import Record

_SQL = named_queries("processor.revenue.families", "records.sql")


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    record: Record = row.value
    numbers = (record.account_no, record.version_no, record.amount_minor)
    period = (days(record.period_start), days(record.period_end))
    return (*numbers, *period, record.deleted, instant_us, record.record_id, record.currency)


def _changed(record: Record) -> tuple[Any, ...]:
    place = (record.account_no, record.record_id, record.version_no)
    return (*place, record.amount_minor, record.currency, record.period_start, record.period_end, record.deleted)


SHELVES: Final = (
    Shelf(
        table=Table(
            "revenue_record",
            account_no="int8",
            version_no="int4",
            amount_minor="int8",
            period_start="date",
            period_end="date",
            deleted="bool",
            decided_at="timestamptz",
            record_id="text",
            currency="text",
        ),
        update=_SQL["update_records"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "revenue_record_version",
        lane_no="int4",
        seq="int8",
        changed_at="timestamptz",
        account_no="int8",
        version_no="int4",
        amount_minor="int8",
        period_start="date",
        period_end="date",
        deleted="bool",
        record_id="text",
        currency="text",
    ),
)


async def records_in_tx(tx: Connection, keys: Sequence[tuple[int, str]]) -> ByKey:
    """Return records of accounts that are locked, by account number and id."""
    if not keys:
        return {}
    rows = await tx.fetch(_SQL["records"], *(list(column) for column in zip(*keys, strict=True)))
    fields = Record.__struct_fields__
    return {
        (row["account_no"], row["record_id"]): Shelved(Record(*(row[name] for name in fields)), row["version"])
        for row in rows
    }
