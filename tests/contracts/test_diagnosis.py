"""Two ways to read a record: the fast one and the strict one accept the same, and the strict one says why not."""

import json
import os
import re
from typing import Any, Final

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.catalog import Catalog
from contracts.diagnosis import diagnosed
from contracts.envelope import Command
from contracts.headers import Said
from contracts.invalid import InvalidCode, NotUnderstood
from contracts.specs import CATALOG, EXPENSES, LEDGER, Spec
from contracts.transfers import TransferBatch
from tests.contracts.mutations import values
from tests.contracts.samples import FULL, ID, LEAST, context_of, samples_of
from tests.contracts.texts import hints_of, moments_in
from tests.system.toy import ADD, ToyAdd

CATALOGUE: Final = Catalog()
MODELS: Final = {
    context: {spec.type: spec.command for spec in CATALOG if spec.context == context} for context in CATALOGUE.contexts
}
MUTATIONS: Final = int(os.environ.get("PARTITA_TEST_MUTATIONS", "1200"))
MAKE: Final = LEAST["transfer.make"]
SAMPLES: Final = [*FULL.values(), *LEAST.values()]


def quickly(value: bytes, context: str = LEDGER) -> Command | None:
    return CATALOGUE._at_once(context, value)


def strictly(value: bytes, context: str = LEDGER) -> Command | NotUnderstood:
    return diagnosed(value, MODELS[context], elsewhere={}, claimed_id="")


def refused(value: bytes | dict[str, Any], said: Said = Said()) -> NotUnderstood:  # noqa: B008 - it is frozen
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    context = LEDGER if isinstance(value, bytes) else context_of(value)
    answer = CATALOGUE.understand(context, raw, said=said)
    assert isinstance(answer, NotUnderstood), answer
    return answer


@settings(max_examples=MUTATIONS)
@given(values() | st.binary(max_size=64))
@example(json.dumps(MAKE).replace('"amount":', '"amount": "9", "amount":').encode())
@example(json.dumps(MAKE | {"description": '"'}).replace('"amount":', '"amount": "9", "amount":').encode())
@example(json.dumps(MAKE | {"description": "Q"}).replace("Q", "\\u0022" * 4).replace("{", '{"amount":"9",', 1).encode())
@example(b'{"type":"transfer.make","amount":"1","am\\u006funt":"2"}')
def test_both_ways_accept_the_same_records_and_read_the_same_in_them(value: bytes) -> None:
    assert_accepted_alike(value, LEDGER)


@settings(max_examples=MUTATIONS // 4)
@given(values(samples_of(EXPENSES)))
def test_both_ways_accept_the_same_records_of_expenses_and_read_the_same_in_them(value: bytes) -> None:
    assert_accepted_alike(value, EXPENSES)


def assert_accepted_alike(value: bytes, context: str) -> None:
    quick, strict = quickly(value, context), strictly(value, context)
    if quick is not None:
        assert quick == strict
    # What the fast way leaves to the strict one may be good all the same, but never the other way round.
    understood = CATALOGUE.understand(context, value)
    assert isinstance(understood, NotUnderstood) == isinstance(strict, NotUnderstood)


@pytest.mark.parametrize("said", SAMPLES, ids=lambda said: f"{said['type']}, {len(said)} fields")
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:\r ")])
def test_an_ordinary_record_takes_the_fast_way(
    said: dict[str, Any], *, ascii_only: bool, separators: tuple[str, str]
) -> None:
    value = json.dumps(said | {"correlation_id": 'Zürich "1"'}, ensure_ascii=ascii_only, separators=separators).encode()
    assert quickly(value, context_of(said)) is not None


def test_an_escaped_quote_that_could_hide_a_doubled_name_takes_the_strict_way_and_is_understood() -> None:
    value = msgspec.json.encode(MAKE | {"description": "say Q"}).replace(b"Q", b"\\u0022")
    assert quickly(value) is None
    understood = CATALOGUE.understand(LEDGER, value)
    assert isinstance(understood, Command)
    assert understood.description == 'say "'  # type: ignore[attr-defined]


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
class TestCommand:
    def test_a_missing_field_is_named(self, spec: Spec) -> None:
        for name in LEAST[spec.type]:
            answer = refused({key: value for key, value in LEAST[spec.type].items() if key != name})
            assert (answer.code, answer.path) == (InvalidCode.FIELD_MISSING, f"$.{name}")

    def test_a_field_too_many_is_named_and_the_others_are_listed(self, spec: Spec) -> None:
        answer = refused(FULL[spec.type] | {"memo": "x"})
        assert (answer.code, answer.path) == (InvalidCode.FIELD_UNKNOWN, "$.memo")
        assert set(FULL[spec.type]) - {"type"} <= set(re.findall(r"\w+", answer.reason))

    def test_a_field_of_another_kind_is_named_and_described(self, spec: Spec) -> None:
        for name in FULL[spec.type].keys() - {"type"}:
            answer = refused(FULL[spec.type] | {name: 5.5})
            assert (answer.code, answer.path) == (InvalidCode.FIELD_INVALID, f"$.{name}")
            assert answer.reason.startswith("It must be "), name


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
def test_every_instant_of_a_command_is_named_as_one(spec: Spec) -> None:
    assert {name for name, hint in hints_of(spec.command).items() if moments_in(hint)} == set(spec.command.moments)


@pytest.mark.parametrize(
    ("kind", "name"), [(spec.type, name) for spec in CATALOG for name in ("requested_at", *spec.command.moments)]
)
@pytest.mark.parametrize(
    "moment",
    ["1899-12-31T23:59:59.999999Z", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_an_instant_outside_the_calendar_is_invalid_both_ways(kind: str, name: str, moment: str) -> None:
    context, value = context_of(FULL[kind]), msgspec.json.encode(FULL[kind] | {name: moment})
    for said in (FULL[kind] | {name: moment}, LEAST[kind] | {name: moment}):
        assert quickly(msgspec.json.encode(said), context) is None
        answer = refused(said)
        assert (answer.code, answer.path) == (InvalidCode.FIELD_INVALID, f"$.{name}")
        assert "in the years 1900 to 9998" in answer.reason
    for inside in ("1900-01-01T00:00:00+14:00", "9998-12-31T23:59:59-14:00"):
        good = value.replace(moment.encode(), inside.encode())
        assert quickly(good, context) == strictly(good, context)
        assert isinstance(CATALOGUE.understand(context, good), Command)


def test_of_several_faults_the_first_in_order_of_precedence_is_told() -> None:
    many = {key: value for key, value in MAKE.items() if key != "amount"} | {"memo": "x", "description": 5}
    assert refused(many).code is InvalidCode.FIELD_MISSING
    assert refused(many | {"amount": "1"}).code is InvalidCode.FIELD_UNKNOWN
    assert refused(MAKE | {"description": 5}).code is InvalidCode.FIELD_INVALID
    assert refused(many | {"type": "pay"}).code is InvalidCode.TYPE_UNKNOWN
    twice = msgspec.json.encode(many | {"type": "pay"}).replace(b"{", b'{"memo":1,', 1)
    assert refused(twice).code is InvalidCode.DUPLICATE_KEY


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"legs": [{}]}, "$.legs[0].source_account_id"),
        ({"legs": [FULL["transfer.batch"]["legs"][0], {"amount": 1}]}, "$.legs[1].amount"),
        ({"metadata": {"a": 1}}, "$.metadata[...]"),
        ({"metadata": {"k" * 65: "v"}}, "$.metadata"),
    ],
)
def test_a_path_leads_inside(said: dict[str, Any], path: str) -> None:
    assert refused(FULL["transfer.batch"] | said).path == path


def test_what_is_said_of_a_field_inside_goes_by_its_name_on_the_wire() -> None:
    product = FULL["product.set"]
    for tier, code in (({"from": "0"}, "field_missing"), ({"from": "0", "rate": 1}, "field_invalid")):
        answer = refused(product | {"tiers": [product["tiers"][0], tier]})
        assert (answer.code, answer.path) == (code, "$.tiers[1].rate")
        assert "It must be a yearly rate" in answer.reason
    answer = refused(product | {"tiers": [{"start": "0", "rate": "0"}]})
    assert (answer.path, answer.reason.rpartition("the fields are ")[2]) == ("$.tiers[0].start", "from, rate.")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("settlement.capture", "final", "It must be true or false."),
        ("account.link_protection", "protection_account_id", "or null."),
        ("hold.place", "reason", "It must be one of DEBIT_CARD_AUTH, LEGAL, PENDING_ACH."),
        ("product.set", "tiers", "It must be a list of 0 to 20 objects."),
        ("product.set", "day_count", "It must be one of 360, 365."),
        ("customer.create", "ssn", "It must be 9 digits, dashes optional."),
        ("customer.create", "date_of_birth", "It must be a day written YYYY-MM-DD."),
    ],
)
def test_a_sentence_says_what_a_field_must_be(kind: str, name: str, words: str) -> None:
    assert refused(FULL[kind] | {name: 5.5}).reason.endswith(words)


def test_what_a_model_itself_refuses_is_told_in_its_words() -> None:
    answer = refused(FULL["transfer.batch"] | {"source_account_id": "A9"})
    assert answer.reason == "The fields do not fit together: source_account_id must be that of the first leg."
    assert TransferBatch.__post_init__.__doc__


def test_the_id_is_read_from_the_body_else_from_the_header_and_in_lower_case() -> None:
    claimed = Said(id="0190A0E0-0000-7000-8000-00000000000C")
    assert refused(MAKE | {"command_id": ID.upper(), "amount": 1}, claimed).command_id == ID
    assert refused(MAKE | {"command_id": "7"}, claimed).command_id == claimed.id.lower()
    assert refused(b"pay bob", claimed).command_id == claimed.id.lower()
    assert refused(b"pay bob", Said(id="7")).command_id == ""
    assert refused(b'{"command_id":"%s"' % ID.upper().encode()).command_id == ID


class TestTwoContexts:
    catalog = Catalog((*CATALOG, ADD))

    def test_a_command_on_the_topic_of_another_context_is_told_the_right_one(self) -> None:
        answer = self.catalog.understand(LEDGER, b'{"command_id":"%s","type":"toy.add","name":"n"}' % ID.encode())
        assert isinstance(answer, NotUnderstood)
        assert (answer.code, answer.path, answer.command_id) == (InvalidCode.WRONG_TOPIC, "$.type", ID)
        assert "toy.commands.v1" in answer.reason
        other = self.catalog.understand("toy", msgspec.json.encode(MAKE))
        assert isinstance(other, NotUnderstood)
        assert "ledger.commands.v1" in other.reason

    def test_the_only_command_of_a_context_must_name_its_type_too(self) -> None:
        assert isinstance(
            self.catalog.understand("toy", b'{"command_id":"%s","type":"toy.add","name":"n"}' % ID.encode()), ToyAdd
        )
        answer = self.catalog.understand("toy", b'{"command_id":"%s","name":"n","name":"n"}' % ID.encode())
        assert isinstance(answer, NotUnderstood)
        assert answer.code is InvalidCode.DUPLICATE_KEY
        answer = self.catalog.understand("toy", b'{"command_id":"%s","name":"n"}' % ID.encode())
        assert isinstance(answer, NotUnderstood)
        assert (answer.code, answer.path) == (InvalidCode.FIELD_MISSING, "$.type")
