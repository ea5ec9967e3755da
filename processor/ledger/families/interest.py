"""The rows of interest: what each account has earned as it is, and all that accrued and was posted; and their proof."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct

from processor.database import Connection, named_queries
from processor.engine.audit import END, Check, Part, Slice, by_lane, lanes_cut_by
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.ledger.checks import by_entry
from processor.ledger.earning import Interest
from processor.moments import days

_SQL = named_queries("processor.ledger.families", "interest.sql")


class Earned(Struct):
    """Rows by account number, the products that missing days may have ended with, and the instant of a last change."""

    rows: ByKey
    products: set[str]
    changed_at: datetime | None


def months_text(unposted: tuple[tuple[date, int], ...]) -> str:
    """Return what accrued by month as the column holds it."""
    return ";".join(f"{month:%Y-%m}:{units}" for month, units in unposted)


def months_of(text: str) -> tuple[tuple[date, int], ...]:
    """Return what accrued by month from what the column holds."""
    parts = (each.split(":") for each in text.split(";") if each)
    return tuple((date.fromisoformat(f"{month}-01"), int(units)) for month, units in parts)


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    interest: Interest = row.value
    until = (days(interest.since), days(interest.accrued_until), days(interest.posted_until))
    return (interest.account_no, *until, interest.idle, interest.carried, instant_us, months_text(interest.unposted))


def _changed(interest: Interest) -> tuple[Any, ...]:
    until = (interest.accrued_until, interest.posted_until)
    return (interest.account_no, *until, interest.idle, interest.carried, months_text(interest.unposted))


SHELVES: Final = (
    Shelf(
        table=Table(
            "interest",
            account_no="int8",
            since="date",
            accrued_until="date",
            posted_until="date",
            idle="bool",
            carried="int8",
            decided_at="timestamptz",
            unposted="text",
        ),
        update=_SQL["update_interest"],
        made=_made,
        changed=_changed,
    ),
)
TABLES: Final = (
    Table(
        "interest_accrual",
        lane_no="int4",
        seq="int8",
        accrued_at="timestamptz",
        account_no="int8",
        first_day="date",
        last_day="date",
        zone="text",
        accrued="text",
        accumulated="text",
    ),
    Table(
        "interest_posting",
        lane_no="int4",
        seq="int8",
        posted_at="timestamptz",
        account_no="int8",
        posted_until="date",
        value_date="date",
        amount_minor="int8",
        accumulated="text",
    ),
)


async def earned_in_tx(tx: Connection, account_nos: Collection[int]) -> Earned:
    """Return what locked accounts have earned so far, as far as anything is known of it."""
    records = await tx.fetch(_SQL["interest"], list(account_nos)) if account_nos else []
    rows: ByKey = {}
    for row in records:
        parts = (
            row["account_no"],
            row["since"],
            row["accrued_until"],
            row["posted_until"],
            row["idle"],
            row["carried"],
        )
        rows[row["account_no"]] = Shelved(Interest(*parts, months_of(row["unposted"])), row["version"])
    products = {product for row in records for product in row["products"]}
    return Earned(rows, products, max((row["decided_at"] for row in records), default=None))


async def by_earning(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut the accounts that earn into runs of about *rows* accruals: (first number, number after the last or None)."""
    slices: list[Slice] = []
    first = -END
    while (after := await connection.fetchval(_SQL["next_earning_slice"], first, rows)) is not None:
        slices.append((first, after))
        first = after
    slices.append((first, None))
    return slices


by_accrual: Final = lanes_cut_by(_SQL["next_accrual_slice"])

CHECKS: Final = (
    Check(
        name="interest_accruals",
        promise="Each day accrued what its balance, product and rate make of it, and was told so.",
        parts=(
            Part(statement=_SQL["audit_accruals"], slicing=by_accrual),
            Part(statement=_SQL["audit_accruals_told"], slicing=by_lane),
        ),
    ),
    Check(
        name="interest_days",
        promise="No day accrues twice, and none is passed over that may bear interest.",
        parts=(
            Part(statement=_SQL["audit_accrued_days"], slicing=by_earning),
            Part(statement=_SQL["audit_earning_accounts"], slicing=by_entry),
        ),
    ),
    Check(
        name="interest_accumulated",
        promise="What each account has not been paid is what accrued less what was posted: all whole minor units.",
        parts=(Part(statement=_SQL["audit_accumulated"], slicing=by_earning),),
    ),
    Check(
        name="interest_postings",
        promise="Each posting moved its amount and was told, on the value date of its month or closing.",
        parts=(Part(statement=_SQL["audit_postings"], slicing=by_lane),),
    ),
)
