"""What is shown of a record that is no command: nothing that may be a social security number."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import Catalog
from contracts.diagnosis import diagnosed
from contracts.invalid import InvalidCode, NotUnderstood, masked
from contracts.specs import LEDGER


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"123456789", b"*********"),
        (b"123-45-6789", b"***-**-****"),
        (b'{"ssn":"123456789"}', b'{"ssn":"*********"}'),
        (b'{"ssn":123456789}', b'{"ssn":*********}'),
        (b"ssn123456789x", b"ssn*********x"),
        (b"123-456789 12345-6789", b"***-****** *****-****"),
        (b"123456789,987654321", b"*********,*********"),
        (b"123456789-123456789", b"*********-*********"),
        (b"-123-45-6789-", b"-***-**-****-"),
        (b"x01a201a7-6765-7a2c-9042-2fa123456789", b"x01a201a7-6765-7a2c-9042-2fa*********"),
        (b"01a201a7-6765-7a2c-9042-2fa123456789-1", b"01a201a7-6765-7a2c-9042-2fa*********-1"),
        (b"01a201a7-6765-7a2c-9042-f2fa123456789", b"01a201a7-6765-7a2c-9042-f2fa*********"),
        (b"\\u0031\\u00323456789", b"*******" + b"**"),
        (b"123\\u002d45\\u002D6789", b"***-**-****"),
        ("123456789".encode("utf-16-le"), "*********".encode("utf-16-le")),
        ("123-45-6789".encode("utf-16-be"), "***-**-****".encode("utf-16-be")),
        ("a123-45-6789b".encode("utf-16"), "a***-**-****b".encode("utf-16")),
        ("a123-45-6789b".encode("utf-32"), "a***-**-****b".encode("utf-32")),
    ],
)
def test_nine_digits_with_or_without_dashes_behind_the_third_and_the_fifth_are_masked(raw: bytes, shown: bytes) -> None:
    assert masked(raw) == shown


@pytest.mark.parametrize(
    "raw",
    [
        b"12345678",
        b"1234567890",
        b"123-45-67890",
        b"0123-45-6789",
        b"123-456-789",
        b"12-345-6789",
        b"123 45 6789",
        b"0190a0e0-0000-7000-8000-00000000000a",
        b'{"command_id":"01A201a7-6765-7a2c-9042-2fa123456789","amount":"1"}',
        b'{"amount":"1234567.89"}',
        "1234567890".encode("utf-16"),
        "1234567890".encode("utf-32-le"),
    ],
)
def test_other_digits_stay(raw: bytes) -> None:
    assert masked(raw) == raw


@given(st.binary(max_size=64) | st.text("0123456789-\x00\\u", max_size=40).map(str.encode))
def test_masking_again_changes_nothing_and_only_digits_change(raw: bytes) -> None:
    shown = masked(raw)
    assert masked(shown) == shown
    if b"\\u00" not in raw:
        assert len(shown) == len(raw)
        assert all(
            one == other or (one in b"0123456789" and other == ord("*")) for one, other in zip(raw, shown, strict=True)
        )


@given(st.text(max_size=5), st.integers(0, 999_999_999), st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32"]))
def test_wherever_a_number_stands_it_is_not_there_afterwards(around: str, number: int, encoding: str) -> None:
    plain = f"{number:09d}"
    dashed = f"{plain[:3]}-{plain[3:5]}-{plain[5:]}"
    fence = "".join(each for each in around if not each.isascii() or not each.isdigit())
    raw = f"{fence}|{plain}|{dashed}|{fence}".encode(encoding, "surrogatepass")
    shown = masked(raw)
    assert plain.encode(encoding)[-len(plain) :] not in shown
    assert dashed.encode(encoding)[-len(plain) :] not in shown


def test_compressed_data_is_not_touched_where_it_holds_no_digits_in_a_row() -> None:
    raw = gzip.compress(b"no numbers here", mtime=0)
    assert gzip.decompress(masked(raw)) == b"no numbers here"


@pytest.mark.parametrize(
    ("context", "command_type", "may"),
    [
        (LEDGER, "customer.create", True),
        (LEDGER, "customer.craete", True),
        (LEDGER, "", True),
        (LEDGER, "transfer.make", False),
        ("expenses", "", False),
        ("expenses", "customer.create", True),
        (LEDGER, "Customers.create", True),
        (LEDGER, " customer.create", True),
        (LEDGER, "ledger.customer.create", True),
    ],
)
def test_only_customers_and_what_cannot_be_read_may_hold_a_number(
    context: str, command_type: str, *, may: bool
) -> None:
    assert Catalog.may_hold_ssn(context, command_type) is may


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        (b'{"type":"customer.create","ssn":"123456789"}', "customer.create"),
        (b'{"type":"customer.create","type":"transfer.make"}', ""),
        (b'{"type":"customer.create","ssn":}', ""),
        (b'{"type":7}', ""),
        (b"[1]", ""),
    ],
)
def test_a_type_is_read_only_of_what_is_json_with_one_type(value: bytes, read_as: str) -> None:
    answer = diagnosed(value, {}, elsewhere={}, claimed_id="")
    assert isinstance(answer, NotUnderstood)
    assert answer.type == read_as


def test_codes_stand_in_order_of_precedence() -> None:
    assert list(InvalidCode)[:4] == ["too_large", "not_json", "too_deep", "duplicate_key"]
    assert list(InvalidCode)[-1] == "internal_error"
