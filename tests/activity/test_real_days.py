"""Eight real days of merchants' activity: what is imported, rejected and measured is what was computed elsewhere."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from contracts.activity import Policy
from partita.local.stack import LocalStack
from processor.activity import metrics
from processor.database import Connection
from tests.activity.by_hand import ABSENT, DAYS, days, expected
from tests.activity.importing import Imports, counts, imports_at
from tests.conftest import fresh_database

pytestmark = pytest.mark.skipif(not DAYS.exists(), reason=ABSENT)
VOLUME = "SELECT sum(amount_minor) * 0.01 FROM activity_line WHERE status = 'SUCCESS'"
STEPS = {
    "documents_submitted": "DOCUMENT_SUBMITTED",
    "verifications_completed": "VERIFICATION_COMPLETED",
    "tier_upgrades": "TIER_UPGRADE",
}


@pytest.mark.parametrize("policy", ["lenient", "strict"])
async def test_figures_are_those_that_were_computed_elsewhere_and_the_same_files_again_change_nothing(
    stack: LocalStack, migrated_database: str, tmp_path: Path, policy: Policy
) -> None:
    figures, files = expected()[policy], dict(days())
    imported, rejected = figures["rows_in"], figures["rows_rejected"]
    async with fresh_database(stack, migrated_database) as url, imports_at(url, tmp_path) as imports:
        assert counts(await imports.read(files, policy)) == (imported + rejected, imported, rejected, 0)
        await _require(imports, figures)
        if policy == "strict":  # once is enough
            return
        assert counts(await imports.read(files, policy)) == (imported + rejected, 0, rejected, imported)
        await _require(imports, figures)


async def _require(imports: Imports, figures: dict[str, object]) -> None:
    connection: Connection = imports.connection
    top = await metrics.top_merchant(connection)
    assert {"merchant_id": top.merchant_id, "total_volume": str(top.total_volume)} == figures["top_merchant"]
    assert await metrics.monthly_active_merchants(connection) == figures["monthly_active"]
    assert await metrics.product_adoption(connection) == figures["product_adoption"]
    funnel = msgspec.structs.asdict(await metrics.kyc_funnel(connection))
    assert {STEPS[name]: count for name, count in funnel.items()} == figures["kyc_funnel"]
    rates = await metrics.failure_rates(connection, decimals=4)
    assert [[each.product, float(each.failure_rate)] for each in rates] == figures["failure_rates"]
    assert await connection.fetchval(VOLUME) == Decimal(str(figures["total_volume"]))
