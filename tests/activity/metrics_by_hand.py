"""The five metrics told from a list of rows by the standard library alone, and rows to tell them from."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

from processor.database import Connection

STEPS: Final = {
    "DOCUMENT_SUBMITTED": "documents_submitted",
    "VERIFICATION_COMPLETED": "verifications_completed",
    "TIER_UPGRADE": "tier_upgrades",
}
SAID: Final = """
CREATE TEMPORARY TABLE said (row_no bigint, happened_at timestamp, amount_minor bigint, merchant_id text, product text,
                             event_type text, status text) ON COMMIT DROP"""
WRITTEN: Final = """
INSERT INTO activity_merchant
SELECT (SELECT count(*) FROM activity_merchant) + row_number() OVER (), merchant_id
  FROM (SELECT merchant_id FROM said EXCEPT SELECT merchant_id FROM activity_merchant) AS new;
INSERT INTO activity_kind
SELECT (SELECT count(*) FROM activity_kind) + row_number() OVER (), *, 'POS', 'LAGOS', 'STARTER'
  FROM (SELECT product, event_type, status FROM said
        EXCEPT SELECT product, event_type, status FROM activity_kind) AS new;
INSERT INTO activity
SELECT row_no, gen_random_uuid(), happened_at, amount_minor, merchant_no, kind_no
  FROM said JOIN activity_merchant USING (merchant_id) JOIN activity_kind USING (product, event_type, status);
INSERT INTO activity_chunk
SELECT 0, (SELECT count(*) FROM activity_chunk), 1, 0, 0, min(row_no), max(row_no) + 1, max(row_no) + 1 - min(row_no),
       max(row_no) + 1 - min(row_no), 0, 0, 0, 0, false FROM said"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What metrics look at; the rest of a row is the same for all."""

    happened_at: datetime | None = datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the table has it: UTC without a zone
    amount_minor: int = 100
    merchant_id: str = "MRC-000001"
    product: str = "POS"
    event_type: str = "CARD_TRANSACTION"
    status: str = "SUCCESS"


async def add(connection: Connection, rows: Sequence[Row]) -> None:
    """Write *rows* behind those that are there, with gaps in their numbers."""
    last = await connection.fetchval("SELECT coalesce(max(row_no), 0) FROM activity")
    said = [(last + 2 * number, *astuple(row)) for number, row in enumerate(rows, 1)]
    async with connection.transaction():
        await connection.execute(SAID)
        await connection.copy_records_to_table("said", records=said)
        await connection.execute(WRITTEN)


def drawn(dice: random.Random, number: int, *, merchants: int, products: Sequence[str], days: int) -> Iterator[Row]:
    """Yield rows of some merchants over so many days; some have no time, no known product, or less than nothing."""
    for _ in range(number):
        at = datetime(2023, 11, 20) + timedelta(days=dice.randrange(days), seconds=dice.randrange(86400))  # noqa: DTZ001
        yield Row(
            happened_at=None if dice.random() < 0.05 else at,
            amount_minor=dice.choice((0, 1, 999, 10**14, -7, dice.randrange(10**6))),
            merchant_id=f"MRC-{dice.randrange(merchants):06}",
            product=dice.choice(products),
            event_type=dice.choice((*STEPS, "CARD_TRANSACTION")),
            status=dice.choice(("SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "PENDING", "success", "")),
        )


def told(rows: Sequence[Row], *, decimals: int = 1) -> dict[str, Any]:
    """Return what each metric is of *rows*, in its order."""
    done = [row for row in rows if row.status == "SUCCESS"]
    return {
        "top-merchant": _top(done),
        "monthly-active-merchants": _merchants((f"{row.happened_at:%Y-%m}", row) for row in done if row.happened_at),
        "product-adoption": _most_first(_merchants((row.product, row) for row in rows)),
        "kyc-funnel": dict.fromkeys(STEPS.values(), 0)
        | _merchants((STEPS[row.event_type], row) for row in done if row.product == "KYC" and row.event_type in STEPS),
        "failure-rates": _rates(rows, decimals),
    }


def _top(done: Sequence[Row]) -> dict[str, Any]:
    volumes: dict[str, int] = defaultdict(int)
    for row in done:
        volumes[row.merchant_id] += row.amount_minor
    if not volumes:
        return {"merchant_id": None, "total_volume": "0.00"}
    best = min(volumes, key=lambda merchant: (-volumes[merchant], merchant))
    return {"merchant_id": best, "total_volume": f"{Decimal(volumes[best]) / 100:.2f}"}


def _merchants(having: Iterator[tuple[str, Row]]) -> dict[str, int]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, row in having:
        found[name].add(row.merchant_id)
    return {name: len(found[name]) for name in sorted(found)}


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}


def _rates(rows: Sequence[Row], decimals: int) -> list[dict[str, Any]]:
    failed = Counter(row.product for row in rows if row.status == "FAILED")
    both = failed + Counter(row.product for row in rows if row.status == "SUCCESS")
    exact = {name: Fraction(failed[name], both[name]) for name in both}
    return [
        {"product": name, "failure_rate": _rounded(exact[name], decimals)}
        for name in sorted(exact, key=lambda name: (-exact[name], name))
    ]


def _rounded(rate: Fraction, decimals: int) -> Decimal:
    """Round by the decimal module; so many digits in front are enough to tell which way."""
    long = Decimal(100 * rate.numerator * 10**30 // rate.denominator).scaleb(-30)
    return long.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
