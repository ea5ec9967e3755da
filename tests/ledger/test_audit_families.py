"""The audit of what families keep against a superuser: small valid books, spoilt one way each."""

import pytest

from processor.database import Connection
from tests.ledger.audit_story import assert_named, no_of, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, F, G, H, R, S = map(no_of, "AFGHRS")

SPOILT = [
    # the check that names it, the checks that may fail beside it, what was done
    ("account_available", "", f"UPDATE account SET hold_expiry = NULL WHERE account_no = {H}"),
    ("account_available", "", f"UPDATE account SET hold_expiry = hold_expiry + '1 us' WHERE account_no = {H}"),
    ("account_available", "", f"UPDATE account SET decided_at = decided_at + '2 hours' WHERE account_no = {H}"),
    ("account_available", "", "UPDATE hold SET lapsed = false WHERE hold_id = 'lapsed'"),
    ("account_available", "", "UPDATE hold SET lapsed = false WHERE hold_id = 'expired'"),
    ("account_available", "", "UPDATE hold SET lapsed = true WHERE hold_id = 'open'"),
    ("account_available", "", "UPDATE hold SET lapsed = true WHERE hold_id = 'parts'"),
    ("balance_floor", "account_terms",
     f"UPDATE account_terms SET overdraft_limit_minor = 3999 WHERE account_no = {no_of('C')}"),
    ("balance_floor", "", "UPDATE hold SET reason = 1 WHERE hold_id = 'legal'"),
    ("balance_floor", "products", "UPDATE product_version SET fee_may_exceed_limit = false WHERE product_version = 1"),
    ("balance_floor", "", f"UPDATE account SET status = 3, closed_at = opened_at WHERE account_no = {S}"),
    ("transaction_entries", "balance_floor", "DELETE FROM side_leg WHERE kind = 1 AND amount_minor = 2000"),
    ("transaction_entries", "overdraft_fees", "UPDATE side_leg SET amount_minor = amount_minor + 1 WHERE kind = 2"),
    ("transaction_entries", "", "UPDATE side_leg SET leg_no = 1 WHERE kind = 1"),
    ("transaction_entries", "reversals fee_refunds",
     f"INSERT INTO side_leg SELECT lane_no, seq, posted_at, 0, 3, {A}, {A}, 1 FROM transaction WHERE refusal <> ''"),
    ("transaction_entries", "", "UPDATE transaction SET destination_no = source_no WHERE kind = 7"),
    ("transaction_answers", "", "UPDATE event SET type = 'settlement.posted' WHERE type = 'settlement.rejected'"),
    ("transaction_answers", "", "DELETE FROM transaction WHERE kind = 7 AND refusal IS NOT NULL"),
    ("transaction_answers", "", "UPDATE event SET type = 'transfer.posted' WHERE type = 'settlement.refunded'"),
    ("reversals", "fee_refunds", "UPDATE side_leg SET amount_minor = amount_minor - 1 WHERE kind = 3"),
    ("reversals", "refunds", "UPDATE transaction SET amount_minor = amount_minor - 1 WHERE kind = 9"),
    ("account_terms", "", f"UPDATE account SET overdraft_limit_minor = 1 WHERE account_no = {A}"),
    ("account_terms", "interest_days", f"UPDATE account SET product = 'savings' WHERE account_no = {A}"),
    ("account_terms", "", f"DELETE FROM account_terms WHERE account_no = {A}"),
    ("account_terms", "", "UPDATE account_terms SET overdraft_limit_minor = 201 WHERE overdraft_limit_minor = 200"),
    ("account_terms", "balance_floor",
     f"DELETE FROM account_terms WHERE account_no = {G} AND overdraft_limit_minor = 5000"),
    ("account_terms", "", f"UPDATE account_terms SET account_no = 999 WHERE account_no = {A}"),
    ("account_customers", "", "UPDATE customer SET good_standing = false WHERE customer_id = 'k'"),
    ("account_customers", "account_terms", f"UPDATE account SET good_standing = false WHERE account_no = {S}"),
    ("account_customers", "", f"UPDATE account SET customer_id = 'nobody' WHERE account_no = {S}"),
    ("protection", "transaction_entries account_customers",
     f"UPDATE account SET customer_id = 'r' WHERE account_no = {F}"),
    ("holds", "", "UPDATE hold SET captured_minor = 1501, released_minor = 1499 WHERE hold_id = 'parts'"),
    ("holds", "account_available", "UPDATE hold SET captured_minor = 401 WHERE hold_id = 'open'"),
    ("holds", "", "UPDATE hold SET expires_at = expires_at + '-1 us' WHERE hold_id = 'expired'"),
    ("holds", "", "UPDATE hold SET placed_at = placed_at + '1 us' WHERE hold_id = 'open'"),
    ("holds", "account_available", "UPDATE hold SET status = 2 WHERE hold_id = 'lapsed'"),
    ("holds", "", "DELETE FROM hold WHERE hold_id = 'changed'"),
    ("holds", "hold_versions", "DELETE FROM hold_version WHERE hold_id = 'changed'"),
    ("hold_versions", "", "UPDATE hold_version SET captured_minor = 999 WHERE captured_minor = 1000"),
    ("hold_versions", "", "UPDATE event SET type = 'hold.extended' WHERE type = 'hold.adjusted'"),
    ("hold_versions", "", "UPDATE event SET aggregateid = 'A' WHERE type = 'hold.released'"),
    ("hold_versions", "", "UPDATE event SET type = 'account.frozen' WHERE type = 'hold.placed'"),
    ("hold_versions", "", "UPDATE transaction SET kind = 8 WHERE kind = 7 AND amount_minor = 8000"),
    ("overdraft_fees", "", f"UPDATE overdraft_fee SET product = 'savings' WHERE account_no = {F}"),
    ("overdraft_fees", "", f"UPDATE overdraft_fee SET amount_minor = 3400 WHERE account_no = {R}"),
    ("overdraft_fees", "", f"UPDATE overdraft_fee SET day = day + 2 WHERE account_no = {F} AND amount_minor = 0"),
    ("overdraft_fees", "fee_caps fee_waivers",
     f"UPDATE overdraft_fee SET product_version = 1 WHERE account_no = {G} AND product_version = 2"),
    ("overdraft_fees", "fee_refunds",
     f"UPDATE overdraft_fee SET refundable_until = charged_at + '1 h' WHERE account_no = {F}"),
    ("overdraft_fees", "", f"UPDATE overdraft_fee SET charged_at = charged_at + '1 us' WHERE account_no = {R}"),
    ("overdraft_fees", "", f"UPDATE overdraft_fee SET leg_no = NULL WHERE account_no = {R}"),
    ("overdraft_fees", "fee_caps fee_waivers", f"DELETE FROM overdraft_fee WHERE account_no = {R}"),
    ("overdraft_fees", "products",
     "UPDATE product_version SET defined_at = defined_at + '1 h' WHERE product_version = 1"),
    ("fee_caps", "", f"UPDATE account SET fees_on_day = 2 WHERE account_no = {F}"),
    ("fee_caps", "", f"UPDATE account SET fees_in_month = 4 WHERE account_no = {F}"),
    ("fee_caps", "", f"UPDATE account SET fee_day = NULL WHERE account_no = {F}"),
    ("fee_caps", "", f"UPDATE account SET fees_on_day = 1 WHERE account_no = {A}"),
    ("fee_caps", "", f"UPDATE account SET fees_in_month = 1 WHERE account_no = {A}"),
    ("fee_caps", "", f"UPDATE overdraft_fee SET day = day + 1 WHERE account_no = {R}"),
    ("fee_caps", "products", "UPDATE product_version SET fees_per_day = 3 WHERE product_version = 2"),
    ("fee_caps", "products", "UPDATE product_version SET fees_per_month = 3 WHERE product_version = 2"),
    ("fee_waivers", "", f"UPDATE account SET fee_year = 2025 WHERE account_no = {F}"),
    ("fee_waivers", "", f"UPDATE account SET fee_year = 2026 WHERE account_no = {A}"),
    ("fee_waivers", "account_terms", f"UPDATE account_terms SET good_standing = true WHERE account_no = {R}"),
    ("fee_waivers", "products", "UPDATE product_version SET first_fee_waived = true WHERE product_version = 1"),
    ("fee_refunds", "", "DELETE FROM fee_refund"),
    ("fee_refunds", "", "UPDATE fee_refund SET fee_no = 7"),
    ("fee_refunds", "", "UPDATE fee_refund SET leg_no = 7"),
    ("fee_refunds", "overdraft_fees",
     f"UPDATE overdraft_fee SET refundable_until = charged_at WHERE account_no = {G} AND product_version = 1"),
    ("fee_refunds", "", f"UPDATE account SET grace_until = NULL WHERE account_no = {G}"),
    ("products", "", "UPDATE product SET fee_minor = 701"),
    ("products", "", "UPDATE product_version SET tiers = '0:0.01' WHERE product_version = 2"),
    ("products", "", "DELETE FROM product"),
    ("products", "", "UPDATE product SET product = 'standard'"),
    ("products", "", "UPDATE event SET aggregateid = 'other' WHERE type = 'product.defined'"),
    ("refunds", "", "DELETE FROM refund WHERE amount_minor = 300"),
    ("refunds", "", "UPDATE refund SET amount_minor = 299 WHERE amount_minor = 300"),
    ("refunds", "", "UPDATE refund SET original_seq = original_seq - 1 WHERE amount_minor = 150"),
    ("refunds", "", "UPDATE refund SET seq = seq + 100 WHERE amount_minor = 150"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "beside", "statement"), SPOILT)
async def test_what_a_superuser_spoils_is_named(
    story_told: Connection, check: str, beside: str, statement: str
) -> None:
    async with written(story_told, statement):
        await assert_named(story_told, check, beside, statement)
