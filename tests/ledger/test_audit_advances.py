"""The audit of advances against a superuser: small valid books, spoilt one way each; and the watchdog beside it."""

import pytest

from processor.database import Connection
from processor.ledger.families.advances import suspects
from tests.ledger.audit_story import assert_named, no_of, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

U, V, W = map(no_of, "UVW")
OPEN = "UPDATE advance_payment SET {} WHERE advance_id = 'open' AND payment_no = 2"
KEPT = "UPDATE advance_payment_version SET {} WHERE advance_id = '{}' AND payment_no = {}"
REPAID = "(SELECT min(seq) FROM event WHERE type = 'advance.repaid')"

SPOILT = [
    # the check that names it, the checks that may fail beside it, what was done
    ("advances", "advance_payments", "DELETE FROM advance WHERE advance_id = 'easy'"),
    ("advances", "advance_payments", "DELETE FROM advance_payment WHERE advance_id = 'easy'"),
    ("advances", "advance_payments", "DELETE FROM advance_payment WHERE advance_id = 'easy' AND payment_no = 1"),
    ("advances", "", "UPDATE advance SET payments = payments + 1 WHERE advance_id = 'easy'"),
    ("advances", "advance_payments", OPEN.format("paid_minor = 1")),
    ("advances", "advance_payments", OPEN.format("amount_minor = 299")),
    ("advances", "", "UPDATE advance SET amount_minor = amount_minor + 1 WHERE advance_id = 'open'"),
    ("advances", "", "UPDATE advance SET outstanding_minor = outstanding_minor - 1 WHERE advance_id = 'open'"),
    ("advances", "", "UPDATE advance SET written_off_minor = written_off_minor - 1 WHERE advance_id = 'hard'"),
    ("advances", "", "UPDATE advance SET status = 1 WHERE advance_id = 'easy'"),
    ("advances", "", "UPDATE advance SET status = 2 WHERE advance_id = 'open'"),
    ("advances", "", "UPDATE advance SET status = 2 WHERE advance_id = 'hard'"),
    ("advances", "", "UPDATE advance SET granted_at = granted_at + '1 us' WHERE advance_id = 'open'"),
    ("advances", "", "UPDATE advance SET seq = seq - 1 WHERE advance_id = 'open'"),
    ("advances", "", f"UPDATE account SET advance_id = NULL WHERE account_no = {U}"),
    ("advances", "", f"UPDATE account SET advance_id = 'easy' WHERE account_no = {W}"),
    ("advances", "", f"UPDATE account SET advance_id = 'none' WHERE account_no = {no_of('S')}"),
    ("advances", "balance_floor",
     f"UPDATE account SET status = 3, closed_at = opened_at WHERE account_no = {U}"),
    ("advances", "advance_payments",
     "UPDATE account SET account_id = 'house:losses:EUR' WHERE account_id = 'house:advances:EUR'"),
    ("advances", "advance_payments",
     "UPDATE account SET account_id = 'house:gains:USD' WHERE account_id = 'house:losses:USD'"),
    ("advance_payments", "", OPEN.format("due = due + 1")),
    ("advance_payments", "", OPEN.format("decided_at = '2025-12-31'")),
    ("advance_payments", "", "UPDATE advance_payment SET moved_to = 4 WHERE moved_to = 3"),
    ("advance_payments", "advances", "DELETE FROM advance_payment WHERE advance_id = 'open' AND payment_no = 3"),
    ("advance_payments", "", "DELETE FROM advance_payment_version WHERE advance_id = 'open' AND payment_no = 3"),
    ("advance_payments", "", "DELETE FROM advance_payment_version WHERE advance_id = 'hard' AND status = 5"),
    ("advance_payments", "", KEPT.format("paid_minor = 1", "hard", 3) + " AND paid_minor = 0"),
    ("advance_payments", "", KEPT.format("amount_minor = 334", "hard", 3) + " AND paid_minor = 0"),
    ("advance_payments", "", KEPT.format("status = 2", "hard", 3) + " AND paid_minor = 100 AND status = 1"),
    ("advance_payments", "", KEPT.format("moved_to = 1", "hard", 2) + " AND status = 3"),
    ("advance_payments", "", KEPT.format("due = due + 1", "hard", 2) + " AND status = 3"),
    ("advance_payments", "", KEPT.format("due = due + 1", "hard", 3)),
    ("advance_payments", "", KEPT.format("due = '2026-01-03'", "hard", 1)),
    ("advance_payments", "", "UPDATE event SET aggregateid = 'A' WHERE type = 'advance.payment_failed'"),
    ("advance_payments", "transaction_answers",
     "UPDATE event SET type = 'advance.repaid' WHERE type = 'advance.payment_collected'"),
    ("advance_payments", "transaction_answers",
     "UPDATE event SET type = 'advance.payment_failed' WHERE type = 'advance.written_off'"),
    ("advance_payments", "", "UPDATE event SET type = 'advance.audited' WHERE type = 'advance.payment_failed'"),
    ("advance_payments", "", "UPDATE advance SET interval_days = 8 WHERE advance_id = 'open'"),
    ("advance_payments", "transaction_entries", "UPDATE transaction SET amount_minor = 1 WHERE kind = 13"),
    ("advance_payments", "transaction_entries", "UPDATE transaction SET amount_minor = 1 WHERE kind = 14"),
    ("advance_payments", "transaction_entries advances",
     f"UPDATE transaction SET destination_no = {V} WHERE kind = 11"),
    ("advance_payments", "transaction_entries",
     f"UPDATE transaction SET destination_no = {no_of('house:cash:USD', 1)} WHERE kind = 12"),
    ("advance_payments", "transaction_entries",
     f"UPDATE transaction SET source_no = {no_of('house:cash:USD', 1)} WHERE kind = 14"),
    ("advance_payments", "", f"UPDATE advance_payment_version SET seq = -seq WHERE lane_no = 1 AND seq = {REPAID}"),
    ("transaction_entries", "entry_chain", "UPDATE entry SET entry_type = 3 WHERE entry_type = 1"),
    ("transaction_answers", "advance_payments transaction_entries", "DELETE FROM transaction WHERE kind = 13"),
    ("transaction_answers", "advance_payments",
     "UPDATE event SET type = 'advance.repaid' WHERE type = 'transfer.reversed'"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "beside", "statement"), SPOILT)
async def test_what_a_superuser_spoils_is_named(
    story_told: Connection, check: str, beside: str, statement: str
) -> None:
    async with written(story_told, statement):
        await assert_named(story_told, check, beside, statement)


async def named(connection: Connection, limit: int = 10) -> list[str]:
    """Return what the watchdog suspects, page by page."""
    found: list[str] = []
    after = (0, "")
    while page := await suspects(connection, after, limit):
        found += [f"{account_id}/{advance_id}" for _, advance_id, account_id in page]
        after = page[-1][:2]
        if len(page) < limit:
            break
    return found


@pytest.mark.parametrize(
    ("suspect", "statement"),
    [
        ("U/open", OPEN.format("paid_minor = 1")),
        ("U/open", OPEN.format("amount_minor = 299")),
        ("U/open", OPEN.format("status = 3, moved_to = 3")),
        ("U/open", "DELETE FROM advance_payment WHERE advance_id = 'open'"),
        ("U/open", "UPDATE advance SET amount_minor = 903 WHERE advance_id = 'open'"),
        ("U/open", "UPDATE advance SET outstanding_minor = 901 WHERE advance_id = 'open'"),
        ("V/hard", "UPDATE advance SET written_off_minor = 499 WHERE advance_id = 'hard'"),
        ("W/easy", "UPDATE advance_payment SET paid_minor = 4 WHERE advance_id = 'easy' AND payment_no = 1"),
    ],
)
async def test_the_watchdog_is_silent_until_a_row_is_broken_by_hand_and_then_names_it(
    story_told: Connection, suspect: str, statement: str
) -> None:
    async with written(story_told):
        assert await named(story_told) == []
        await story_told.execute(statement)
        assert await named(story_told) == [suspect]


async def test_the_watchdog_looks_at_all_advances_in_pages(
    story_told: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.ledger.families.advances.PAGE", 1)
    async with written(story_told, "UPDATE advance SET amount_minor = amount_minor + 1"):
        every = await named(story_told)
        assert len(every) == 3
        assert await named(story_told, limit=1) == every
