"""The five metrics: exact at every moment, whatever of the rows is in the rollups, against a list of the same rows."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import pytest

from processor.activity import metrics
from processor.database import Connection
from tests.activity.metrics_by_hand import Row, add, drawn, told
from tests.activity.metrics_desk import KNOWN, books, failed, ordered, read, roll, session

__all__ = ["books", "session"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY: Final = [Row(amount_minor=999_999_999_999_999)] * 10_000
UNKNOWN: Final = ("", "pos", "KYC ", "Ärger \u2028 %s", "x" * 256)


@pytest.mark.parametrize(
    ("seed", "products", "days"),
    [(1, (*KNOWN, *UNKNOWN), 60), (2, (*KNOWN, *(f"P{number}" for number in range(150))), 5000)],
    ids=["one page", "many pages"],
)
async def test_a_metric_does_not_depend_on_what_is_rolled_up(
    books: Connection, seed: int, products: Sequence[str], days: int
) -> None:
    dice, rows = random.Random(seed), list[Row]()
    for merchants in (3, 40, 40, 300):
        more = list(drawn(dice, 250, merchants=merchants, products=products, days=days))
        await add(books, more)
        rows += more
        behind = await read(books, decimals=4)
        assert await roll(books) > 0
        rolled = await read(books, decimals=4)

        assert ordered(behind) == ordered(told(rows, decimals=4))
        assert ordered(rolled) == ordered(behind)
    assert await failed(books) == []
    pages = await books.fetchval("SELECT count(DISTINCT page) FROM activity_rollup")
    assert (pages > 3) == (days > 60)


async def test_without_rows_there_is_nobody_and_nothing(books: Connection) -> None:
    nothing = {"merchant_id": None, "total_volume": "0.00"}
    assert await read(books) == told([])
    assert (await read(books))["top-merchant"] == nothing
    await add(books, [Row(status="FAILED"), Row(status="PENDING", product="BILLS")])
    for _ in range(2):
        found = await read(books)
        assert found["top-merchant"] == nothing
        assert found["product-adoption"] == {"BILLS": 1, "POS": 1}
        assert found["failure-rates"] == [{"product": "POS", "failure_rate": Decimal("100.0")}]
        await roll(books)


@pytest.mark.parametrize(
    ("volumes", "top"),
    [
        ({"b": 5, "a": 5, "Z": 5}, ("Z", "0.05")),
        ({"a": -1, "b": 0, "c": -2}, ("b", "0.00")),
        ({"a": -1, "b": -2}, ("a", "-0.01")),
        ({"ä": 7, "z": 7, "é": 7}, ("z", "0.07")),
        ({"é": 7, "ä": 7}, ("ä", "0.07")),
        ({"a": 10**15 - 1, "b": 10**15 - 2}, ("a", "9999999999999.99")),
    ],
)
async def test_of_equal_volumes_the_smallest_id_is_the_top_by_code_points(
    books: Connection, volumes: dict[str, int], top: tuple[str, str]
) -> None:
    await add(books, [Row(merchant_id=name, amount_minor=minor) for name, minor in volumes.items()])
    await add(books, [Row(merchant_id="0", amount_minor=10**9, status="PENDING")])
    for _ in range(2):
        found = await metrics.top_merchant(books)
        assert (found.merchant_id, str(found.total_volume)) == top
        await roll(books)


async def test_the_top_merchant_may_lose_its_place_by_rows_that_are_behind(books: Connection) -> None:
    await add(books, [Row(merchant_id=name, amount_minor=minor) for name, minor in (("a", 9), ("b", 7), ("c", 5))])
    await roll(books)
    for name, minor, top in (
        ("a", -1, "a"),
        ("a", -1, "a"),
        ("a", -1, "b"),
        ("c", 2, "b"),
        ("d", 8, "d"),
        ("a", 3, "a"),
    ):
        await add(books, [Row(merchant_id=name, amount_minor=minor)])
        assert (await metrics.top_merchant(books)).merchant_id == top


async def test_a_volume_is_exact_however_large_it_grows(books: Connection) -> None:
    await add(books, MANY)
    await roll(books)
    await add(books, [Row(amount_minor=10**15 - 1)] * 2)
    assert str((await metrics.top_merchant(books)).total_volume) == "100019999999999899.98"


async def test_a_step_counts_only_of_kyc_and_only_with_success_and_a_row_without_a_time_is_in_no_month(
    books: Connection,
) -> None:
    step = "TIER_UPGRADE"
    await add(
        books,
        [
            Row(merchant_id="a", product="KYC", event_type=step),
            Row(merchant_id="a", product="KYC", event_type=step, happened_at=None),
            Row(merchant_id="b", product="POS", event_type=step),
            Row(merchant_id="c", product="KYC", event_type=step, status="PENDING"),
            Row(merchant_id="d", product="KYC", event_type="OTHER", happened_at=None),
            Row(merchant_id="e", happened_at=datetime(1999, 12, 31, 23, 59, 59)),  # noqa: DTZ001
        ],
    )
    for _ in range(2):
        found = await read(books)
        assert found["kyc-funnel"] == {"documents_submitted": 0, "verifications_completed": 0, "tier_upgrades": 1}
        assert list(found["monthly-active-merchants"].items()) == [("1999-12", 1), ("2024-01", 2)]
        await roll(books)


def pure_rates(outcomes: dict[str, tuple[int, int]], decimals: int) -> list[tuple[str, str]]:
    return [(each.product, str(each.failure_rate)) for each in metrics.rates(outcomes, decimals=decimals)]


async def test_rates_are_ordered_as_fractions_and_rounded_once_half_up() -> None:
    near = {"a": (10**18, 10**17 - 1), "c": (10**18 + 10, 10**17), "b": (10**18, 10**17)}
    assert [name for name, _ in pure_rates(near, 1)] == ["b", "c", "a"]
    assert {rate for _, rate in pure_rates(near, 4)} == {"9.0909"}
    assert pure_rates({"b": (1, 1), "a": (2, 2), "none": (7, 0), "all": (0, 3)}, 1) == [
        *[("all", "100.0"), ("a", "50.0"), ("b", "50.0"), ("none", "0.0")],
    ]
    assert pure_rates({"half": (1999, 1), "less": (2000, 1), "more": (1998, 1)}, 1) == [
        *[("more", "0.1"), ("half", "0.1"), ("less", "0.0")],
    ]
    assert pure_rates({"third": (2, 1)}, 0) == [("third", "33")]
    assert pure_rates({"third": (2, 1)}, 10) == [("third", "33.3333333333")]
