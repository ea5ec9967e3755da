"""The export of revenue: records as they counted below a cut, whatever has happened since, cut into slices anyhow."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pytest

from processor.database import Connection
from processor.engine.cuts import Cut, take_cut
from processor.errors import Declined
from processor.revenue.context import REVENUE
from processor.revenue.exports import KINDS
from tests.revenue.drawing import Draws
from tests.revenue.keepers import EngineKeeper, engine, saying
from tests.revenue.model import DECIMALS, Model
from tests.revenue.reading_exports import EVER, exported
from tests.revenue.test_stories import tell

(KIND,) = KINDS
Rows = Sequence[Sequence[str]]


class Story:
    """Three moments of the same books, each a cut with what counted below it."""

    def __init__(self) -> None:
        self.model = Model()
        self.cuts: list[Cut] = []
        self.rows: list[Rows] = []
        self.filtered: list[dict[str, Rows]] = []

    async def write(self, url: str) -> None:
        async with engine(url) as keeper:
            draws = Draws(self.model, seed=3)
            for _ in range(3):
                for size in (40, 1, 60):
                    await tell(keeper, draws, size)
                await self._note(keeper)

    async def _note(self, keeper: EngineKeeper) -> None:
        self.cuts.append(await take_cut(keeper.desk.connection, REVENUE.name))
        self.rows.append(self.model.exported(*EVER))
        self.filtered.append(
            {
                **{tier: self.model.exported(*EVER, tier=tier) for tier in ("free", "pro", "enterprise")},
                **{name: self.model.exported(*EVER, account_id=name) for name in self.model.accounts},
                "days": self.model.exported("2024-03-01", "2025-01-01"),
            }
        )


@pytest.fixture(scope="module")
def story(database_url: str) -> Story:
    told = Story()
    asyncio.run(told.write(database_url))
    return told


@pytest.mark.parametrize(("moment", "rows"), [(0, 7), (1, 1), (1, 20_000), (2, 7), (2, 20_000)])
async def test_a_cut_shows_what_counted_below_it_in_slices_of_any_size(
    connection: Connection, story: Story, moment: int, rows: int
) -> None:
    found = await exported(connection, story.cuts[moment], rows=rows)
    assert found.cells == story.rows[moment]
    assert found.slices > len(found.cells) if rows == 1 else (rows == 7) == (found.slices > 1)
    counts, sums = Counter(row[5] for row in found.cells), Counter[str]()
    for row in found.cells:
        sums[row[5]] += int(Decimal(row[4]).scaleb(DECIMALS[row[5]]))
    assert found.sums == {name: (count, sums[name]) for name, count in counts.items()}


async def test_tiers_accounts_and_days_are_those_of_the_cut(connection: Connection, story: Story) -> None:
    for cut, filtered in zip(story.cuts, story.filtered, strict=True):
        for tier in ("free", "pro", "enterprise"):
            assert (await exported(connection, cut, rows=50, tier=tier)).cells == filtered[tier]
        days = await exported(connection, cut, rows=50, since="2024-03-01", until="2025-01-01")
        assert days.cells == filtered["days"]


async def test_an_account_is_found_if_it_was_there_at_the_cut(connection: Connection, story: Story) -> None:
    gone = {name for name, each in story.model.accounts.items() if each.deleted_at}
    shown = Counter[str]()
    for cut, filtered in zip(story.cuts, story.filtered, strict=True):
        for name in story.model.accounts:
            found = await _exported_or_none(connection, cut, name)
            shown[name] += found is not None
            assert (found or []) == filtered.get(name, [])
    assert any(shown[name] for name in gone)  # it was there, and is not any more
    assert any(shown[name] < 3 for name in story.model.accounts)


async def _exported_or_none(connection: Connection, cut: Cut, account_id: str) -> Rows | None:
    try:
        return (await exported(connection, cut, rows=50, account_id=account_id)).cells
    except Declined as declined:
        if declined.code == "account_not_found":
            return None
        raise


async def test_the_same_cut_gives_the_same_bytes_while_everything_changes(
    connection: Connection, database_url: str, story: Story
) -> None:
    before = [(await exported(connection, cut, rows=50)).raw for cut in story.cuts]
    async with engine(database_url) as keeper:
        live = [name for name, each in story.model.accounts.items() if each.deleted_at is None]
        await keeper.decide([saying("update_account", account_id=name, name="Other", tier="free") for name in live])
        await keeper.decide([saying("delete_account", account_id=name) for name in live])
    assert [(await exported(connection, cut, rows=11)).raw for cut in story.cuts] == before
    assert len(set(before)) == len(before)
    assert all(before)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({}, None),
        ({"tier": "pro", "account_id": "A1"}, None),
        ({"to": "2026-01-01"}, None),
        ({"tier": "gold"}, "tier"),
        ({"account_id": "a b"}, "account_id"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "2026-01"}, "to"),
        ({"to": "2025-12-31"}, "to"),
        ({"user_id": "U1"}, "user_id"),
    ],
)
def test_a_filter_that_does_not_fit_is_named(wrong: dict[str, str], named: str | None) -> None:
    assert KIND.wrong_filter({"from": "2026-01-01", "to": "2026-12-31"} | wrong) == named


def test_the_first_and_the_last_day_have_to_be_given() -> None:
    assert [KIND.wrong_filter({"from": "2026-01-01"}), KIND.wrong_filter({"to": "2026-01-01"})] == ["to", "from"]


def test_there_is_a_column_for_each_cell(story: Story) -> None:
    assert {len(row) for rows in story.rows for row in rows} == {len(KIND.columns)}
