"""The audit of users, feeds, expenses, sums and rates against a superuser: small books, spoilt one way each."""

import pytest

from processor.database import Connection
from processor.engine.audit import audit
from tests.expenses.audit_books import CHECKS, assert_named, of, put, spoilt, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

E5 = f"expense_id = 'e5' AND {of('ada')}"  # of two versions, converted at a rate turned round
ADA, BO, CY, DAN = (f"user_id = '{name}'" for name in ("ada", "bo", "cy", "dan"))
TRAVEL = f"category = 'Travel' AND {of('ada')}"
CLOCKS = f"recurring_id = 'clocks' AND {of('cy')}"  # the last change of cy
DELETED = "type = 'expense.deleted' AND aggregateid = 'ada'"
LATER = "interval '9 h'"
NEW = "rate = '0.92'"  # set again, in the place of 0.91

SPOILT = [
    # the check that names it, those that fail beside it, what was done
    ("users", "", put("expense_user", "base_currency = 'EUR'", DAN)),
    ("users", "", put("expense_user", "timezone = 'Europe/Paris'", ADA)),
    ("users", "", put("expense_user", "timezone = 'Asia/Tokyo'", CY)),
    ("users", "", put("expense_user", "user_id = 'don'", DAN)),
    ("users", "", put("expense_user", "created_at = created_at - interval '1 us'", DAN)),
    ("users", "", put("expense_user", "seq = seq + 1", DAN)),
    ("users", "", put("expense_user", "erased_at = decided_at", DAN)),
    ("users", "recurring_due", put("expense_user", "erased_at = NULL", CY)),
    ("users", "", f"DELETE FROM expense_user WHERE {DAN}"),
    ("users", "", told("user.updated", "America/Havana", "America/Lima", by="bo")),
    ("users", "", put("event", "type = 'user.updated'", "type = 'user.created' AND aggregateid = 'dan'")),
    ("users", "", put("event", "type = 'user.gone'", "type = 'user.erased'")),
    ("change_numbers", "", put("expense_user", "last_change_no = last_change_no + 1", ADA)),
    ("change_numbers", "", put("expense_user", "decided_at = decided_at - interval '1 h'", ADA)),
    ("change_numbers", "", put("expense_user", f"decided_at = decided_at + {LATER}", ADA)),
    ("change_numbers", "budgets expense_answers",
     f"DELETE FROM budget_version WHERE category = 'Idle' AND {of('ada')}"),
    ("change_numbers", "expense_answers expense_versions",
     put("expense_version", f"changed_at = changed_at + {LATER}", f"{E5} AND version_no = 2")),
    ("change_numbers", "recurring_rules expense_answers",
     put("recurring_rule", "change_no = change_no + 1", f"recurring_id = 'clocks' AND {of('bo')}")),
    ("change_numbers",
     "budget_thresholds budgets expense_answers expense_conversions recurring_rules users",
     f"DELETE FROM expense_user WHERE {BO}"),
    ("expense_versions", "", put("expense", "notes = 'by air'", E5)),
    ("expense_versions", "", put("expense", "amount_minor = amount_minor + 1", E5)),
    ("expense_versions", "", put("expense", "currency = 'SEK'", E5)),
    ("expense_versions", "", put("expense", "rate_over = '1.0'", E5)),
    ("expense_versions", "", put("expense", "rate_under = '0.96'", E5)),
    ("expense_versions", "", put("expense", "date = date + 1", E5)),
    ("expense_versions", "", put("expense", "device_id = 'nobody'", E5)),
    ("expense_versions", "", put("expense", "recurring_id = 'rent'", E5)),
    ("expense_versions", "", put("expense", "version_no = 3", E5)),
    ("expense_versions", "", put("expense", "change_no = change_no + 1", E5)),
    ("expense_versions", "", put("expense", "decided_at = decided_at + interval '1 us'", E5)),
    ("expense_versions", "expense_sums", put("expense", "category = 'Fun'", E5)),
    ("expense_versions", "expense_sums", put("expense", "base_minor = base_minor + 1", E5)),
    ("expense_versions", "expense_sums", put("expense", "deleted = true", E5)),
    ("expense_versions", "expense_sums", put("expense", "user_no = user_no + 1000", E5)),
    ("expense_versions", "", f"DELETE FROM expense WHERE deleted AND {of('ada')}"),
    ("expense_versions", "", put("expense", "expense_id = 'e88'", f"expense_id = 'e8' AND {of('ada')}")),
    ("expense_versions", "expense_answers",
     f"{put('expense_version', 'version_no = 3', f'{E5} AND version_no = 2')}; {put('expense', 'version_no = 3', E5)}"),
    ("expense_versions", "expense_answers",
     put("expense_version", "deleted = true, device_id = NULL", f"{E5} AND version_no = 1")),
    ("expense_versions", "expense_answers", put("expense_version expense", "notes = 'x'", f"deleted AND {of('ada')}")),
    ("expense_answers", "", put("expense_version", "notes = 'x'", f"{E5} AND version_no = 1")),
    ("expense_answers", "", put("expense_version expense", "device_id = 'x'", f"{E5} AND version_no = 2")),
    ("expense_answers", "", told("expense.changed", '"amount":"10.01"', '"amount":"10.02"')),
    ("expense_answers", "", told("expense.changed", '"base_amount":"10.54"', '"base_amount":"10.53"')),
    ("expense_answers", "", told("expense.changed", '"rate":"1.052631578947"', '"rate":"1.052631578948"')),
    ("expense_answers", "", told("expense.changed", '"rate":"1.052631578947"', "}")),
    ("expense_answers", "", told("expense.changed", "by bus", "on foot")),
    ("expense_answers", "", told("expense.changed", '"device_id":"laptop"', '"device_id":"phone"')),
    ("expense_answers", "", told("expense.deleted", '"version":2', '"version":3')),
    ("expense_answers", "", told("expense.added", '"recurring_id":"done"', '"recurring_id":"gone"')),
    ("expense_answers", "", told("expense.added", "recurring.materialise", "expense.add")),
    ("expense_answers", "", put("event", "payload = '\\xff'", DELETED)),
    ("expense_answers", "", put("event", "type = 'expense.changed'", DELETED)),
    ("expense_answers", "", put("event", "aggregateid = 'bo'", DELETED)),
    ("expense_answers", "", put("event", "occurred_at = occurred_at + interval '1 us'", DELETED)),
    ("expense_answers", "",
     (f"DELETE FROM recurring_rule WHERE {CLOCKS}; DELETE FROM recurring WHERE {CLOCKS};"
      f"{put('expense_user', 'last_change_no = last_change_no - 1', CY)}")),
    ("expense_conversions", "",
     (f"{put('expense expense_version', 'base_minor = base_minor + 1', E5)};"
      f"{put('expense_summary', 'spent_minor = spent_minor + 1', TRAVEL)};"
      f"{told('expense.added', '10.54', '10.55')}; {told('expense.changed', '10.54', '10.55')}")),
    ("expense_conversions", "expense_answers", put("expense expense_version", "rate_under = '0.96'", E5)),
    ("expense_conversions", "expense_answers",
     put("expense expense_version", "rate_under = '0.949'", f"{E5} AND version_no = 2")),
    ("expense_conversions", "expense_answers", put("expense expense_version", "rate_under = 'x'", E5)),
    ("expense_conversions", "expense_answers expense_versions",
     put("expense_version", "rate_over = '1.0'", f"expense_id = 'e9' AND {of('ada')}")),
    ("expense_conversions", "rates", put("rate_version", "rate = '0.96'", "quote = 'CHF'")),
    ("expense_conversions", "rates", put("rate_version", "date = '2026-02-08'", "quote = 'CHF'")),
    ("expense_conversions", "rates", put("rate_version", f"set_at = set_at + {LATER}", "quote = 'CHF'")),
    ("expense_conversions", "rates", put("rate_version", "date = '2026-03-06'", "(base, quote) = ('USD', 'JPY')")),
    ("expense_conversions", "rates", "DELETE FROM rate_version WHERE base = 'GBP' AND quote = 'JPY'"),
    ("expense_sums", "", put("expense_summary", "spent_minor = spent_minor + 1", TRAVEL)),
    ("expense_sums", "", put("expense_summary", "expenses = expenses + 1", TRAVEL)),
    ("expense_sums", "", put("expense_summary", "category = 'Idle'", TRAVEL)),
    ("expense_sums", "", put("expense_summary", "month = '2025-03-01'", TRAVEL)),
    ("expense_sums", "", f"DELETE FROM expense_summary WHERE {TRAVEL}"),
    ("expense_sums", "",
     f"INSERT INTO expense_summary VALUES ({of('dan')[10:]}, '2026-03-01', 'Gold', 0, 0, 0, 1, now())"),
    ("rates", "", put("rate", "rate = '0.93'", NEW)),
    ("rates", "", put("rate", "rate_no = 1", NEW)),
    ("rates", "", put("rate", "decided_at = decided_at + interval '1 us'", NEW)),
    ("rates", "", put("rate", "date = date + 1", NEW)),
    ("rates", "", f"DELETE FROM rate WHERE {NEW}"),
    ("rates", "", put("rate_version", "rate = '0.910'", "rate = '0.91'")),
    ("rates", "", put("rate_version", f"set_at = set_at + {LATER}", "rate = '0.91'")),
    ("rates", "", "DELETE FROM rate_version WHERE rate = '0.91'"),
    ("rates", "",
     (f"DELETE FROM rate_version WHERE {NEW}; {put('rate', 'rate_no = 1', NEW)};"
      f"{put('rate_book', 'decided_at = (SELECT max(set_at) FROM rate_version)', 'true')}")),
    ("rates", "", put("rate_book", "decided_at = NULL", "true")),
    ("rates", "", "DELETE FROM rate_book"),
    ("rates", "", told("rate.defined", '"rate":"0.92"', '"rate":"0.93"', by="USD")),
    ("rates", "", put("event", "type = 'rate.rejected'", "type = 'rate.defined' AND aggregateid = 'EUR'")),
]  # fmt: skip


async def test_books_that_nobody_has_spoilt_hold_whatever_the_slices_are(books: Connection) -> None:
    for rows in (5, 50_000):
        report = await audit(books, CHECKS, rows_per_slice=rows)
        unused = [each.name for each in report.results if not each.examined]

        assert (report.failed, unused) == ((), ["repeats_have_answers", "dead_letters_told", "relay_position"])


@pytest.mark.parametrize(("check", "beside", "statements"), SPOILT)
async def test_what_a_superuser_spoils_is_named(books: Connection, check: str, beside: str, statements: str) -> None:
    async with spoilt(books, statements):
        await assert_named(books, check, beside, statements)
