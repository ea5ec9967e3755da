"""The rows of what was agreed on for accounts: limit, product, standing and protector, in every version."""

from typing import Final

from processor.database import named_queries
from processor.engine.audit import Check, Part, by_lane
from processor.engine.copy import Table
from processor.ledger.checks import by_entry

_SQL = named_queries("processor.ledger.families", "accounts.sql")

TABLES: Final = (
    Table(
        "account_terms",
        lane_no="int4",
        seq="int8",
        set_at="timestamptz",
        account_no="int8",
        overdraft_limit_minor="int8",
        good_standing="bool",
        product="text",
        protection_account_id="text?",
    ),
)
CHECKS: Final = (
    Check(
        name="account_terms",
        promise="Limit, product, standing and protector of each account are as they were last set, and were told so.",
        parts=(
            Part(statement=_SQL["audit_account_terms"], slicing=by_entry),
            Part(statement=_SQL["audit_terms_told"], slicing=by_lane),
        ),
    ),
    Check(
        name="protection",
        promise="Accounts step in for those of the same customer, in no circle, and did so where they were linked.",
        parts=(
            Part(statement=_SQL["audit_protectors"], slicing=by_entry),
            Part(statement=_SQL["audit_protections"], slicing=by_lane),
        ),
    ),
)
