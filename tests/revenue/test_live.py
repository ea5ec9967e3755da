"""No read of revenue can forget to leave deleted ones out: whatever is not named here reads the views alone.

The rows of what was deleted stay in the tables, and an account's deletion touches none of its records. So a statement
that reads the tables shows what is gone; those that have to are listed, each with why.
"""

import re
from typing import Final

from processor.database import parse_queries
from tests.house.tree import ROOT, files

TABLES: Final = ("revenue_account", "revenue_record", "revenue_account_version", "revenue_record_version")
# What may name the tables: file, and statements of it.
MAY: Final = {
    # the store decides on what is there, deleted or not: ids stay taken
    "processor/revenue/families/accounts.sql": {"lock_accounts", "update_accounts"},
    "processor/revenue/families/records.sql": {"records", "update_records"},
    # looks an id up for its number, and where slices end; whatever is shown comes from `revenue_below`
    "processor/revenue/exports.sql": {"account_below", "next_slice"},
    # the audit holds rows against each other, whatever they are
    "processor/revenue/audit.sql": {
        *("next_account_slice", "revenue_accounts", "revenue_account_answers", "revenue_records"),
        *("revenue_record_answers", "revenue_answers"),
    },
}
SAYS_TABLE: Final = re.compile(rf"\b({'|'.join(TABLES)})\b")


def reading_tables(name: str, text: str) -> set[str]:
    """Return the statements of a file that name a table of revenue."""
    queries = parse_queries(text, source=name)
    return {query for query, sql in queries.items() if SAYS_TABLE.search(re.sub("--.*", "", sql))}


def test_no_statement_but_those_that_have_to_reads_the_tables() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): reading
        for path in files()
        if path.suffix == ".sql" and "migrations" not in path.parts
        and (reading := reading_tables(path.name, path.read_text("utf-8")))
    }  # fmt: skip
    assert {name: each for name, each in found.items() if name.startswith(("processor/", "partita/cli/"))} == MAY


def test_a_read_that_forgets_would_be_noticed() -> None:
    text = (
        "-- name: good\n-- not revenue_record\nSELECT 1 FROM live_revenue;\n-- name: bad\nSELECT 1 FROM revenue_record"
    )
    assert reading_tables("new.sql", text) == {"bad"}
