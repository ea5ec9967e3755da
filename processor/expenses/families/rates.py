"""The rows of rates: the latest of each day, and all that were set; and the book that locks them all."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final

from processor.database import Connection, named_queries
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.expenses.values import Rate
from processor.moments import days

_SQL = named_queries("processor.expenses.families", "rates.sql")


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    rate: Rate = row.value
    return (days(rate.date), rate.rate_no, instant_us, rate.base, rate.quote, rate.rate)


def _changed(rate: Rate) -> tuple[Any, ...]:
    return (rate.base, rate.quote, rate.date, rate.rate, rate.rate_no)


SHELVES: Final = (
    Shelf(
        table=Table(
            "rate", date="date", rate_no="int4", decided_at="timestamptz", base="text", quote="text", rate="text"
        ),
        update=_SQL["update_rates"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "rate_version",
        lane_no="int4",
        seq="int8",
        set_at="timestamptz",
        date="date",
        rate_no="int4",
        base="text",
        quote="text",
        rate="text",
    ),
)


async def lock_rates_in_tx(tx: Connection, *, setting: bool) -> datetime | None:
    """Lock all rates, for this batch alone where it is *setting* one, and return what its decisions must lie behind."""
    await tx.fetchval(_SQL["lock_rates" if setting else "share_rates"])
    decided_at: datetime | None = await tx.fetchval(_SQL["latest_decision" if setting else "last_setting"])
    return decided_at


async def note_setting_in_tx(tx: Connection, rates: ByKey, instant: datetime) -> None:
    """Leave to whoever converts from now on the instant of the decisions that set any of *rates*."""
    if any(row.changed for row in rates.values()):
        await tx.execute(_SQL["note_setting"], instant)


async def rates_in_tx(
    tx: Connection, wanted: Collection[tuple[str, date]], setting: Collection[tuple[str, str, date]]
) -> ByKey:
    """Return the rates that price *wanted* currencies on their days, and those that may be set again."""
    if not wanted and not setting:
        return {}
    priced = [list(column) for column in zip(*wanted, strict=True)] or [[], []]
    named = [list(column) for column in zip(*setting, strict=True)] or [[], [], []]
    records = await tx.fetch(_SQL["rates"], *priced, *named)
    fields = Rate.__struct_fields__
    return {
        (row["base"], row["quote"], row["date"]): Shelved(Rate(*(row[name] for name in fields)), row["version"])
        for row in records
    }
