"""The audit against a superuser: small valid books, spoilt one way each.

``test_audit_families`` has what families keep of their own.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from partita.local.stack import LocalStack
from processor.database import Connection, connect
from processor.engine.audit import ROWS_PER_SLICE, audit
from tests.conftest import fresh_database
from tests.ledger.audit_books import DEPOSIT, MAKE
from tests.ledger.audit_interest import interest
from tests.ledger.audit_story import CHECKS, assert_named, no_of, spoil, story, told, written

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def blank(stack: LocalStack, migrated_database: str) -> AsyncIterator[Connection]:
    """Open books in which nothing is written for good."""
    async with fresh_database(stack, migrated_database) as url:
        opened = await connect(url, role="test")
        await spoil(opened)
        yield opened
        await opened.close()


async def test_true_books_pass_every_check_however_they_are_cut(blank: Connection) -> None:
    examined = Counter[str]()
    for books in (story(), interest()):
        async with written(blank, books=books):
            whole = await audit(blank, CHECKS)
            cut = [await audit(blank, CHECKS, rows_per_slice=rows) for rows in (2, 7)]
        for report in (whole, *cut):
            assert [(result.name, result.findings) for result in report.results if not result.holds] == []
            assert report.holds
            assert [(each.name, each.examined) for each in report.results] == [
                (each.name, each.examined) for each in whole.results
            ], "no slice loses a row, and no two have the same"
        examined.update({result.name: result.examined for result in whole.results})

    assert [each.name for each in CHECKS if not examined[each.name]] == [], "there are rows for every check"


async def test_empty_books_pass(blank: Connection) -> None:
    assert (await audit(blank, CHECKS)).holds


A, B, C = no_of("A"), no_of("B"), no_of("C")
LAST = "entry_no = (SELECT max(entry_no) FROM entry AS e WHERE e.account_no = entry.account_no)"
ZEROS = "decode(repeat('00', 32), 'hex')"

# One entry less, or another amount, shows everywhere that entries are summed or compared.
ALL_OF_IT = (
    "account_balance entry_chain running_balance transaction_balance transaction_entries reversals money_conserved"
)
SPOILT = [
    # the check that names it, the checks that may fail beside it, what was done
    ("account_balance", "account_available",
     f"UPDATE account SET ledger_minor = ledger_minor + 1 WHERE account_no = {A}"),
    ("account_available", "", f"UPDATE account SET available_minor = available_minor - 1 WHERE account_no = {A}"),
    ("account_available", "",
     "UPDATE account SET available_minor = available_minor - 1 WHERE account_type = 0 AND lane_no = 1"),
    ("entry_chain", ALL_OF_IT,
     f"UPDATE entry SET amount_minor = amount_minor + 1 WHERE account_no = {A} AND entry_no = 2"),
    ("running_balance", "entry_chain account_balance",
     f"UPDATE entry SET balance_after_minor = balance_after_minor + 1 WHERE account_no = {A} AND entry_no = 2"),
    ("entry_numbers", ALL_OF_IT,
     f"DELETE FROM entry WHERE account_no = {A} AND entry_no = 2"),
    ("entry_numbers", ALL_OF_IT,
     f"DELETE FROM entry WHERE account_no = {A} AND {LAST}"),
    ("entry_numbers", ALL_OF_IT,
     f"DELETE FROM entry WHERE account_no = {no_of('E')}"),
    ("entry_numbers", "transaction_entries money_conserved account_terms",
     f"DELETE FROM account WHERE account_no = {no_of('E')}"),
    ("entry_chain", "", f"UPDATE entry SET hash = {ZEROS} WHERE account_no = {B} AND entry_no = 2"),
    ("entry_chain", "", f"UPDATE entry SET hash = {ZEROS} WHERE account_no = {B} AND {LAST}"),
    ("entry_chain", "", f"UPDATE account SET chain = {ZEROS} WHERE account_no = {B}"),
    ("event_sequence", "lane_counters every_record_answered transaction_answers repeats_have_answers",
     "DELETE FROM event WHERE lane_no = 1 AND seq = 6"),
    ("event_sequence", "lane_counters every_record_answered transaction_answers advances advance_payments",
     "DELETE FROM event WHERE lane_no = 2 AND seq = (SELECT max(seq) FROM event WHERE lane_no = 2)"),
    ("event_sequence", "lane_counters every_record_answered", "DELETE FROM event WHERE lane_no = 1 AND seq = 1"),
    ("lane_counters", "event_sequence", "UPDATE lane SET next_seq = next_seq + 1 WHERE lane_no = 1"),
    ("lane_counters", "event_sequence", "UPDATE lane SET next_seq = 2 WHERE lane_no = 3"),
    ("lane_counters", "every_record_answered", "UPDATE lane SET next_offset = next_offset - 1 WHERE lane_no = 1"),
    ("lane_counters", "", "UPDATE lane SET next_offset = next_offset + 1 WHERE lane_no = 1"),
    ("lane_counters", "", "UPDATE lane SET next_offset = next_offset + 1 WHERE lane_no = 3"),
    ("lane_counters", "every_record_answered", "UPDATE lane SET records = records + 1 WHERE lane_no = 1"),
    ("lane_counters", "relay_position", "DELETE FROM lane WHERE lane_no = 2"),
    ("every_record_answered", "", "UPDATE event SET source_offset = 41 WHERE lane_no = 1 AND seq = 4"),
    ("one_answer_per_command", "",
     "UPDATE event SET command_id = (SELECT command_id FROM event WHERE lane_no = 1 AND seq = 2) WHERE seq = 3"),
    ("repeats_have_answers", "", "UPDATE event SET id = gen_random_uuid() WHERE kind = 2"),
    ("repeats_have_answers", "", "UPDATE event SET command_id = gen_random_uuid() WHERE kind = 3"),
    ("repeats_have_answers", "", "UPDATE event SET id = command_id WHERE kind = 3"),
    ("dead_letters_kept", "dead_letters_told", "DELETE FROM dead_letter"),
    ("dead_letters_kept", "", "INSERT INTO dead_letter (lane_no, seq, code, reason) VALUES (1, 1, 'x', 'invented')"),
    ("relay_position", "", "INSERT INTO relay_position VALUES (1, 1000)"),
    ("relay_position", "", "INSERT INTO relay_position VALUES (9, 1)"),
    ("balance_floor", "", f"UPDATE account SET status = 3, closed_at = opened_at WHERE account_no = {A}"),
    ("transaction_balance", "transaction_entries money_conserved",
     f"UPDATE account SET currency = 'EUR' WHERE account_no = {B}"),
    ("transaction_entries", "reversals",
     "UPDATE transaction SET amount_minor = 2999 WHERE lane_no = 1 AND kind = 1 AND refusal IS NULL"),
    ("transaction_entries", "reversals",
     f"UPDATE transaction SET destination_no = {no_of('C')} WHERE kind = 1 AND refusal IS NULL"),
    ("transaction_entries", "transaction_answers", f"DELETE FROM transaction WHERE kind = 3 AND source_no = {C}"),
    ("transaction_entries", "transaction_answers",
     f"UPDATE transaction SET refusal = 'account_closed' WHERE kind = 3 AND source_no = {C}"),
    ("transaction_entries", "transaction_answers",
     f"UPDATE transaction SET posted_at = posted_at + '1 us' WHERE kind = 3 AND source_no = {C}"),
    ("transaction_entries", "reversals", "UPDATE batch_leg SET amount_minor = 60 WHERE leg_no = 3"),
    ("transaction_entries", "reversals", "UPDATE transaction SET amount_minor = 251 WHERE kind = 5"),
    ("transaction_entries", "", "INSERT INTO batch_leg VALUES (1, 7, 1, 1, 2, 5)"),
    ("transaction_answers", "",
     "UPDATE event SET type = 'transfer.posted' WHERE type = 'transfer.rejected' AND kind = 1"),
    ("transaction_answers", "", "UPDATE transaction SET refusal = 'account_closed' WHERE refusal IS NOT NULL"),
    ("transaction_answers", "", "DELETE FROM transaction WHERE refusal IS NOT NULL"),
    ("transaction_answers", "",
     "UPDATE event SET occurred_at = occurred_at + '1 us' WHERE type = 'transfer.batch_posted'"),
    ("reversals", "", "DELETE FROM reversal WHERE original_lane_no = 1"),
    ("reversals", "", "UPDATE reversal SET original_seq = 999 WHERE original_lane_no = 1"),
    ("reversals", "", "INSERT INTO reversal VALUES (2, 1, 1, 7)"),
    ("reversals", "",
     "INSERT INTO reversal SELECT original_lane_no, original_seq, 2, 3 FROM reversal WHERE lane_no = 1"),
    ("reversals", "entry_chain transaction_entries",
     f"UPDATE entry SET entry_type = 4 WHERE entry_type = 7 AND account_no = {B} AND amount_minor = -3000"),
    ("house_lanes", "", "UPDATE account SET lane_no = 3 WHERE account_id = 'house:cash:USD' AND lane_no = 2"),
    ("money_conserved", ALL_OF_IT,
     f"UPDATE entry SET amount_minor = amount_minor + 1 WHERE account_no = {no_of('E')}"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "beside", "statement"), SPOILT)
async def test_what_a_superuser_spoils_is_named(
    story_told: Connection, check: str, beside: str, statement: str
) -> None:
    async with written(story_told, statement):
        await assert_named(story_told, check, beside, statement)


async def test_a_transaction_out_of_balance_is_named_though_number_chain_and_balance_fit(
    story_told: Connection,
) -> None:
    books = told(story())
    made = books.legs(MAKE, 1, ("A", "B", 10))
    books.entry(books.accounts["A", 0], made, 3, 5)
    async with written(story_told, books=books):
        for rows in (7, ROWS_PER_SLICE):
            report = await audit(story_told, CHECKS, rows_per_slice=rows)

            assert report.failed == ("balance_floor", "transaction_balance", "transaction_entries", "money_conserved")


async def test_findings_name_the_row_and_are_ten_at_most(story_told: Connection) -> None:
    checks = {each.name: each for each in CHECKS}
    async with written(story_told, "UPDATE account SET available_minor = 7"):
        (result,) = (await audit(story_told, [checks["account_available"]], rows_per_slice=15)).results
    assert (result.examined, result.broken, len(result.findings)) == (23, 23, 10)
    assert result.findings[0] == "account 1 (A): available is 7, balance less open holds is 13257"

    async with written(story_told, "UPDATE event SET source_offset = 41"):
        (result,) = (await audit(story_told, [checks["every_record_answered"]], rows_per_slice=15)).results
    assert (result.broken > 10, len(result.findings)) == (True, 10)


async def test_time_is_cut_into_slices_that_lose_nothing(story_told: Connection) -> None:
    books = told(story())
    for _ in range(400):
        books.legs(MAKE, 1, ("A", "B", 1))
    slices: dict[str, int] = {}

    def count(name: str, done: int, total: int) -> None:
        assert done <= total
        slices[name] = slices.get(name, 0) + 1

    async with written(story_told, books=books):
        report = await audit(story_told, CHECKS, rows_per_slice=60, on_progress=count)
        entries = await story_told.fetchval("SELECT count(*) FROM entry")

    assert report.holds
    assert slices["money_conserved"] > 4
    assert next(one.examined for one in report.results if one.name == "money_conserved") == entries


async def test_running_books_pass(story_told: Connection, database_url: str) -> None:
    """The audit runs over and over while another session posts, one commit a transaction."""
    books = told(story())
    before = await story_told.fetchval("SELECT count(*) FROM entry")
    writer = await connect(database_url, role="writer")
    enough = asyncio.Event()

    async def post() -> None:
        for _ in range(60):
            if enough.is_set():
                break
            books.legs(MAKE, 1, ("A", "B", 1))
            books.legs(DEPOSIT, 2, ("cash", "A", 5))
            await books.flush(writer)

    posting = asyncio.create_task(post())
    reports = [await audit(story_told, CHECKS, rows_per_slice=100) for _ in range(3)]
    enough.set()
    await posting
    await writer.close()
    assert [report.failed for report in reports] == [(), (), ()]
    assert await story_told.fetchval("SELECT count(*) FROM entry") > before + 20
    assert (await audit(story_told, CHECKS)).holds
