"""The rows of products: the latest version of each, and all versions for ever."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from processor.database import Connection, named_queries
from processor.engine.audit import Check, Part, Slice
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.ledger.products import columns
from processor.ledger.values import Product, Tier

_SQL = named_queries("processor.ledger.families", "products.sql")
_FIXED: Final = {
    "product_version": "int4",
    "account_type": "int2",
    "fee_minor": "int8",
    "fees_per_day": "int4",
    "fees_per_month": "int4",
    "first_fee_waived": "bool",
    "fee_may_exceed_limit": "bool",
    "grace_hours": "int4",
    "day_count": "int4",
}
_TEXTS: Final = {"product": "text", "currency": "text", "interest": "text", "tier_mode": "text", "tiers": "text"}


def _made(row: Shelved, instant_us: int) -> tuple[Any, ...]:
    return (instant_us, *columns(row.value))


PRODUCTS: Final = Shelf(
    table=Table("product", decided_at="timestamptz", **_FIXED, **_TEXTS),
    update=_SQL["update_products"],
    made=_made,
    changed=columns,
)
SHELVES: Final = (PRODUCTS,)
TABLES: Final = (Table("product_version", lane_no="int4", seq="int8", defined_at="timestamptz", **_FIXED, **_TEXTS),)


async def lock_products_in_tx(
    tx: Connection, names: Collection[str], *, changing: bool
) -> tuple[ByKey, datetime | None]:
    """Lock products, for themselves alone where one of them is *changing*, and return them by name.

    With them comes the instant that whatever is decided on them has to lie behind.
    """
    query = _SQL["lock_products" if changing else "share_products"]
    records = await tx.fetch(query, list(names)) if names else []
    rows: ByKey = {row["product"]: Shelved(product_of(row), row["version"]) for row in records}
    instants = [row["decided_at"] for row in records]
    if changing:
        instants.append(await tx.fetchval(_SQL["latest_decision"]))
    return rows, max(instants, default=None)


def product_of(row: asyncpg.Record) -> Product:
    """Return the product of a row, be it of the latest versions or of all."""
    tiers = (each.split(":") for each in row["tiers"].split(";") if each)
    return Product(
        product=row["product"],
        version=row["product_version"],
        account_types=(row["account_type"],),
        currency=row["currency"],
        fee_minor=row["fee_minor"],
        fees_per_day=row["fees_per_day"],
        fees_per_month=row["fees_per_month"],
        first_fee_waived=row["first_fee_waived"],
        fee_may_exceed_limit=row["fee_may_exceed_limit"],
        grace_hours=row["grace_hours"],
        interest=row["interest"],
        tier_mode=row["tier_mode"],
        tiers=tuple(Tier(int(start), rate) for start, rate in tiers),
        day_count=row["day_count"],
    )


async def by_product(connection: Connection, rows: int) -> Sequence[Slice]:
    """Cut the products, by name, into runs of *rows*: (first name, name after the last or None)."""
    slices: list[Slice] = []
    first = ""
    while (after := await connection.fetchval(_SQL["next_product_slice"], first, rows)) is not None:
        slices.append((first, after))
        first = after
    slices.append((first, None))
    return slices


CHECKS: Final = (
    Check(
        name="products",
        promise="Versions of each product are numbered from 1 without a gap, were told, and the last is the product.",
        parts=(Part(statement=_SQL["audit_products"], slicing=by_product),),
    ),
)
