"""What balances earn: published cases, roundings, and that it makes no difference in how many steps days accrue."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from processor.ledger import earning
from processor.ledger.bank import Bank
from processor.ledger.earning import ONE_DAY, SCALE, Interest, accrual_text, paid, rate_at, rested, units_of_day
from processor.ledger.families.interest import months_of, months_text
from processor.ledger.products import BUILT_IN
from processor.ledger.values import Account, AccountType, DayEnd, Product, Status, Tier
from tests.ledger.interest_cases import cases, needs_cases

PLACES: Final = 10**10  # units of 10^-12 of a minor unit of two decimals, in 4 decimals of the currency's unit
START: Final = date(2026, 1, 30)
SAVINGS: Final = BUILT_IN["savings"]
KINDS: Final = [(interest, mode) for interest in ("simple", "compound") for mode in ("whole", "marginal")]


def product(interest: str, mode: str, *tiers: tuple[int, str], days: int = 365) -> Product:
    bears = {"interest": interest, "tier_mode": mode, "day_count": days, "tiers": tuple(Tier(*tier) for tier in tiers)}
    return msgspec.structs.replace(SAVINGS, product="own", currency="USD", **bears)


def account(name: str = "own") -> Account:
    opened = datetime(2026, 1, 30, tzinfo=UTC)
    return Account(1, "A1", AccountType.SAVINGS, "USD", name, Status.ACTIVE, 0, 0, 0, 0, opened, None)


@needs_cases
def test_published_cases_are_met_but_for_interest_on_overdrafts() -> None:
    for case in cases():
        own = product("simple", "marginal", *case.tiers, days=case.day_count)
        units = case.days * units_of_day(own, "USD", case.minor)
        assert Decimal(floor(Fraction(units, PLACES) + Fraction(1, 2))) / 10**4 == case.expected, case


@pytest.mark.parametrize(
    ("ledger_minor", "of_a_year", "units"),
    [
        (1, "0.01", 27_397_260),  # 27,397,260.27
        (3, "0.01", 82_191_781),  # .78
        (1, "0.0000000001", 0),  # .27
        (2, "0.0000000001", 1),  # .55
        (0, "0.5", 0),
        (-(10**17), "0.5", 0),
        (9 * 10**17, "99.9999999999", 246_575_342_465_506_849_315_068_493_151),
    ],
)
def test_a_day_is_rounded_half_up_to_a_unit(ledger_minor: int, of_a_year: str, units: int) -> None:
    assert units_of_day(product("simple", "whole", (0, of_a_year)), "USD", ledger_minor) == units


def test_exactly_half_a_unit_counts_as_one() -> None:
    assert units_of_day(product("simple", "whole", (0, "0.0000000009"), days=360), "USD", 1) == 3  # 2.5


@pytest.mark.parametrize(
    ("units", "currency", "shown"),
    [
        (0, "USD", "0.000000"),
        (49_999_999, "USD", "0.000000"),
        (50_000_000, "USD", "0.000001"),
        (10**14, "USD", "1.000000"),
        (500_000, "JPY", "0.000001"),
        (499_999, "JPY", "0.000000"),
        (500_000_000, "KWD", "0.000001"),
        (10**31, "USD", "100000000000000000.000000"),
    ],
)
def test_what_is_shown_has_6_decimals_of_the_currency_s_unit(units: int, currency: str, shown: str) -> None:
    assert accrual_text(units, currency) == shown


@pytest.mark.parametrize(
    ("currency", "ledger_minor", "of_a_year"),
    [("EUR", 99_999, "0.01"), ("EUR", 100_000, "0.02"), ("EUR", 1_000_000, "0.025"), ("JPY", 999, "0.01"),
     ("JPY", 1000, "0.02"), ("KWD", 999_999, "0.01"), ("KWD", 10_000_000, "0.025"), ("EUR", 0, "0.01"),
     ("EUR", -1, "0")],
)  # fmt: skip
def test_the_tiers_of_savings_are_whole_units_of_every_currency(
    currency: str, ledger_minor: int, of_a_year: str
) -> None:
    assert rate_at(SAVINGS, currency, ledger_minor) == of_a_year


def test_there_is_no_rate_without_interest() -> None:
    assert {rate_at(BUILT_IN[name], "EUR", 10**9) for name in ("plain", "standard")} == {"0"}


balances = some.integers(-(10**6), 10**12) | some.sampled_from([0, 1, 99_999, 100_000, 100_001])
kinds = some.sampled_from(KINDS)
days_of = some.lists(balances, min_size=1, max_size=70)


@given(kind=kinds, ledger_minor=some.integers(1, 10**15), accumulated=some.integers(0, 10**20))
def test_a_day_is_worth_what_fractions_say(kind: tuple[str, str], ledger_minor: int, accumulated: int) -> None:
    tiers = [(0, Fraction("0.01")), (100_000, Fraction("0.025")), (10**7, Fraction("0.0333333333"))]
    own = product(*kind, *((start, f"{float(of_a_year):.10f}") for start, of_a_year in tiers), days=360)
    reached = [tier for tier in tiers if tier[0] <= ledger_minor]
    base = ledger_minor + (Fraction(accumulated, SCALE) if kind[0] == "compound" else 0)
    if kind[1] == "whole":
        yearly = base * reached[-1][1]
    else:
        ends = [*(start for start, _ in reached[1:]), base]
        yearly = sum(((end - start) * each for (start, each), end in zip(reached, ends, strict=True)), Fraction(0))
    worth = floor(yearly * SCALE / 360 + Fraction(1, 2))
    assert units_of_day(own, "USD", ledger_minor, accumulated=accumulated) == worth


@given(kind=kinds, ledgers=days_of, cuts=some.sets(some.integers(0, 69)))
def test_it_makes_no_difference_in_how_many_steps_days_accrue(
    kind: tuple[str, str], ledgers: list[int], cuts: set[int]
) -> None:
    own, last = product(*kind, (0, "0.05"), (100_000, "0.07")), START + ONE_DAY * (len(ledgers) - 1)
    ends = [DayEnd(START + ONE_DAY * number, ledger, own) for number, ledger in enumerate(ledgers)]
    at_once, runs = earning.accrued(nothing(), ends, "USD", until=last)
    stepwise, units = nothing(), 0
    for until in sorted({START + ONE_DAY * cut for cut in cuts if cut < len(ledgers)} | {last}):
        stepwise, some_runs = earning.accrued(stepwise, ends, "USD", until=until)
        units += sum(run.units for run in some_runs)

    assert stepwise == at_once
    assert units == sum(run.units for run in runs) == at_once.accumulated
    assert all(run.first_day.replace(day=1) <= run.last_day < run.first_day + timedelta(days=32) for run in runs)
    assert sum((run.last_day - run.first_day).days + 1 for run in runs) == len(ledgers)
    assert {(run.first_day.year, run.first_day.month) for run in runs} == {
        (run.last_day.year, run.last_day.month) for run in runs
    }


@given(kind=kinds, ledgers=days_of)
def test_a_posting_pays_whole_minor_units_of_its_months_and_keeps_the_rest(
    kind: tuple[str, str], ledgers: list[int]
) -> None:
    own, last = product(*kind, (0, "0.05")), START + ONE_DAY * (len(ledgers) - 1)
    ends = [DayEnd(START + ONE_DAY * number, ledger, own) for number, ledger in enumerate(ledgers)]
    before, _ = earning.accrued(nothing(), ends, "USD", until=last)
    january = date(2026, 1, 31)
    after, amount_minor = paid(before, until=january)

    due = sum(units for month, units in before.unposted if month < january)
    assert amount_minor == due // SCALE
    assert after.accumulated + amount_minor * SCALE == before.accumulated
    assert after.carried == due % SCALE
    assert all(month > january for month, _ in after.unposted)
    assert months_of(months_text(after.unposted)) == after.unposted


def nothing(**more: Any) -> Interest:
    return earning.nothing_yet(account(**more), START)


def test_days_that_are_passed_over_part_a_run() -> None:
    own = product("simple", "whole", (0, "0.0365"))
    ends = [DayEnd(date(2026, 2, day), 100, own) for day in (1, 2, 5)]
    _, runs = earning.accrued(nothing(), ends, "USD", until=date(2026, 2, 5))
    assert [(run.first_day.day, run.last_day.day) for run in runs] == [(1, 2), (5, 5)]


def test_an_account_rests_once_it_bears_nothing_and_all_that_it_has_borne_is_posted() -> None:
    last_day = [DayEnd(START, 100, SAVINGS)]
    missing = nothing(name="plain")
    accrued, _ = earning.accrued(missing, last_day, "USD", until=START)
    posted, _ = paid(accrued, until=START)
    assert (rested(missing, last_day, account("plain")).idle, rested(missing, (), account("plain")).idle) == (
        False,
        True,
    )
    assert not rested(accrued, last_day, account("plain")).idle
    assert not rested(posted, last_day, account("plain")).idle  # what is below a minor unit is still there
    assert not rested(nothing(), (), account("own")).idle


ZONES: Final = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_ends_where_the_next_begins(zone: str) -> None:
    bank = Bank(zone=ZoneInfo(zone))
    for number in range(3 * 366):
        day = date(2024, 1, 1) + ONE_DAY * number
        end = bank.ends(day)
        assert (bank.day(end - timedelta(microseconds=1)), bank.day(end)) == (day, day + ONE_DAY)
        assert end.tzinfo is UTC
