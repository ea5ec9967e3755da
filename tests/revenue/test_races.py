"""Two lanes speak of one account at once: whichever is decided first is seen by the other, which has waited for it."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import pytest

from processor.engine.audit import ENGINE_CHECKS, audit
from processor.engine.batch import Part
from processor.revenue.context import REVENUE
from tests.engine.desk import Desk
from tests.engine.meeting import meet
from tests.revenue.keepers import Json, command_of, engine, saying

PERIOD: Final = {"currency": "EUR", "period_start": "2026-01-01", "period_end": "2026-01-31"}
Said = tuple[str, Json]


CREATE: Final = ("create_account", {"name": "N", "tier": "pro"})
RECORD: Final = ("record", {"record_id": "r1", "amount": "1", **PERIOD})
OTHER: Final = ("record", {"record_id": "r2", "amount": "1", **PERIOD})
CHANGE: Final = ("change_record", {"record_id": "r1", "amount": "2"})
DELETE: Final = ("delete_record", {"record_id": "r1"})
REMOVE: Final[Said] = ("delete_account", {})


@pytest.mark.parametrize(
    ("before", "both", "outcomes"),
    [
        ([], (CREATE, CREATE), ["revenue.account_created", "account_exists"]),
        ([], (CREATE, RECORD), ["revenue.account_created", "account_not_found"]),  # it had nothing to wait for
        ([CREATE], (RECORD, RECORD), ["revenue.recorded", "record_exists"]),
        ([CREATE], (RECORD, OTHER), ["revenue.recorded", "revenue.recorded"]),
        ([CREATE], (RECORD, CHANGE), ["revenue.recorded", "revenue.record_changed"]),
        ([CREATE, RECORD], (CHANGE, DELETE), ["revenue.record_changed", "revenue.record_deleted"]),
        ([CREATE, RECORD], (DELETE, CHANGE), ["revenue.record_deleted", "record_deleted"]),
        ([CREATE], (REMOVE, RECORD), ["revenue.account_deleted", "account_deleted"]),
        ([CREATE, RECORD], (OTHER, REMOVE), ["revenue.recorded", "revenue.account_deleted"]),
    ],
)
async def test_who_comes_second_decides_on_what_the_first_has_left(
    racing: Desk, database_url: str, before: Sequence[Said], both: tuple[Said, Said], outcomes: list[str]
) -> None:
    first, second = both
    account_id = f"A{racing.offsets[0]}"

    def part(*said: Said, partition: int = 0) -> Part:
        commands = [command_of(saying(kind, account_id=account_id, **fields)) for kind, fields in said]
        return racing.part(*commands, partition=partition)

    if before:
        await racing.run([part(*before)])
    assert await meet(racing, database_url, part(first), part(second, partition=1)) == outcomes
    report = await audit(racing.connection, [*ENGINE_CHECKS, *REVENUE.checks])
    assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]


@pytest.fixture
async def racing(database_url: str) -> AsyncIterator[Desk]:
    async with engine(database_url) as keeper:
        yield keeper.desk
