"""The table: complete, in order, and never at a loss for an answer to whatever a record holds."""

import importlib
import pkgutil
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts import entries, transfers
from contracts.catalog import Catalog, Topics
from contracts.envelope import Command, CommonRefusal, Event, Refusal, Rejected, type_of
from contracts.invalid import CommandInvalid, InvalidCode, NotUnderstood
from contracts.notices import BooksRestored
from contracts.recurring import RecurringMaterialise
from contracts.specs import CATALOG, LEDGER, Spec
from tests.contracts.samples import FULL, ID, KEYS, LEAST, context_of

UNDERSTOOD = Catalog()
COMMON = list(CommonRefusal)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def understand(value: bytes, context: str = LEDGER) -> Command | NotUnderstood:
    answer = UNDERSTOOD.understand(context, value)
    assert isinstance(answer, (Command, NotUnderstood))
    return answer


def subclasses(kind: type[Any]) -> set[type[Any]]:
    return {each for child in kind.__subclasses__() for each in {child, *subclasses(child)}}


def declared(kind: type[Any]) -> set[type[Any]]:
    """Return every subclass of *kind* below ``contracts/``, whether or not anything uses its module."""
    for module in pkgutil.walk_packages(contracts.__path__, "contracts."):
        importlib.import_module(module.name)
    return {each for each in subclasses(kind) if each.__module__.startswith("contracts.")}


def messages(kind: type[Any]) -> set[type[Any]]:
    """Return those that are declared and have a name on the wire."""
    return {each for each in declared(kind) if "." in type_of(each)}


def test_every_command_and_every_result_of_the_families_is_in_the_table() -> None:
    assert messages(Command) == {spec.command for spec in CATALOG}
    told = {each for spec in CATALOG for each in spec.told}
    assert messages(Event) == told | {CommandInvalid, BooksRestored}


def test_a_type_names_one_command() -> None:
    assert len({spec.type for spec in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
class TestRow:
    def test_refusals_are_named_after_the_first_word_of_the_command(self, spec: Spec) -> None:
        family = spec.type.partition(".")[0]
        assert type_of(spec.rejected) == f"{family}.rejected"
        applied = "expense" if spec.command is RecurringMaterialise else family  # what it makes is an expense
        assert all(type_of(event).startswith(f"{applied}.") for event in spec.applied)

    def test_the_key_is_a_field_of_the_command(self, spec: Spec) -> None:
        assert spec.key in spec.command.__struct_fields__
        for said in (FULL[spec.type], LEAST[spec.type]):
            assert UNDERSTOOD.key_of(understood(said)) == KEYS.get(spec.type, "A1")

    def test_codes_that_all_families_share_come_first_and_in_their_order(self, spec: Spec) -> None:
        shared = [code for code in spec.codes if isinstance(code, CommonRefusal)]
        assert shared == [code for code in COMMON if code in shared]
        assert list(spec.codes[: len(shared)]) == shared
        assert spec.codes[0] is CommonRefusal.COMMAND_ID_REUSED

    def test_the_family_s_own_codes_stand_in_the_order_of_its_refusals(self, spec: Spec) -> None:
        own = [code for code in spec.codes if not isinstance(code, CommonRefusal)]
        (family,) = {type(code) for code in own}
        assert own == [code for code in family if code in own]

    def test_what_ends_it_answers_nothing_and_is_read_as_what_it_is(self, spec: Spec) -> None:
        assert not {*spec.ends} & {each for row in CATALOG for each in row.answers}
        assert {*spec.ends} <= {*spec.told}
        assert not spec.ends or spec.extras, "what takes its time says how far it has come"

    def test_each_of_its_results_answers_it_and_no_other_does(self, spec: Spec) -> None:
        results = {type_of(each) for row in CATALOG for each in row.told}
        own = set(map(type_of, spec.answers))
        assert {result for result in results if UNDERSTOOD.answers(spec.type, result)} == own


@pytest.mark.parametrize("family", sorted(declared(Refusal), key=str))
def test_every_code_is_in_use_and_says_what_to_do_about_it(family: type[Refusal]) -> None:
    assert set(family) == {code for spec in CATALOG for code in spec.codes if isinstance(code, family)}
    for code in family:
        assert code.value == code.name.lower()
        assert code.reason[0].isupper()
        assert code.reason.endswith(".")


def test_every_code_of_the_contract_s_text_is_the_rules_own() -> None:
    assert [code.value for code in COMMON] == [
        "command_id_reused",
        "currency_unknown",
        "amount_invalid",
        "account_reserved",
        "date_invalid",
    ]


def test_topics_are_named_after_their_context_behind_one_prefix() -> None:
    bare, tested = Topics(), Topics(prefix="test7.")
    assert bare.commands(LEDGER) == "ledger.commands.v1"
    assert bare.results(LEDGER) == "ledger.results.v1"
    assert bare.dead_letters(LEDGER) == "ledger.commands.v1-dlt"
    assert tested.commands(LEDGER) == "test7.ledger.commands.v1"
    assert tested.results(LEDGER) == "test7.ledger.results.v1"
    assert tested.dead_letters(LEDGER) == "test7.ledger.commands.v1-dlt"


def test_a_refused_transfer_is_a_transaction_unless_its_id_was_another_s() -> None:
    command = understood(FULL["transfer.make"] | {"command_id": ID.upper()})
    refused = transfers.TransferRejected.of(command, transfers.TransferRefusal.ACCOUNT_CLOSED, {})
    assert refused.transaction_id == ID
    reused = transfers.TransferRejected.of(command, CommonRefusal.COMMAND_ID_REUSED, {})
    assert "transaction_id" not in msgspec.to_builtins(reused)
    assert "transaction_id" not in Rejected.__struct_fields__


def test_entry_types_have_the_contract_s_names() -> None:
    assert get_args(entries.EntryType) == (
        "DEPOSIT",
        "WITHDRAWAL",
        "TRANSFER_IN",
        "TRANSFER_OUT",
        "FEE",
        "INTEREST",
        "REVERSAL",
    )


def understood(said: dict[str, Any]) -> Command:
    command = understand(msgspec.json.encode(said), context_of(said))
    assert isinstance(command, Command), command
    return command


# Whatever a record holds ----------------------------------------------------------------------------------------------

GOOD = msgspec.json.encode(LEAST["transfer.make"])
OTHERWISE = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"{}",
    b"\xff\xfe",
    b"\xef\xbb\xbf" + GOOD,
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'{"metadata":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    GOOD + b"x",
    GOOD + GOOD,
    GOOD[:-1],
    GOOD.replace(b'"A1"', b'"\\ud800"'),
    GOOD.replace(b'"A1"', b'"A\\u00001"'),
    GOOD.replace(b'"A1"', b'"A\x001"'),
    GOOD.replace(b'"A1"', b'"\xed\xa0\x80"'),
    GOOD.replace(b'"12.30"', b"12.30"),
    GOOD.replace(b'"12.30"', b"1e400"),
    GOOD.replace(b'"12.30"', b"9" * 5000),
    GOOD.replace(b'"12.30"', b'"' + b"9" * 300_000 + b'"'),
    GOOD.replace(b'"12.30"', b"NaN"),
    GOOD.replace(b'"transfer.make"', b'"transfer.unmake"'),
    GOOD.replace(b'"transfer.make"', b"7"),
    GOOD.replace(b'"transfer.make"', b'"transfer.posted"'),
]


@pytest.mark.parametrize("value", OTHERWISE, ids=lambda value: repr(value[:40]))
def test_what_is_no_command_is_not_understood_and_says_why(value: bytes) -> None:
    answer = understand(value)
    assert isinstance(answer, NotUnderstood)
    assert answer.reason


def test_a_record_without_a_value_is_not_understood() -> None:
    answer = UNDERSTOOD.understand(LEDGER, None)
    assert isinstance(answer, NotUnderstood)
    assert answer.code is InvalidCode.NOT_JSON


@pytest.mark.parametrize("field", ["description", "reference", "correlation_id"])
def test_a_text_that_no_database_stores_is_not_understood(field: str) -> None:
    for text in ("\x00", "a\x00b", "a\x00", "\x00\n"):
        assert isinstance(understand(msgspec.json.encode(LEAST["transfer.make"] | {field: text})), NotUnderstood)
    understood(LEAST["transfer.make"] | {field: "two\nlines\n\u2603"})


def test_text_and_metadata_have_their_limits() -> None:
    make = LEAST["transfer.make"]
    pairs = {f"k{number}": "v" for number in range(16)}
    understood(make | {"description": "x" * 500, "metadata": pairs})
    understood(make | {"metadata": {"k" * 64: "v" * 256}})
    over: list[dict[str, Any]] = [
        {"description": "x" * 501},
        {"correlation_id": "x" * 501},
        {"metadata": pairs | {"k16": "v"}},
        {"metadata": {"k" * 65: "v"}},
        {"metadata": {"k": "v" * 257}},
        {"metadata": {"k": 1}},
    ]
    for more in over:
        assert isinstance(understand(msgspec.json.encode(make | more)), NotUnderstood), more


def test_a_batch_has_between_one_and_a_hundred_legs_and_one_source() -> None:
    batch = LEAST["transfer.batch"]
    leg = batch["legs"][1]
    understood(batch | {"legs": [leg] * 100})
    over: list[dict[str, Any]] = [{"legs": []}, {"legs": [leg] * 101}, {"source_account_id": "A3"}]
    for more in over:
        assert isinstance(understand(msgspec.json.encode(batch | more)), NotUnderstood)


@pytest.mark.parametrize("said", ["2026-01-02T03:04:05", "2026-01-02", 1767323045, "yesterday", None])
def test_an_instant_without_a_zone_is_none(said: object) -> None:
    assert isinstance(understand(msgspec.json.encode(LEAST["transfer.make"] | {"requested_at": said})), NotUnderstood)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_not_understood(value: bytes) -> None:
    understand(value)


@given(JSON)
def test_any_json_is_a_command_or_not_understood(value: object) -> None:
    understand(msgspec.json.encode(value))


@given(st.sampled_from(sorted(FULL)), st.data())
@settings(max_examples=200)
def test_a_good_command_with_anything_in_one_field_is_a_command_or_not_understood(
    kind: str, data: st.DataObject
) -> None:
    said = dict(FULL[kind])
    name = data.draw(st.sampled_from([*said, "another"]))
    said[name] = data.draw(JSON | st.sampled_from(["", "0", "-1", "1\n", "1" * 65, "9999-12-31T23:59:59-14:00"]))
    understand(msgspec.json.encode(said), context_of(FULL[kind]))


@given(st.sampled_from(sorted(FULL)), st.data())
@settings(max_examples=200)
def test_a_good_command_with_spoilt_bytes_is_a_command_or_not_understood(kind: str, data: st.DataObject) -> None:
    value = bytearray(msgspec.json.encode(FULL[kind]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    understand(bytes(value), context_of(FULL[kind]))
