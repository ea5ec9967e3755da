"""What the door of revenue shows to a person: nothing that a sender wrote is taken for markup."""

import pytest

from partita.cli.revenue import _as_table, _show_summary
from processor.revenue.reads import RecordRead, RecordsPage
from processor.revenue.summaries import CurrencySummary, MonthRevenue, Summary

YEN = CurrencySummary(
    currency="JPY",
    total="75",
    records=2,
    average_per_period="38",
    latest_growth="-0.5000",
    months=[
        MonthRevenue(month="2026-06", amount="50", records=1, growth=None),
        MonthRevenue(month="2026-07", amount="25", records=1, growth="-0.5000"),
    ],
)


def test_a_summary_has_a_table_for_each_currency(capsys: pytest.CaptureFixture[str]) -> None:
    _show_summary(Summary(account_id="acme", currencies=[YEN, YEN]), as_json=False)
    shown = capsys.readouterr().out
    assert shown.count("75 JPY, 38 a month, latest growth -0.5000") == 2
    assert shown.count("│ 2026-06 │     50 │       1 │         │\n│ 2026-07 │     25 │       1 │ -0.5000 │\n") == 2


def test_an_account_without_records_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    _show_summary(Summary(account_id="acme", currencies=[]), as_json=False)
    assert capsys.readouterr().out == "no records\n"


def test_a_page_ends_with_what_asks_for_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    record = RecordRead(
        record_id="r1", account_id="acme", amount="-1.50", currency="EUR", period_start="2026-07-01",
        period_end="2026-07-31", version=2,
    )  # fmt: skip
    _as_table("acme", RecordsPage(records=[record], next_token="1abc"))
    shown = capsys.readouterr().out
    assert "│ r1     │ 2026-07-01 │ 2026-07-31 │  -1.50 │ EUR      │" in shown
    assert shown.endswith("the next page: partita revenue acme --token 1abc\n")
