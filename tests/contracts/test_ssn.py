"""A social security number can be read nowhere: not in what is kept, told or printed of a command, good or bad."""

from collections.abc import Callable

import msgspec
import pytest
from rich.pretty import pretty_repr

from contracts.catalog import Catalog
from contracts.customers import CustomerCreate, SocialSecurityNumber
from contracts.envelope import Command, TextHash, fingerprint
from contracts.headers import Headers
from contracts.invalid import masked
from contracts.specs import CATALOG, LEDGER
from processor.engine.batch import Ask, Garbled, Reader, Record
from processor.engine.dead_letters import dead_letter
from processor.engine.failures import undecidable
from tests.contracts.samples import FULL, context_of
from tests.contracts.texts import hints_of

UNDERSTOOD = Catalog()
READER = Reader(context=LEDGER, catalog=UNDERSTOOD, hashed=TextHash(b"key"))
CREATE = FULL["customer.create"]
FORMS = ("078051120", "078-05-1120", "078-051120", "07805-1120")
SSN = FORMS[1]


def read(said: object, *, key: bytes | None = None, headers: Headers = ()) -> Ask | Garbled:
    value = said if isinstance(said, bytes) else msgspec.json.encode(said)
    return READER.read(Record(0, 0, key, value, headers))


def shown(garbled: Ask | Garbled) -> str:
    """Return all that is kept, published or told of a record that is no command."""
    assert isinstance(garbled, Garbled), garbled
    letter = dead_letter(garbled, LEDGER, UNDERSTOOD)
    assert letter.is_masked
    parts = (letter.packed(0, 0), letter.event(topic="t", partition=0), letter.frame("now"), letter.key, letter.record)
    return repr(parts)


@pytest.mark.parametrize("ssn", FORMS)
def test_every_form_that_is_understood_is_one_that_is_masked(ssn: str) -> None:
    ask = read(CREATE | {"ssn": ssn})
    assert isinstance(ask, Ask)
    assert isinstance(ask.command, CustomerCreate)
    assert ask.command.ssn == FORMS[0]
    assert masked(ssn.encode()) == "".join("*" if each.isdigit() else each for each in ssn).encode()


@pytest.mark.parametrize("ssn", FORMS)
def test_neither_fingerprint_nor_print_of_a_good_command_tells_it(ssn: str) -> None:
    ask = read(CREATE | {"ssn": ssn})
    assert isinstance(ask, Ask)
    printed = f"{ask.command} {ask.command!r} {[ask.command]} {pretty_repr(ask.command)}"
    assert "A1" in printed
    for told in (ask.fingerprint.decode(), printed):
        assert not any(form in told for form in FORMS)
    assert fingerprint(ask.command, TextHash(b"another")) != ask.fingerprint


def test_no_result_has_a_place_for_it() -> None:
    for spec in CATALOG:
        for result in spec.told:
            assert "ssn" not in result.__struct_fields__
    holders = {spec.type for spec in CATALOG if SocialSecurityNumber in hints_of(spec.command).values()}
    assert holders == {"customer.create"}


@pytest.mark.parametrize("ssn", FORMS)
@pytest.mark.parametrize("kind", ["customer.create", "customer.update", "customer.craete"])
def test_it_is_masked_wherever_it_stands_in_a_customer_s_record_that_is_none(kind: str, ssn: str) -> None:
    said = FULL.get(kind, CREATE) | {"type": kind}
    for name in said.keys() - {"type"}:
        for wrong in ([ssn], {ssn: ssn}, f"{ssn}\0"):
            assert not any(form in shown(read(said | {"ssn": [ssn], name: wrong})) for form in FORMS), name
    for surplus in ({ssn: "x"}, {"number": ssn}, {"a": {"b": [ssn]}}):
        assert ssn not in shown(read(said | surplus))


@pytest.mark.parametrize("ssn", FORMS)
def test_it_is_masked_in_key_and_headers(ssn: str) -> None:
    headers: Headers = [
        *(
            (name, ssn.encode())
            for name in ("note", "ce_id", "ce_type", "ce_correlationid", "traceparent", "tracestate")
        ),
        *((ssn, b"1"), (f"\udcff{ssn}", None)),
    ]
    assert ssn not in shown(read({"type": "customer.create"}, key=ssn.encode(), headers=headers))
    assert ssn not in shown(read(b"{", key=b"id " + ssn.encode(), headers=headers))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value + value,
        lambda value: value.replace(b'"ssn"', b'"ssn" NaN'),
        lambda value: value.replace(b"{", b'{"type":"transfer.make",', 1),
        lambda value: value.replace(b"customer.create", b" customer.create"),
        lambda value: value.replace(b"customer.create", b"ledger.customer.create"),
        lambda value: value.replace(b"customer.create", b"CustomerCreate"),
        lambda value: value.replace(b'"customer.create"', b"7"),
        lambda value: value + b" " * 300_000,
        lambda value: b"[" * 9 + value + b"]" * 9,
        lambda value: value.decode().encode("utf-16"),
        lambda value: value.decode().encode("utf-32-be"),
        lambda value: b"\xef\xbb\xbf" + value,
    ],
)
def test_it_is_masked_where_the_record_cannot_be_read_or_its_type_is_a_slip(
    spoil: Callable[[bytes], bytes],
) -> None:
    value = spoil(msgspec.json.encode(CREATE))
    kept = shown(read(value)).replace("\\x00", "")
    assert not any(form in kept for form in FORMS)


def test_a_good_command_that_cannot_be_decided_is_masked_too() -> None:
    ask = read(CREATE, key=b"A1")
    assert isinstance(ask, Ask)
    assert SSN in repr(ask.record)
    assert SSN not in shown(undecidable(ask, ValueError(SSN)))


def test_other_commands_are_kept_as_they_came() -> None:
    garbled = read(FULL["transfer.make"] | {"description": SSN, "amount": 1})
    assert isinstance(garbled, Garbled)
    assert not dead_letter(garbled, LEDGER, UNDERSTOOD).is_masked
    assert isinstance(read(FULL["transfer.make"] | {"description": SSN}), Ask)


@pytest.mark.parametrize("kind", FULL)
def test_no_sentence_about_a_bad_field_quotes_it(kind: str) -> None:
    context = context_of(FULL[kind])
    for name in FULL[kind]:
        for form in FORMS:
            for wrong in ([form], {form: form}, f"{form}/"):
                answer = UNDERSTOOD.understand(context, msgspec.json.encode(FULL[kind] | {name: wrong}))
                assert isinstance(answer, Command) or not any(each in answer.reason + answer.path for each in FORMS)
