"""What filters of exports may say."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from processor.engine import export_filters
from processor.engine.exporting import ExportKind
from processor.expenses.exports import kinds_of
from processor.ledger.exports import KINDS

BERLIN = ZoneInfo("Europe/Berlin")
KIND: dict[str, ExportKind] = {kind.name: kind for kind in (*KINDS, *kinds_of({}))}
TABLE = """
    transactions from=2026-01-01 to=2026-02-01                      -> fits
    transactions from=2026-01-01 to=2026-01-01                      -> fits
    transactions from=2026-01-01T00:00:00Z to=2026-01-01T01:00:00.5+01:00 -> fits
    transactions account_id=-a.b:c_1 from=2026-01-01 to=2026-02-01  -> fits
    transactions                                                    -> from
    transactions from=2026-01-01                                    -> to
    transactions to=2026-01-01                                      -> from
    transactions from=2026-02-01 to=2026-01-01                      -> to
    transactions from=2026-01-01T00:00:01Z to=2026-01-01            -> to
    transactions from=2026-01-01T00:00:00 to=2026-02-01             -> from
    transactions from=20260101 to=2026-02-01                        -> from
    transactions from=2026-13-01 to=2026-02-01                      -> from
    transactions from=2026-02-30 to=2026-03-01                      -> from
    transactions from=1899-12-31 to=2026-03-01                      -> from
    transactions from=2026-01-01 to=9999-01-01                      -> to
    transactions from=0001-01-01T00:00:00Z to=2026-01-01            -> from
    transactions account_id= from=2026-01-01 to=2026-02-01          -> account_id
    transactions account_id=a,b from=2026-01-01 to=2026-02-01       -> account_id
    transactions from=2026-01-01 status=FAILED to=2026-02-01        -> status
    transactions from=2026-02-01 month=2026-01 to=2026-01-01        -> month
    entries      from=2026-02-01 to=2026-01-31                      -> to
    statements   account_id=a month=2026-01                         -> fits
    statements   month=2026-01                                      -> account_id
    statements   account_id=a                                       -> month
    statements   account_id=a month=2026-13                         -> month
    statements   account_id=a month=2026-1                          -> month
    statements   account_id=a month=2026-01-01                      -> month
    accounts                                                        -> fits
    accounts     account_id=a                                       -> account_id
    expenses     user_id=u year=2026                                -> fits
    expenses     user_id=u                                          -> year
    expenses     year=2026                                          -> user_id
    expenses     user_id=u year=26                                  -> year
    expenses     user_id=u year=1899                                -> year
    expenses     user_id=u year=9999                                -> year
    expenses     user_id=u year=²⁰²⁶                                -> year
"""


@pytest.mark.parametrize("row", [line.strip() for line in TABLE.strip().splitlines()])
def test_a_filter_that_is_missing_unknown_or_does_not_fit_is_named(row: str) -> None:
    said, verdict = row.split("->")
    name, *words = said.split()
    filters = dict(word.split("=", 1) for word in words)
    assert KIND[name].wrong_filter(filters) == (None if verdict.strip() == "fits" else verdict.strip())


def test_a_text_with_an_end_of_line_is_neither_id_nor_day_nor_instant() -> None:
    for fits in (export_filters.is_id, export_filters.is_day, export_filters.is_month, export_filters.is_instant):
        for text in ("2026-01-01\n", "2026-01\n", "a\n", "\n", "a\x00"):
            assert not fits(text)


def test_a_day_begins_where_the_bank_is() -> None:
    assert export_filters.instant_at("2026-07-01", BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert export_filters.instant_at("2026-07-01", UTC) == datetime(2026, 7, 1, tzinfo=UTC)
    assert export_filters.instant_at("2026-07-01T00:00:00Z", BERLIN) == datetime(2026, 7, 1, tzinfo=UTC)
    assert export_filters.is_month("2026-01")
