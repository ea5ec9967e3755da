"""Money: only what the grammar says is an amount, and an amount survives the way in and out to the last digit."""

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import (
    AMOUNT_MINOR_MAX,
    BALANCE_MINOR_MAX,
    Amount,
    PositiveAmount,
    SignedAmount,
    decimal_text,
    exponent_of,
    minor_units,
    trimmed,
)

GRAMMAR = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")  # SPEC C4
EXPONENTS = (0, 2, 3, 4)

NO_MONEY = """1_000 1e3 1E3 +1 -0 -1 NaN nan Infinity inf 0x10 1, 1,0 1.000,00 .5 5. 1..2 1.2.3 00 01 00.1 1.-1 --1 $1
１２ 1２ ١٢ ۱۲ १२ ² ½ Ⅷ 1٫5 1․5 1．5 −1 ' "1""".split()  # noqa: SIM905 - one glance, and no quotes among the digits
BLANK = ["", " ", "1 ", " 1", "1\n", "\n1", "1\r", "1\t", "1\n2", "1\x00", "\ufeff1", "1\u200b", "1.0\n", "1 000"]


NO_CREDIT = ["-", "--1", "-+1", "- 1", "1-", "-01", "-.5", "-1.", "-1_0", "-１", "−1", "-1\n", "\n-1", "-0", "-0.00"]


def accepts(kind: Any, text: str) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", [*NO_MONEY, *BLANK])
def test_what_only_looks_like_a_number_is_no_amount(text: str) -> None:
    assert not accepts(Amount, text)
    assert not accepts(PositiveAmount, text)
    assert accepts(SignedAmount, text) == (text == "-1")


@pytest.mark.parametrize("text", [*NO_CREDIT, "0", "0.0"])
def test_a_credit_is_an_amount_behind_one_minus_sign_and_never_nothing(text: str) -> None:
    assert not accepts(SignedAmount, text)


@pytest.mark.parametrize("text", ["1", "10", "0.1", "0.01", "1.10", "10.0", "999999999999999", "0.0001"])
def test_plain_decimals_are_amounts(text: str) -> None:
    assert accepts(Amount, text)
    assert accepts(PositiveAmount, text)


@pytest.mark.parametrize("text", ["0", "0.0", "0.00", "0.0000"])
def test_nothing_is_an_amount_where_a_limit_is_meant_and_never_money_that_moves(text: str) -> None:
    assert accepts(Amount, text)
    assert not accepts(PositiveAmount, text)


@given(st.text(alphabet="0123456789.-+eE_, \n٣３", max_size=8) | st.text(max_size=8))
def test_an_amount_is_exactly_what_the_grammar_says(text: str) -> None:
    grammatical = GRAMMAR.fullmatch(text) is not None
    assert accepts(Amount, text) == grammatical
    assert accepts(PositiveAmount, text) == (grammatical and Decimal(text) > 0)
    assert accepts(SignedAmount, text) == accepts(PositiveAmount, text.removeprefix("-"))


def test_an_amount_has_at_most_64_characters() -> None:
    assert accepts(Amount, "1" * 64)
    assert not accepts(Amount, "1" * 65)


@given(st.integers(0, AMOUNT_MINOR_MAX), st.sampled_from(EXPONENTS))
def test_minor_units_come_back_as_they_went_out(minor: int, exponent: int) -> None:
    text = decimal_text(minor, exponent)
    assert accepts(Amount, text)
    assert len(text.partition(".")[2]) == exponent
    assert minor_units(text, exponent) == minor
    assert minor_units(trimmed(text), exponent) == minor


@given(st.integers(1, AMOUNT_MINOR_MAX), st.sampled_from(EXPONENTS))
def test_a_credit_comes_back_as_it_went_out(minor: int, exponent: int) -> None:
    text = decimal_text(-minor, exponent)
    assert accepts(SignedAmount, text)
    assert minor_units(text, exponent) == minor_units(trimmed(text), exponent) == -minor


@given(st.integers(-BALANCE_MINOR_MAX, BALANCE_MINOR_MAX), st.sampled_from(EXPONENTS))
def test_a_balance_reads_as_its_exact_decimal(minor: int, exponent: int) -> None:
    assert Decimal(decimal_text(minor, exponent)) == Decimal(minor).scaleb(-exponent)


@given(st.from_regex(GRAMMAR, fullmatch=True).filter(lambda text: len(text) <= 64), st.sampled_from(EXPONENTS))
def test_minor_units_are_exact_or_none(text: str, exponent: int) -> None:
    exact = Decimal(text).scaleb(exponent)
    fits = len(text.partition(".")[2]) <= exponent and exact <= AMOUNT_MINOR_MAX
    assert minor_units(text, exponent) == (int(exact) if fits else None)


@pytest.mark.parametrize(
    ("text", "exponent", "minor"),
    [
        ("1", 0, 1),
        ("1.0", 0, None),
        ("1", 2, 100),
        ("1.2", 2, 120),
        ("1.23", 2, 123),
        ("1.230", 2, None),
        ("1.234", 3, 1234),
        ("1.2345", 3, None),
        ("0.0001", 4, 1),
        ("999999999999999", 0, AMOUNT_MINOR_MAX),
        ("1000000000000000", 0, None),
        ("9999999999999.99", 2, AMOUNT_MINOR_MAX),
        ("10000000000000", 2, None),
        ("9" * 64, 2, None),
        ("-0.05", 2, -5),
        ("-1.234", 2, None),
        ("-999999999999999", 0, -AMOUNT_MINOR_MAX),
        ("-1000000000000000", 0, None),
        ("-10000000000000", 2, None),
        ("-" + "9" * 63, 2, None),
    ],
)
def test_an_amount_has_no_more_decimals_than_its_currency_and_stays_below_ten_to_the_fifteenth(
    text: str, exponent: int, minor: int | None
) -> None:
    assert minor_units(text, exponent) == minor


@pytest.mark.parametrize(
    ("minor", "exponent", "text"),
    [(0, 0, "0"), (0, 2, "0.00"), (-5, 2, "-0.05"), (-5, 0, "-5"), (5, 4, "0.0005"), (-12345, 3, "-12.345")],
)
def test_a_balance_is_written_with_all_its_decimals(minor: int, exponent: int, text: str) -> None:
    assert decimal_text(minor, exponent) == text


def test_limits_are_those_of_the_contract() -> None:
    assert (AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX) == (10**15 - 1, 9 * 10**17)


@pytest.mark.parametrize(
    ("text", "same"),
    [("12.3", "12.30"), ("12", "12.000"), ("0", "0.00"), ("10", "10.0"), ("100", "100")],
)
def test_zeros_at_the_end_of_decimals_say_nothing(text: str, same: str) -> None:
    assert trimmed(text) == trimmed(same) == text


def test_a_currency_is_known_by_its_iso_code_alone() -> None:
    assert [exponent_of(code) for code in ("JPY", "USD", "KWD", "CLF")] == [0, 2, 3, 4]
    assert [exponent_of(code) for code in ("usd", "US", "XXX", "XAU", "DEM", "BTC", "")] == [None] * 7
