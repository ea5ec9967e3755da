"""The audit over books that are cold in part: it holds wherever they are parted, and finds what is spoilt in either.

Rows are moved by the product's own statements, in the transaction that a test undoes.
"""

from collections.abc import Collection

import pytest

from processor.database import Connection, affected
from processor.engine.audit import ROWS_PER_SLICE, audit
from processor.ledger import cold
from tests.ledger.audit_books import MAKE
from tests.ledger.audit_story import CHECKS, no_of, story, told, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Numbers below which the rows of lanes 1 and 2 are cold
NEXT_TO_NOTHING, EARLY, MIDDLE, LATE, ALL = (2, 1), (8, 3), (31, 13), (55, 13), (1000, 1000)
TABLES = [each.table for each in cold.TABLES]
Below = tuple[int, int]


async def move(connection: Connection, below: Below = MIDDLE, *, tables: Collection[str] = TABLES) -> None:
    """Move what bears a number *below* that of its lane."""
    for table in cold.TABLES:
        if table.table in tables:
            await connection.execute(table.move, [1, 2], below, (0, 0), (10_000, 0))


async def counts(connection: Connection) -> list[tuple[int, int]]:
    """Return how many rows of each table are hot, and how many are cold."""
    numbers = [
        await connection.fetchval(f"SELECT count(*) FROM {place}{each}") for each in TABLES for place in ("", "cold.")
    ]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@pytest.mark.parametrize(
    ("below", "rows"), [(NEXT_TO_NOTHING, 7), (EARLY, 7), (MIDDLE, 1), (LATE, 7), (ALL, 7), (MIDDLE, ROWS_PER_SLICE)]
)
async def test_books_hold_wherever_they_are_parted(story_told: Connection, below: Below, rows: int) -> None:
    async with written(story_told):
        whole = await audit(story_told, CHECKS)
        await move(story_told, below)
        parted = await audit(story_told, CHECKS, rows_per_slice=rows)
    assert [(each.name, each.findings) for each in parted.results if not each.holds] == []
    assert [each.examined for each in parted.results] == [each.examined for each in whole.results]


@pytest.mark.parametrize("moved", [TABLES[:number] for number in range(1, len(TABLES))], ids=lambda each: each[-1])
async def test_books_hold_while_they_are_moved(story_told: Connection, moved: Collection[str]) -> None:
    async with written(story_told):
        await move(story_told, tables=moved)
        assert all(hot and was_cold for hot, was_cold in (await counts(story_told))[: len(moved)]), "both have rows"
        report = await audit(story_told, CHECKS, rows_per_slice=15)
    assert [(each.name, each.findings) for each in report.results if not each.holds] == []


A = no_of("A")
# The check that names it, and what is done to rows of one of the two tables.
SPOILT = [
    ("entry_chain", f"UPDATE {{}}entry SET amount_minor = amount_minor + 1 WHERE account_no = {A}"),
    ("running_balance", f"UPDATE {{}}entry SET balance_after_minor = 1 WHERE account_no = {A}"),
    ("entry_numbers", f"DELETE FROM {{}}entry WHERE account_no = {A}"),
    ("money_conserved", f"DELETE FROM {{}}entry WHERE account_no = {A}"),
    ("event_sequence", "DELETE FROM {}event WHERE kind = 1"),
    ("every_record_answered", "UPDATE {}event SET source_offset = 41"),
    ("products", "DELETE FROM {}event WHERE type = 'product.defined'"),
    ("transaction_entries", "UPDATE {}transaction SET amount_minor = amount_minor + 1 WHERE refusal IS NULL"),
    ("transaction_answers", "DELETE FROM {}transaction"),
    ("transaction_entries", "DELETE FROM {}batch_leg WHERE leg_no = 2"),
    ("transaction_entries", "UPDATE {}side_leg SET leg_no = leg_no + 1"),
    ("overdraft_fees", "UPDATE {}side_leg SET amount_minor = amount_minor + 1"),
]
ACROSS = [
    # what is cold, and what hot rows say of it
    ("repeats_have_answers", EARLY, "UPDATE cold.event SET id = gen_random_uuid() WHERE kind = 1"),
    ("reversals", EARLY, "UPDATE cold.transaction SET amount_minor = 1 WHERE kind = 1 AND refusal IS NULL"),
    ("reversals", EARLY, "UPDATE cold.batch_leg SET amount_minor = 1"),
    ("refunds", LATE, "UPDATE cold.transaction SET refusal = 'account_closed' WHERE kind = 8"),
    ("one_answer_per_command", MIDDLE,
     "UPDATE event SET command_id = (SELECT command_id FROM cold.event WHERE (lane_no, seq) = (1, 1)) WHERE seq = 58"),
    # what lies in both
    ("event_sequence", MIDDLE, "INSERT INTO event SELECT * FROM cold.event LIMIT 1"),
    ("transaction_entries", MIDDLE,
     "INSERT INTO transaction SELECT * FROM cold.transaction WHERE refusal IS NULL LIMIT 1"),
    ("transaction_entries", MIDDLE, "INSERT INTO batch_leg SELECT * FROM cold.batch_leg LIMIT 1"),
    ("transaction_entries", MIDDLE, "INSERT INTO side_leg SELECT * FROM cold.side_leg LIMIT 1"),
    ("entry_numbers", MIDDLE, "INSERT INTO entry SELECT * FROM cold.entry LIMIT 1"),
]  # fmt: skip


async def assert_found(story_told: Connection, check: str, statement: str, below: Below = MIDDLE) -> None:
    """Make sure that *check* names what *statement* does to books that are parted, in slices too."""
    async with written(story_told):
        await move(story_told, below)
        assert affected(await story_told.execute(statement)), "changes nothing"
        for rows in (15, ROWS_PER_SLICE):
            report = await audit(story_told, [one for one in CHECKS if one.name == check], rows_per_slice=rows)
            assert report.failed == (check,)


@pytest.mark.parametrize("side", ["", "cold."], ids=["hot", "cold"])
@pytest.mark.parametrize(("check", "statement"), SPOILT)
async def test_what_is_spoilt_is_named_on_either_side(
    story_told: Connection, check: str, statement: str, side: str
) -> None:
    await assert_found(story_told, check, statement.format(side))


@pytest.mark.parametrize(("check", "below", "statement"), ACROSS)
async def test_what_does_not_fit_across_the_boundary_is_named(
    story_told: Connection, check: str, below: Below, statement: str
) -> None:
    await assert_found(story_told, check, statement, below)


async def test_time_is_cut_over_both(story_told: Connection) -> None:
    books = told(story())
    for _ in range(400):
        books.legs(MAKE, 1, ("A", "B", 1))
    slices: list[str] = []
    async with written(story_told, books=books):
        await move(story_told, ALL)
        report = await audit(story_told, CHECKS, rows_per_slice=60, on_progress=lambda name, *_: slices.append(name))
    assert report.holds
    assert slices.count("money_conserved") > 4
