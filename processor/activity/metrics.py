"""What merchants do, in five numbers: read from rollups, and from the rows that are not in them yet.

Promise   A metric is that of all rows that are imported when it is asked for, whoever imports meanwhile. Nothing is
          estimated: volumes are exact decimals, rates are ordered as fractions and rounded once, half up.
Cost      One statement. Top merchant: a pass over a row for each merchant; the others: a few rows. Rows behind the
          rollups, ``metrics_upkeep.ROWS_BEHIND_MAX`` at most while an import runs, are read too.
Invariant Products and steps are compared as they were written; a product that nobody knows counts like any other.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from msgspec import Struct

from processor.database import Connection, named_queries

DECIMALS: Final = 1
DECIMALS_MAX: Final = 10
_PRODUCT, _MONTH, _STEP = 1, 2, 3  # kinds of facets, as the table has them

_SQL = named_queries("processor.activity", "metrics.sql")


class TopMerchant(Struct, frozen=True, kw_only=True):
    """The merchant with the largest volume of SUCCESS in NGN; of equal ones the smallest id. None without any."""

    merchant_id: str | None
    total_volume: Decimal


class KycFunnel(Struct, frozen=True, kw_only=True):
    """How many merchants have come to each step of the product KYC with SUCCESS."""

    documents_submitted: int
    verifications_completed: int
    tier_upgrades: int


class FailureRate(Struct, frozen=True, kw_only=True):
    """How many per cent of a product's rows are FAILED, of those that are that or SUCCESS."""

    product: str
    failure_rate: Decimal


async def top_merchant(connection: Connection) -> TopMerchant:
    """Return who has the largest volume."""
    async with _settled(connection):
        row = await connection.fetchrow(_SQL["top_merchant"])
    if row is None:
        return TopMerchant(merchant_id=None, total_volume=Decimal("0.00"))
    return TopMerchant(merchant_id=row["merchant_id"], total_volume=row["volume"])


async def monthly_active_merchants(connection: Connection) -> dict[str, int]:
    """Return how many merchants have a SUCCESS in each month, YYYY-MM, in order; what has no time is in none."""
    return dict(sorted((await _merchants(connection, _MONTH)).items()))


async def product_adoption(connection: Connection) -> dict[str, int]:
    """Return how many merchants have each product, by rows of any status: the most first, equal ones by name."""
    merchants = await _merchants(connection, _PRODUCT)
    return dict(sorted(merchants.items(), key=lambda item: (-item[1], item[0])))


async def kyc_funnel(connection: Connection) -> KycFunnel:
    """Return how many merchants have come to each step."""
    merchants = await _merchants(connection, _STEP)
    return KycFunnel(
        documents_submitted=merchants["DOCUMENT_SUBMITTED"],
        verifications_completed=merchants["VERIFICATION_COMPLETED"],
        tier_upgrades=merchants["TIER_UPGRADE"],
    )


async def failure_rates(connection: Connection, *, decimals: int = DECIMALS) -> list[FailureRate]:
    """Return the rate of each product that has one, the highest first, equal ones by name, with so many *decimals*."""
    async with _settled(connection):
        rows = await connection.fetch(_SQL["outcomes"])
    return rates({row["product"]: (row["succeeded"], row["failed"]) for row in rows}, decimals=decimals)


def rates(outcomes: Mapping[str, tuple[int, int]], *, decimals: int = DECIMALS) -> list[FailureRate]:
    """Return the rates of products of which so many rows have succeeded and failed, one of both at least."""
    exact = {name: Fraction(100 * failed, succeeded + failed) for name, (succeeded, failed) in outcomes.items()}
    ranked = sorted(exact, key=lambda name: (-exact[name], name))
    return [FailureRate(product=name, failure_rate=_half_up(exact[name], decimals)) for name in ranked]


def _half_up(exact: Fraction, decimals: int) -> Decimal:
    return _decimal(int(exact * 10**decimals + Fraction(1, 2)), decimals)


def _decimal(units: int, decimals: int) -> Decimal:
    """Return so many units of the last of *decimals*, written with all of them, however large it is."""
    digits = tuple(map(int, str(abs(units))))
    return Decimal((int(units < 0), digits, -decimals))


async def _merchants(connection: Connection, kind: int) -> dict[str, int]:
    async with _settled(connection):
        rows = await connection.fetch(_SQL["merchants_by_facet"], kind)
    return {row["name"]: row["merchants"] for row in rows}


@asynccontextmanager
async def _settled(connection: Connection) -> AsyncIterator[None]:
    """Have what the block asks for planned for what there is now; the session goes on as it was."""
    async with connection.transaction(readonly=True):
        await connection.execute(_SQL["settle_metrics"])
        yield


Metric = Callable[..., Any]
METRICS: Final[Mapping[str, Metric]] = {
    "top-merchant": top_merchant,
    "monthly-active-merchants": monthly_active_merchants,
    "product-adoption": product_adoption,
    "kyc-funnel": kyc_funnel,
    "failure-rates": failure_rates,
}
NAMES: Final[Sequence[str]] = tuple(METRICS)
