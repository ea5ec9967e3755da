"""The audit of interest against a superuser: small valid books, spoilt one way each."""

import pytest
import pytest_asyncio

from processor.database import Connection
from tests.ledger.audit_interest import interest
from tests.ledger.audit_story import assert_named, no_of, tell, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

C, F, G, P, R, S = map(no_of, "CFGPRS")

SPOILT = [
    # the check that names it, the checks that may fail beside it, what was done
    ("interest_accruals", "interest_accumulated",
     f"UPDATE interest_accrual SET accrued = accrued::numeric + 1 WHERE account_no = {S} AND last_day = '2026-03-29'"),
    ("interest_accruals", "interest_accumulated",
     (f"UPDATE interest_accrual SET accumulated = accumulated::numeric + 10^9"
     f" WHERE account_no = {G} AND last_day = '2026-03-28'")),
    ("interest_accruals", "", "UPDATE interest_accrual SET zone = 'UTC' WHERE zone <> 'UTC'"),
    ("interest_accruals", "",
     ("UPDATE product_version SET day_count = 365 WHERE product = 'GROW'; "
     "UPDATE product SET day_count = 365 WHERE product = 'GROW'")),
    ("interest_accruals", "",
     "UPDATE product_version SET tiers = '0:0.01;10:0.02' WHERE (product, product_version) = ('FLAT', 1)"),
    ("interest_accruals", "products",
     "UPDATE product_version SET defined_at = defined_at - '1 s'::interval WHERE product_version = 2"),
    ("interest_accruals", "", "UPDATE event SET aggregateid = 'P' WHERE type = 'interest.accrued'"),
    ("interest_accruals", "",
     "UPDATE event SET payload = '{\"accrued\":\"0.000001\"}' WHERE type = 'interest.accrued'"),
    ("interest_accruals", "account_terms interest_days",
     f"UPDATE account_terms SET product = 'plain' WHERE account_no = {F}"),
    ("interest_accruals", "interest_days interest_accumulated",
     (f"UPDATE interest_accrual SET last_day = '2026-04-05', first_day = '2026-04-05'"
     f" WHERE account_no = {G} AND first_day = '2026-04-01'")),
    ("interest_days", "interest_accruals interest_accumulated",
     f"UPDATE interest_accrual SET first_day = '2026-03-28' WHERE account_no = {G} AND last_day = '2026-03-29'"),
    ("interest_days", "interest_accruals interest_accumulated",
     (f"UPDATE interest_accrual SET first_day = first_day - 1, last_day = last_day - 1"
     f" WHERE account_no = {S} AND first_day = '2026-04-03'")),
    ("interest_days", "",
     (f"UPDATE interest SET since = '2026-03-26' WHERE account_no = {G}; "
     f"UPDATE account_terms SET set_at = set_at - '1 day'::interval WHERE account_no = {G}")),
    ("interest_days", "", f"UPDATE interest SET accrued_until = '2026-04-02' WHERE account_no = {G}"),
    ("interest_days", "",
     f"UPDATE interest SET accrued_until = '2026-03-31' WHERE account_no = {G}"),
    ("interest_days", "interest_accumulated", f"DELETE FROM interest WHERE account_no = {G}"),
    ("interest_days", "account_terms", f"UPDATE account SET product = 'savings' WHERE account_no = {P}"),
    ("interest_accumulated", "", f"UPDATE interest SET carried = 0 WHERE account_no = {G}"),
    ("interest_accumulated", "", f"UPDATE interest SET unposted = '2026-05:0' WHERE account_no = {G}"),
    ("interest_accumulated", "", f"UPDATE interest SET posted_until = '2026-02-28' WHERE account_no = {G}"),
    ("interest_accumulated", "", f"UPDATE interest SET idle = true WHERE account_no = {G}"),
    ("interest_accumulated", "account_terms interest_days",
     f"UPDATE interest SET idle = true, unposted = '' WHERE account_no = {S}"),
    ("interest_accumulated", "interest_accruals interest_days",
     f"DELETE FROM interest_accrual WHERE account_no = {G} AND last_day = '2026-03-28'"),
    ("interest_accumulated", "",
     f"UPDATE interest_posting SET accumulated = accumulated::numeric + 1 WHERE account_no = {C}"),
    ("interest_postings", "interest_accumulated", f"DELETE FROM interest_posting WHERE account_no = {G}"),
    ("interest_postings", "interest_accumulated", f"DELETE FROM interest_posting WHERE account_no = {C}"),
    ("interest_postings", "interest_accumulated",
     f"UPDATE interest_posting SET amount_minor = amount_minor + 1 WHERE account_no = {G}"),
    ("interest_postings", "interest_accumulated",
     f"UPDATE interest_posting SET account_no = {S} WHERE account_no = {G}"),
    ("interest_postings", "interest_accumulated",
     f"UPDATE interest_posting SET value_date = '2026-04-01' WHERE account_no = {G}"),
    ("interest_postings", "interest_accumulated interest_days",
     f"UPDATE interest_posting SET value_date = '2026-03-30', posted_until = '2026-03-30' WHERE account_no = {G}"),
    ("interest_postings", "interest_accumulated",
     f"UPDATE interest_posting SET value_date = '2026-04-02', posted_until = '2026-04-01' WHERE account_no = {C}"),
    ("interest_postings", "",
     "UPDATE event SET payload = '{\"amount\":\"0.01\",\"value_date\":\"2026-03-31\"}' WHERE type = 'interest.posted'"),
    ("interest_postings", "",
     ("UPDATE event SET occurred_at = occurred_at + '1 us'::interval"
     " WHERE type = 'interest.posted' AND aggregateid = 'F'")),
    ("interest_postings", "transaction_entries",
     f"UPDATE transaction SET source_no = {P} WHERE kind = 10"),
    ("transaction_entries", "interest_postings", "UPDATE side_leg SET amount_minor = amount_minor + 1 WHERE kind = 4"),
    ("transaction_entries", "interest_postings",
     "UPDATE transaction SET amount_minor = amount_minor + 1 WHERE kind = 10"),
    ("transaction_entries", "interest_postings", f"UPDATE side_leg SET source_no = {P} WHERE kind = 4"),
    ("transaction_answers", "account_terms interest_postings",
     "UPDATE event SET type = 'account.opened' WHERE type = 'interest.posted' AND aggregateid = 'G'"),
    ("entry_numbers", "entry_chain interest_accruals transaction_entries balance_floor",
     f"UPDATE entry SET posted_at = posted_at - '2 days'::interval WHERE account_no = {S} AND entry_no = 3"),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def interest_told(connection: Connection) -> Connection:
    await tell(connection, interest())
    return connection


@pytest.mark.parametrize(("check", "beside", "statement"), SPOILT)
async def test_what_a_superuser_spoils_of_interest_is_named(
    interest_told: Connection, check: str, beside: str, statement: str
) -> None:
    async with written(interest_told, *statement.split("; ")):
        await assert_named(interest_told, check, beside, statement)
