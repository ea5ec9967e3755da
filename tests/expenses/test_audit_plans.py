"""The audit of budgets, of what recurs and of who is erased against a superuser: small books, spoilt one way each."""

import pytest

from processor.database import Connection
from tests.expenses.audit_books import LONG, assert_named, of, put, spoilt, told

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = f"category = 'Idle' AND {of('ada')}"  # a budget without an expense
FOOD = f"category = 'Food' AND month = '2026-03-01' AND {of('ada')}"
RENT = f"recurring_id = 'rent' AND {of('ada')}"  # next on a day that was left out
NAMED = "'recurring:rent:2026-01-31'"
DONE = f"recurring_id = 'done' AND {of('ada')}"
GYM = f"recurring_id = 'gym' AND {of('ada')}"  # of three rules
STOPPED = f"recurring_id = '{LONG}' AND {of('ada')}"
CLOCKS = f"recurring_id = 'clocks' AND {of('bo')}"  # next in Havana, on a day whose first hour comes twice
TOLD = "type = 'budget.threshold_reached' AND aggregateid = 'ada'"
FIRST = f"{TOLD} AND position('\"percent\":80' IN convert_from(payload, 'UTF8')) > 0"
REFUSED = "type = 'expense.rejected' AND aggregateid = 'ada'"
OF_CY = "type = 'expense.added' AND aggregateid = 'cy'"

SPOILT = [
    # the check that names it, those that fail beside it, what was done
    ("budgets", "", put("budget", "limit_minor = limit_minor + 1", IDLE)),
    ("budgets", "", put("budget", "limit_minor = NULL", IDLE)),
    ("budgets", "", put("budget", "month = '2026-03-01'", IDLE)),
    ("budgets", "", put("budget", "category = 'Busy'", IDLE)),
    ("budgets", "", put("budget", "decided_at = decided_at + interval '1 us'", IDLE)),
    ("budgets", "", f"DELETE FROM budget WHERE {IDLE}"),
    ("budgets", "", put("budget_version", "limit_minor = NULL", IDLE)),
    ("budgets", "", put("budget budget_version", "limit_minor = 7", IDLE)),
    ("budgets", "", told("budget.defined", '"limit":"5.00"', '"limit":"6.00"')),
    ("budgets", "", told("budget.defined", '"month":"2026-04"', '"month":"2026-05"')),
    ("budgets", "", told("budget.defined", '"category":"Idle"', '"category":"Busy"')),
    ("budget_thresholds", "budgets", put("budget_version", "limit_minor = 9000", FOOD)),
    ("budget_thresholds", "", put("expense_summary", "told = 0", FOOD)),
    ("budget_thresholds", "", put("expense_summary", "told = 80", FOOD)),
    ("budget_thresholds", "", put("expense_summary", "told = 100", f"category = 'Travel' AND {of('ada')}")),
    ("budget_thresholds", "", put("event", "type = 'something.extra'", TOLD)),
    ("budget_thresholds", "", put("event", "aggregateid = 'bo'", FIRST)),
    ("budget_thresholds", "", put("event", "occurred_at = occurred_at + interval '1 us'", FIRST)),
    ("budget_thresholds", "", put("event", "command_id = gen_random_uuid()", FIRST)),
    ("budget_thresholds", "", put("event", "type = 'budget.threshold_reached'", REFUSED)),
    ("budget_thresholds", "", told("budget.threshold_reached", '"percent":100', '"percent":80')),
    ("budget_thresholds", "", told("budget.threshold_reached", '"spent":"42.00"', '"spent":"42.01"')),
    ("budget_thresholds", "", told("budget.threshold_reached", '"limit":"50.00"', '"limit":"40.00"')),
    ("budget_thresholds", "", told("budget.threshold_reached", '"month":"2026-03"', '"month":"2026-02"')),
    ("budget_thresholds", "", told("budget.threshold_reached", '"category":"Food"', '"category":"Idle"')),
    ("budget_thresholds", "", told("budget.threshold_reached", '"percent":80', "}")),
    ("recurring_rules", "", put("recurring_rule", "amount_minor = amount_minor + 1", CLOCKS)),
    ("recurring_rules", "", put("recurring_rule", "currency = 'SEK'", CLOCKS)),
    ("recurring_rules", "", put("recurring_rule", "category = 'Sport'", CLOCKS)),
    ("recurring_rules", "", put("recurring_rule", "notes = 'x'", CLOCKS)),
    ("recurring_rules", "", put("recurring_rule", "ends_on = '2027-01-01'", CLOCKS)),
    ("recurring_rules", "", put("recurring_rule", "frequency = 2", CLOCKS)),
    ("recurring_rules", "recurring_due", put("recurring_rule", "starts_on = '2026-10-31'", CLOCKS) + "; "
     + put("recurring_rule", "effective_from = '2026-10-31'", CLOCKS)),
    ("recurring_rules", "", put("recurring_rule", "category = 'Sport'", f"{STOPPED} AND stopped")),
    ("recurring_rules", "", put("recurring_rule", "rule_no = 5", f"{GYM} AND rule_no = 3")),
    ("recurring_rules", "expense_answers change_numbers", f"DELETE FROM recurring_rule WHERE {GYM} AND rule_no = 2"),
    ("recurring_rules", "", put("recurring", "rules = rules + 1", RENT)),
    ("recurring_rules", "recurring_due", put("recurring", "recurring_id = 'sport'", GYM)),
    ("recurring_rules", "", f"DELETE FROM recurring WHERE {DONE}"),
    ("recurring_rules", "", told("recurring.defined", '"frequency":"monthly"', '"frequency":"weekly"')),
    ("recurring_rules", "", told("recurring.stopped", '"effective_from":"2026-03-1', '"effective_from":"2026-03-2')),
    ("recurring_rules", "", put("event", "type = 'recurring.defined'", "type = 'recurring.stopped'")),
    ("recurring_entries", "expense_answers", f"DELETE FROM recurring_entry WHERE {RENT} AND date = '2026-02-28'"),
    ("recurring_entries", "expense_answers",
     put("recurring_entry", "date = '2026-02-27'", f"{RENT} AND date = '2026-02-28'")),
    ("recurring_entries", "expense_answers recurring_due",
     put("recurring_entry", "date = '2026-01-31'", f"{RENT} AND date = '2026-02-28'")),
    ("recurring_entries", "", put("recurring_entry", "expense_id = 'e1'", DONE)),
    ("recurring_entries", "", put("recurring_entry", "made_at = made_at + interval '1 us'", DONE)),
    ("recurring_entries", "expense_answers", put("recurring_entry", "seq = seq + 1", DONE)),
    ("recurring_entries", "recurring_due",
     (f"INSERT INTO recurring_entry SELECT lane_no, seq, made_at, user_no, '2026-01-31', recurring_id, {NAMED}"
      f" FROM recurring_entry WHERE {RENT} AND date = '2026-02-28'")),
    ("recurring_entries", "recurring_rules", put("recurring_rule", "notes = 'x'", RENT)),
    ("recurring_entries", "recurring_rules", put("recurring_rule", "ends_on = '2026-03-12'", DONE)),
    ("recurring_entries", "recurring_rules recurring_due",
     put("recurring_rule", "effective_from = '2026-03-09'", f"{GYM} AND rule_no = 2")),
    ("recurring_entries", "expense_answers expense_versions",
     put("expense_version expense", "recurring_id = NULL", DONE)),
    ("recurring_due", "", put("recurring", "next_on = next_on + 28", RENT)),
    ("recurring_due", "", put("recurring", "next_on = NULL, next_due_at = NULL", RENT)),
    ("recurring_due", "", put("recurring", "next_due_at = next_due_at + interval '1 us'", RENT)),
    ("recurring_due", "", put("recurring", "next_due_at = next_due_at - interval '1 us'", RENT)),
    ("recurring_due", "", put("recurring", "next_due_at = next_due_at + interval '1 h'", CLOCKS)),
    ("recurring_due", "", put("recurring", "next_due_at = NULL", CLOCKS)),
    ("recurring_due", "", put("recurring", "next_on = '2026-03-14', next_due_at = '2026-03-13 23:00Z'", DONE)),
    ("recurring_due", "", put("recurring", "next_on = '2026-03-17', next_due_at = '2026-03-16 23:00Z'", STOPPED)),
    ("recurring_due", "users", put("expense_user", "timezone = 'Asia/Tokyo'", "user_id = 'ada'")),
    ("recurring_due", "users", put("expense_user", "timezone = 'nowhere'", "user_id = 'ada'") + "; "
     + put("recurring", "next_due_at = next_due_at + interval '28 h'", RENT)),
    ("erased_users", "expense_versions", put("expense", "notes = 'x'", f"expense_id = 'e1' AND {of('cy')}")),
    ("erased_users", "expense_answers",
     put("expense_version", "device_id = 'x'", f"expense_id = 'e1' AND version_no = 1 AND {of('cy')}")),
    ("erased_users", "expense_sums budget_thresholds",
     put("expense_summary", "category = 'Food'", f"category = 'erased-1' AND {of('cy')}")),
    ("erased_users", "budgets", put("budget", "category = 'Idle'", f"category = 'erased-4' AND {of('cy')}")),
    ("erased_users", "budgets", put("budget_version", "category = 'Idle'", f"category = 'erased-4' AND {of('cy')}")),
    ("erased_users", "recurring_rules",
     put("recurring_rule", "notes = 'x'", f"recurring_id = 'clocks' AND {of('cy')}")),
    ("erased_users", "", put("event", "headers = '{\"a\":\"b\"}'", OF_CY)),
    ("erased_users", "", told("expense.added", '"replayed"', '"metadata":{},"replayed"', by="cy")),
    ("erased_users", "", told("user.created", '"replayed"', '"correlation_id":"x","replayed"', by="cy")),
    ("erased_users", "", told("expense.rejected", '"notes":""', '"notes":"x"', by="cy")),
    ("erased_users", "expense_answers", told("expense.changed", '"notes":""', '"notes":"x"', by="cy")),
    ("erased_users", "", put("dead_letter", "value = 'x'", "key = 'cy'")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "beside", "statements"), SPOILT)
async def test_what_a_superuser_spoils_is_named(books: Connection, check: str, beside: str, statements: str) -> None:
    async with spoilt(books, statements):
        await assert_named(books, check, beside, statements)
