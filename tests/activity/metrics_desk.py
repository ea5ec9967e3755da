"""A session in whose books rows of activity are written, rolled up, and read in all five ways."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest_asyncio

from processor.activity import metrics
from processor.activity.metrics_checks import METRICS_CHECKS
from processor.activity.metrics_upkeep import roll_up_in_tx
from processor.database import Connection, connect
from processor.engine.audit import audit

KNOWN: Final = ("POS", "AIRTIME", "BILLS", "CARD_PAYMENT", "SAVINGS", "MONIEBOOK", "KYC")
TABLES: Final = ("activity", "activity_merchant", "activity_kind", "activity_chunk")
EMPTY: Final = (
    "".join(
        f"ALTER TABLE {name} DISABLE TRIGGER ALL; DELETE FROM {name}; ALTER TABLE {name} ENABLE TRIGGER ALL;"
        for name in TABLES
    )
    + """
DELETE FROM activity_rollup; DELETE FROM activity_facet WHERE kind < 3; UPDATE activity_facet SET merchants = 0;
UPDATE activity_rolled SET row_no = 0, top_merchant_no = NULL, top_volume_minor = NULL"""
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(database_url: str) -> AsyncIterator[Connection]:
    opened = await connect(database_url, role="test")
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def books(session: Connection) -> Connection:
    """Return a session in whose books nobody has done anything."""
    await session.execute(EMPTY)
    return session


async def read(connection: Connection, *, decimals: int = 1) -> dict[str, Any]:
    """Return each metric as built-in types, in its order."""
    found = {name: await metric(connection) for name, metric in metrics.METRICS.items()}
    found["failure-rates"] = await metrics.failure_rates(connection, decimals=decimals)
    return {name: msgspec.to_builtins(each, builtin_types=(Decimal,)) for name, each in found.items()} | {
        "top-merchant": msgspec.to_builtins(found["top-merchant"])
    }


async def roll(connection: Connection, *, rows: int = 1) -> int:
    async with connection.transaction():
        return await roll_up_in_tx(connection, rows=rows)


def ordered(found: dict[str, Any]) -> bytes:
    """Return what was found with the order of its parts."""
    return msgspec.json.encode(found, order=None)


async def failed(connection: Connection) -> Sequence[str]:
    return [finding for result in (await audit(connection, METRICS_CHECKS, rows_per_slice=5)).results
            for finding in result.findings]  # fmt: skip
