"""The oracle on the shapes of fields and on repeats: by hand, and as the contracts have it."""

import json
from typing import Any

import pytest

from contracts.catalog import Catalog
from contracts.envelope import Command, TextHash, fingerprint
from contracts.specs import LEDGER
from partita.oracle.commands import same, understood
from partita.oracle.rules import Bank

Json = dict[str, Any]
ID = "00000000-0000-8000-8000-00000000000a"
CUSTOMER = {"customer_id": "C", "name": "Ann", "date_of_birth": "1980-02-29", "ssn": "123-45-6789", "address": ""}
PRODUCT = {"product": "p", "account_type": "CHECKING", "currency": "EUR"}
HOLD = {"hold_id": "h", "account_id": "A"}
ADVANCE = {"advance_id": "v", "account_id": "A"}
WHOLE: dict[str, Json] = {
    "customer.create": CUSTOMER,
    "customer.update": {"customer_id": "C"},
    "product.set": PRODUCT,
    "account.set_product": {"account_id": "A", "product": "p"},
    "account.link_protection": {"account_id": "A", "protection_account_id": "P"},
    "hold.place": HOLD | {"amount": "1", "reason": "LEGAL"},
    "hold.adjust": HOLD | {"amount": "1"},
    "hold.extend": HOLD | {"expires_at": "2026-01-01T00:00:00Z"},
    "hold.release": HOLD,
    "hold.expire": HOLD,
    "settlement.capture": HOLD | {"amount": "1"},
    "settlement.post": {"account_id": "A", "amount": "1"},
    "settlement.refund": {"account_id": "A", "transaction_id": ID},
    "interest.accrue": {"account_id": "A", "date": "2026-01-31"},
    "interest.post": {"account_id": "A", "month": "2026-01"},
    "advance.request": ADVANCE | {"amount": "1"},
    "advance.collect": ADVANCE | {"payment_no": 1},
    "advance.repay": ADVANCE,
    "advance.write_off": ADVANCE | {"reason": "r"},
    "advance.audit": ADVANCE,
}
TIER: Json = {"from": "0", "rate": "0.01"}
FLAGS: tuple[list[Any], list[Any]] = ([True, False], [0, 1, "true", None])
NUMBERS: tuple[list[Any], list[Any]] = ([0, 1000], [-1, 1001, 1.0, True, "1", None])
DATES: tuple[list[Any], list[Any]] = (
    ["2026-02-30", "0000-00-00"],
    ["2026-2-3", "20260203", "2026-02-03\n", "", 1, None],
)
MOMENTS: tuple[list[Any], list[Any]] = (
    [
        *("1900-01-01T00:00:00Z", "9998-12-31T23:59:59.999999z", "2024-02-29t00:00:00.1234567+23:59"),
        "2026-01-01 00:00:00-00:00",
    ],
    [
        *("1899-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "9998-12-31T23:59:59.9999999Z", "2026-02-29T00:00:00Z"),
        *("2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00Z", "2026-01-01T00:00:00,5Z", "", 1767225600, None),
        *("2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60"),
    ],
)
# type, field: what it may be, and what it may not
FIELDS: dict[tuple[str, str], tuple[list[Any], list[Any]]] = {
    ("customer.create", "customer_id"): (["a.B_1:-", "x" * 64], ["", "x" * 65, "a b", "ä", 1, None]),
    ("customer.create", "name"): (["A", "x" * 500], ["", "x" * 501, "a\0b", 1, None]),
    ("customer.create", "date_of_birth"): (["9999-99-99"], ["1980-2-29", "19800229", "1980-02-29 ", "", None]),
    ("customer.create", "ssn"): (
        ["123456789", "123-456789", "12345-6789"],
        ["12345678", "1234567890", "12-345-6789", "１23456789", "123456789\n", None],
    ),
    ("customer.create", "address"): (["", "x" * 2000], ["x" * 2001, "a\0b", None]),
    ("customer.create", "kyc_status"): (["PENDING", "VERIFIED", "REJECTED"], ["pending", "", None]),
    ("customer.update", "good_standing"): FLAGS,
    ("customer.update", "name"): (["B"], ["", None]),
    ("customer.update", "address"): ([""], [None]),
    ("product.set", "account_type"): (["SAVINGS"], ["", "savings", None]),
    ("product.set", "currency"): (["XXX", "x" * 16], ["", "x" * 17, None]),
    ("product.set", "interest"): (["none", "simple", "compound"], ["NONE", "", None, True]),
    ("product.set", "tier_mode"): (["whole", "marginal"], ["half", None]),
    ("product.set", "tiers"): (
        [[], [TIER] * 20, [{"from": "1.50", "rate": "99.0123456789"}], [{"from": "1", "rate": "0"}]],
        [
            *(None, {}, [1], [None], [{}], [TIER] * 21, [TIER | {"to": "1"}], [{"from": "0"}]),
            *([TIER | {"from": wrong}] for wrong in ("-1", "01", "", 0, "1" * 65)),
            *([TIER | {"rate": wrong}] for wrong in ("100", "1.", "01", "-1", "0.00000000001", 0.01, "")),
        ],
    ),
    ("product.set", "day_count"): ([360, 365], [366, 365.0, "365", True, None]),
    ("product.set", "overdraft_fee"): (["0", "1.5", "0." + "0" * 62], ["", "-1", "1.", ".5", "0." + "0" * 63, 1, None]),
    ("product.set", "fees_per_day"): NUMBERS,
    ("product.set", "fees_per_month"): NUMBERS,
    ("product.set", "first_fee_waived"): FLAGS,
    ("product.set", "fee_may_exceed_limit"): FLAGS,
    ("product.set", "grace_hours"): ([0, 8784], [8785, -1, 24.0, True, None]),
    ("account.set_product", "product"): (["plain"], ["", None]),
    ("account.link_protection", "protection_account_id"): (["P", "house:x", None], ["", 1, "a b"]),
    ("hold.place", "hold_id"): (["x" * 64], ["", "x" * 65, None]),
    ("hold.place", "reason"): (["PENDING_ACH", "DEBIT_CARD_AUTH", "LEGAL"], ["lost", "", None]),
    ("hold.place", "amount"): (["0.01"], ["0", "0.00", "", "1e2", "1" * 65, None]),
    ("hold.place", "currency"): (["EUR"], ["", None]),
    ("hold.place", "expires_at"): MOMENTS,
    ("hold.extend", "expires_at"): MOMENTS,
    ("settlement.capture", "final"): FLAGS,
    ("settlement.capture", "destination_account_id"): (["D"], ["", None]),
    ("settlement.capture", "reference"): (["", "x" * 500], ["x" * 501, None]),
    ("settlement.refund", "transaction_id"): ([ID.upper()], ["", "1", ID + "0", None]),
    ("settlement.refund", "amount"): (["1"], ["0", "", None]),
    ("interest.accrue", "date"): DATES,
    ("interest.post", "month"): (["2026-13", "0000-00"], ["2026-1", "2026-01-01", "202601", "2026-01\n", "", None]),
    ("advance.request", "advance_id"): (["x" * 64], ["", "x" * 65, None]),
    ("advance.request", "amount"): (["0.01"], ["0", "0.00", "", "-1", None]),
    ("advance.request", "currency"): (["EUR"], ["", None]),
    ("advance.request", "payments"): ([1, 520], [0, 521, 1.0, True, "1", None]),
    ("advance.request", "interval_days"): ([1, 366], [0, 367, 7.0, True, None]),
    ("advance.request", "first_due"): DATES,
    ("advance.collect", "payment_no"): ([1, 100_000], [0, 100_001, 1.0, True, None]),
    ("advance.repay", "amount"): (["1"], ["0", "", None]),
    ("advance.write_off", "reason"): (["", "x" * 500], ["x" * 501, None]),
}
CATALOG = Catalog()


def said(type_: str, **fields: Any) -> str:
    return json.dumps({"type": type_, "command_id": ID, **WHOLE[type_], **fields})


def meant(text: str) -> Json:
    command = understood(text)
    assert command is not None, text
    return command


@pytest.mark.parametrize("place", FIELDS, ids=".".join)
def test_a_field_looks_as_it_should_and_the_contract_agrees(place: tuple[str, str]) -> None:
    type_, field = place
    right, wrong = FIELDS[place]
    for value, fits in [*((one, True) for one in right), *((one, False) for one in wrong)]:
        text = said(type_, **{field: value})
        assert (understood(text) is not None) == fits, value
        assert isinstance(CATALOG.understand(LEDGER, text.encode()), Command) == fits, value


@pytest.mark.parametrize("type_", WHOLE)
def test_a_command_has_its_fields_and_no_others(type_: str) -> None:
    assert understood(said(type_)) is not None
    assert understood(said(type_, note="")) is None
    for name in WHOLE[type_]:
        less = json.loads(said(type_))
        del less[name]
        assert understood(json.dumps(less)) is None, name


TIERS = [TIER, {"from": "10", "rate": "0.02"}]
# type, one body, another, whether the second repeats the first
REPEATS: list[tuple[str, Json, Json, bool]] = [
    ("customer.create", {}, {"ssn": "123456789", "kyc_status": "PENDING", "metadata": {"a": "b"}}, True),
    ("customer.create", {}, {"kyc_status": "VERIFIED"}, False),
    ("customer.create", {}, {"ssn": "123456780"}, False),
    ("customer.update", {}, {"address": ""}, False),
    ("customer.update", {}, {"kyc_status": "PENDING"}, False),
    ("customer.update", {}, {"good_standing": True}, False),
    ("product.set", {}, {"overdraft_fee": "35", "fees_per_day": 3, "fees_per_month": 10, "tiers": []}, True),
    ("product.set", {}, {"first_fee_waived": True, "fee_may_exceed_limit": True, "grace_hours": 0}, True),
    ("product.set", {}, {"interest": "none", "tier_mode": "whole", "day_count": 365}, True),
    ("product.set", {"currency": "JPY"}, {"currency": "JPY", "overdraft_fee": "3500.0"}, True),
    ("product.set", {"currency": "JPY"}, {"currency": "JPY", "overdraft_fee": "35"}, False),
    ("product.set", {"tiers": TIERS}, {"tiers": [TIER | {"from": "0.0"}, {"from": "10.00", "rate": "0.020"}]}, True),
    ("product.set", {"tiers": TIERS}, {"tiers": TIERS[::-1]}, False),
    ("product.set", {}, {"fees_per_day": 0}, False),
    ("product.set", {}, {"first_fee_waived": False}, False),
    ("account.link_protection", {}, {"protection_account_id": None}, False),
    ("hold.place", {}, {"amount": "1.00"}, True),
    ("hold.place", {}, {"currency": "EUR"}, False),
    ("hold.place", {}, {"expires_at": "2026-01-01T00:00:00Z"}, False),
    ("hold.extend", {}, {"expires_at": "2026-01-01t01:30:00.0000004+01:30"}, True),
    ("hold.extend", {}, {"expires_at": "2026-01-01T00:00:00.000001Z"}, False),
    ("settlement.capture", {}, {"final": True, "reference": ""}, True),
    ("settlement.capture", {}, {"final": False}, False),
    ("settlement.capture", {}, {"destination_account_id": "D"}, False),
    ("settlement.refund", {}, {"transaction_id": ID.upper()}, True),
    ("settlement.refund", {}, {"amount": "1"}, False),
    ("interest.accrue", {}, {"date": "2026-01-30"}, False),
    ("interest.post", {}, {"month": "2026-02"}, False),
    ("advance.request", {}, {"amount": "1.0", "payments": 12, "interval_days": 7}, True),
    ("advance.request", {}, {"payments": 11}, False),
    ("advance.request", {}, {"currency": "EUR"}, False),
    ("advance.request", {}, {"first_due": "2026-01-01"}, False),
    ("advance.collect", {}, {"payment_no": 2}, False),
    ("advance.repay", {}, {"amount": "1"}, False),
    ("advance.write_off", {}, {"reason": "s"}, False),
]


@pytest.mark.parametrize(("type_", "one", "other", "repeats"), REPEATS)
def test_what_repeats_a_command_and_the_contract_agrees(type_: str, one: Json, other: Json, repeats: bool) -> None:  # noqa: FBT001 - a table's column
    texts = [said(type_, **body) for body in (one, other)]
    prints = set()
    for text in texts:
        command = CATALOG.understand(LEDGER, text.encode())
        assert isinstance(command, Command)
        prints.add(fingerprint(command, TextHash(b"")))
    assert same(meant(texts[0]), meant(texts[1])) == repeats
    assert (len(prints) == 1) == repeats


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2025-12-31T23:00:00.1234564-01:30", "2026-01-01T00:30:00.123456Z"),
        ("2026-01-01T00:59:59.9999995+01:00", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00.5z", "2026-01-01T00:00:00.500000Z"),
    ],
)
def test_an_instant_is_shown_in_utc_to_the_microsecond(written: str, shown: str) -> None:
    bank = Bank()
    opening = {"type": "account.open", "command_id": "1", "account_id": "A", "account_type": "SAVINGS"}
    bank.decide(opening | {"currency": "EUR"}, "2025-01-01T00:00:00.000000Z")
    placed = bank.decide(meant(said("hold.place", expires_at=written)), "2025-01-01T00:00:00.000000Z")
    assert placed.fields["expires_at"] == shown
