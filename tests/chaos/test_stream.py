"""The stream of a run: the same from the same seed, and what it says of steady accounts is what a bank makes of it."""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import chain, islice

import pytest

from contracts.catalog import Catalog
from contracts.invalid import NotUnderstood
from contracts.specs import CATALOG, LEDGER
from partita.chaos.items import Item, expected_entries
from partita.chaos.population import FIRST_DAY, steady_accounts
from partita.chaos.stream import Stream
from partita.oracle.commands import same, understood
from partita.oracle.rules import Bank

RECORDS = 8_000
TYPES = {spec.type for spec in CATALOG if spec.context == LEDGER} - {"account.set_overdraft"}
SORTS = TYPES | {"garbage", "repeat", "twice", "reuse", "wrong_key"}
# What is refused on tight accounts and on those that live for a while, each for the oracle to judge.
REFUSED = {
    *("insufficient_funds", "hold_exists", "hold_ended", "hold_not_due", "expiry_in_past", "hold_not_found"),
    *("amount_below_captured", "amount_exceeds_hold", "amount_exceeds_settlement", "not_refundable", "not_reversible"),
    *("protection_cycle", "accounts_must_differ", "product_not_found", "product_type_differs", "destination_not_found"),
    *("already_accrued", "date_not_ended", "already_posted", "month_not_ended"),
    *("advance_exists", "advance_not_found", "advance_open", "advance_closed", "amount_exceeds_advance"),
    *("payment_not_found", "payment_settled", "payment_not_due", "customer_not_in_good_standing"),
}
DEPENDING = {
    *("hold.adjust", "hold.extend", "hold.release", "settlement.capture"),
    *("transfer.reverse", "settlement.refund"),
}
FROZEN = {"account_frozen", "holds_open", "advance_open"}


def items(seed: int, count: int = RECORDS) -> tuple[Stream, list[Item]]:
    stream = Stream(seed)
    return stream, list(chain(*stream.opening(), islice(stream.records(), count)))


@pytest.fixture(scope="module")
def run() -> tuple[Stream, list[Item]]:
    return items(5)


def test_a_seed_makes_one_stream() -> None:
    assert items(1, 500)[1] == items(1, 500)[1]
    assert items(1, 500)[1] != items(2, 500)[1]


def test_the_arithmetic_of_the_steady_accounts_is_what_a_bank_makes_of_the_stream(
    run: tuple[Stream, list[Item]],
) -> None:
    stream, made = run
    bank, decided = Bank(), set[str]()
    booked: dict[str, list[int]] = defaultdict(list)
    codes: Counter[tuple[str, str | None]] = Counter()
    for item in made:
        command = understood(item.value.decode("utf-8", "replace"))
        if command is None or item.command_id in decided:
            continue
        decided.add(item.command_id)
        answer = bank.decide(command, f"{FIRST_DAY + timedelta(days=item.number // 1_000)}T00:00:00.000000Z")
        codes[item.key[0], answer.fields.get("code")] += 1
        for account_id, _, amount, _ in answer.booked:
            booked[account_id].append(int(amount * 100))

    expected = expected_entries(stream.movements, list(stream.movements), steady_accounts())

    assert {name: sorted(booked[name]) for name in expected} == expected
    assert {name: int(bank.accounts[name].balance * 100) for name in expected} == {
        name: sum(amounts) for name, amounts in expected.items()
    }
    assert {code for (kind, code) in codes if kind == "S"} == {None}  # nothing is declined there
    assert codes["T", "insufficient_funds"] > RECORDS / 100
    assert REFUSED - {code for kind, code in codes if kind == "T"} == set()
    assert FROZEN - {code for kind, code in codes if kind == "L"} == set()


def test_everything_that_can_happen_to_a_record_happens(run: tuple[Stream, list[Item]]) -> None:
    assert Counter(item.sort for item in run[1]).keys() == SORTS


def test_only_garbage_is_no_command_by_the_program_and_by_the_oracle(run: tuple[Stream, list[Item]]) -> None:
    catalog = Catalog()
    for item in run[1]:
        is_garbage = item.sort == "garbage"
        assert (understood(item.value.decode("utf-8", "replace")) is None) == is_garbage, item
        assert isinstance(catalog.understand(LEDGER, item.value), NotUnderstood) == is_garbage, item


def test_what_depends_on_another_record_comes_after_it_and_under_its_key(run: tuple[Stream, list[Item]]) -> None:
    first: dict[str, Item] = {}
    for item in run[1]:
        if not item.command_id:
            continue
        original = first.setdefault(item.command_id, item)
        said = json.loads(item.value)
        assert (said == json.loads(original.value)) == (item.sort != "reuse")
        assert item.key == original.key
        if said["type"] in ("transfer.reverse", "settlement.refund"):
            assert not item.away
            assert first[said["transaction_id"]].key == item.key
        assert bool(item.after) == (item.steady and said["type"] in DEPENDING)
        if item.after:
            assert not item.away
            assert first[item.after].key == item.key
        if item.sort == "reuse":
            one, other = (understood(each.value.decode()) for each in (original, item))
            assert one is not None
            assert other is not None
            assert not same(one, other)


def test_the_key_of_a_record_is_the_one_that_the_catalog_names(run: tuple[Stream, list[Item]]) -> None:
    catalog = Catalog()
    for item in run[1]:
        command = catalog.understand(LEDGER, item.value)
        if not isinstance(command, NotUnderstood):
            assert catalog.key_of(command) == item.key


def test_each_part_of_the_opening_needs_only_the_parts_before_it_and_nothing_is_refused() -> None:
    bank = Bank()
    for part in Stream(3).opening():
        for item in sorted(part, key=lambda item: item.key, reverse=True):  # as if the partitions went in another order
            command = understood(item.value.decode())
            assert command is not None
            assert bank.decide(command, "2026-01-01T00:00:00.000000Z").fields.get("code") is None, item
