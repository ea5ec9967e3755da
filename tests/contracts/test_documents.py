"""What is written from the models: up to date, complete, valid, and the same for a family that is new."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from contracts.documents import asyncapi, reference
from contracts.documents.examples import Example, examples_of
from contracts.documents.files import Place, committed, generated, out_of_date, write
from contracts.documents.messages import Message, contexts_of, messages_of
from contracts.documents.schemas import DIALECT, OURS, Schema, schema_of
from contracts.documents.words import INVALID, Incomplete
from contracts.envelope import Command, Text, type_of
from contracts.invalid import InvalidCode
from contracts.specs import CATALOG
from tests.house.tree import ROOT
from tests.system.toy import ADD, ToyAdd

MESSAGES: Final = [message for context in contexts_of(CATALOG) for message in messages_of(context)]
SCHEMAS: Final = committed(Place.here().schemas)
EXAMPLES: Final = {context: examples_of(context) for context in contexts_of(CATALOG)}
PAGE: Final = reference.text(EXAMPLES)

every_schema = pytest.mark.parametrize("name", SCHEMAS)


def test_every_generated_file_is_as_it_would_be_written() -> None:
    stale = {path.relative_to(ROOT).as_posix(): why for path, why in out_of_date(Place.here()).items()}
    assert stale == {}, "run `partita contracts`"


def test_every_message_of_every_context_has_a_schema() -> None:
    assert set(SCHEMAS) == {f"{message.context}/{message.type}" for message in MESSAGES}
    kinds = {message.direction: set[str]() for message in MESSAGES}
    for message in MESSAGES:
        kinds[message.direction].add(message.type)
    assert kinds["command"] == {spec.type for spec in CATALOG}
    assert "command.invalid" in kinds["result"]


def test_every_code_of_an_invalid_record_has_words() -> None:
    assert list(INVALID) == list(InvalidCode)


def test_what_runs_does_not_load_what_writes() -> None:
    asked = "import sys, contracts.catalog; print([m for m in sys.modules if m == 'yaml' or '.documents' in m])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


# A schema -------------------------------------------------------------------------------------------------------------


def forms_in(schema: Any) -> Iterator[Schema]:
    """Yield every schema in *schema*; what stands under its examples is none."""
    if isinstance(schema, dict):
        yield schema
        for name, inner in schema.items():
            if name in ("properties", "$defs"):
                for each in inner.values():
                    yield from forms_in(each)
            elif name not in ("examples", OURS, "default"):
                yield from forms_in(inner)
    elif isinstance(schema, list):
        for each in schema:
            yield from forms_in(each)


@every_schema
def test_a_schema_is_valid_and_names_its_message_and_its_version(name: str) -> None:
    schema, (context, kind) = SCHEMAS[name], name.split("/")
    assert schema["$schema"] == DIALECT
    assert validator_for(schema) is Draft202012Validator
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:partita:{context}:{kind}:{schema[OURS]['version']}"
    assert schema["properties"]["type"]["const"] == kind
    assert "type" in schema["required"]
    assert schema["description"].endswith(".")
    assert "``" not in json.dumps(schema)


@every_schema
def test_every_example_is_valid_and_there_is_one(name: str) -> None:
    schema = SCHEMAS[name]
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert schema["examples"]
    for example in schema["examples"]:
        validator.validate(example)


@every_schema
def test_a_command_is_closed_at_every_depth_but_metadata_and_a_result_is_open(name: str) -> None:
    schema = SCHEMAS[name]
    objects = [form for form in forms_in(schema) if "properties" in form]
    openness = {form.get("additionalProperties", True) for form in objects}
    assert openness == ({False} if schema[OURS]["direction"] == "command" else {True})
    loose = [form for form in forms_in(schema) if form.get("type") == "object" and "properties" not in form]
    assert all(isinstance(form.get("additionalProperties", {}), dict) for form in loose)


@every_schema
def test_patterns_mean_the_same_in_ecmascript_and_in_python(name: str) -> None:
    for form in forms_in(SCHEMAS[name]):
        if pattern := form.get("pattern"):
            re.compile(pattern)
            # No anchors, groups, flags or classes of Python's own, and none that mean more there.
            assert not re.search(r"\\[AZzwWdDsSbB]|\(\?[^:=!]|[*+?}]\+", pattern), pattern


@every_schema
def test_every_field_says_what_it_is_and_a_default_is_valid(name: str) -> None:
    for form in forms_in(SCHEMAS[name]):
        for field, inner in form.get("properties", {}).items():
            assert inner["description"].endswith("."), field
            if "default" in inner:
                Draft202012Validator(inner | {"$defs": SCHEMAS[name].get("$defs", {})}).validate(inner["default"])


def test_a_result_says_which_command_it_answers_and_command_invalid_may_not_know() -> None:
    needed = {"command_id", "command_type", "occurred_at", "replayed"}
    for message in MESSAGES:
        if message.direction == "result":
            required = set(SCHEMAS[f"{message.context}/{message.type}"]["required"])
            assert needed - required == ({"command_type"} if message.type == "command.invalid" else set())


def test_an_extra_event_answers_nothing_and_says_what_it_comes_with() -> None:
    extras = {(spec.type, type_of(event)) for spec in CATALOG for event in spec.extras}
    assert extras
    for command, extra in extras:
        (brings,) = (SCHEMAS[each][OURS] for each in SCHEMAS if each.endswith(f"/{command}"))
        (event,) = (each for name, each in SCHEMAS.items() if name.endswith(f"/{extra}"))
        assert extra in brings["extras"]
        assert (event[OURS]["answers"], command in event[OURS]["comes_with"]) == ([], True)
        assert "It comes besides the answer to" in event["description"]
        assert f"`{command}`" in event["description"]
        assert f"Besides the answer `{extra}` may come." in PAGE


def test_what_ends_a_command_answers_nothing_and_says_what_it_ends() -> None:
    ends = {(spec.context, spec.type, type_of(event)) for spec in CATALOG for event in spec.ends}
    assert ends
    for context, command, end in ends:
        event = SCHEMAS[f"{context}/{end}"]
        assert end in SCHEMAS[f"{context}/{command}"][OURS]["ended_by"]
        assert (event[OURS]["answers"], event[OURS]["ends"]) == ([], [command])
        assert f"It ends what `{command}` began, and is told again to a repeat of it." in event["description"]
    assert "Later comes `export.completed` or `export.failed`, once, and again with the answer to a repeat." in PAGE


def test_the_description_says_what_a_schema_cannot() -> None:
    (batch,) = (each for each in SCHEMAS if each.endswith("transfer.batch"))
    field = SCHEMAS[batch]["properties"]["source_account_id"]
    assert "a record that names another is invalid" in field["description"]


# A family that is new -------------------------------------------------------------------------------------------------


ADDED: Final = Example(
    name="add",
    shows="A toy is added.",
    command={"command_id": "0190a0e0-0000-7000-8000-000000000001", "type": "toy.add", "name": "n"},
    record="",
    result={
        "type": "toy.added",
        "name": "n",
        "command_id": "0190a0e0-0000-7000-8000-000000000001",
        "command_type": "toy.add",
        "occurred_at": "2026-11-21T04:33:11.559118Z",
        "replayed": False,
    },
)


def test_a_new_family_has_its_schemas_by_its_models_its_rows_and_its_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ToyAdd, "schema_version", 3, raising=False)
    command, added, rejected, *others = messages_of("toy", [ADD])
    schema = schema_of(command, [ADDED])
    assert schema["$id"] == "urn:partita:toy:toy.add:3"
    assert schema["properties"]["name"]["description"].startswith("What it is called, for ever. An id of 1 to 64")
    assert schema["required"] == ["type", "command_id", "name"]
    assert schema["examples"] == [ADDED.command]
    row = schema[OURS]
    assert (row["topic"], row["key"], row["refusals"][0]["code"]) == ("toy.commands.v1", "name", "toy_exists")
    assert [each.type for each in (added, rejected)] == ["toy.added", "toy.rejected"]
    assert [each.type for each in others] == ["command.invalid", "books.restored"]


def test_a_new_family_is_in_the_asyncapi_document_and_on_the_page() -> None:
    specs, examples = (*CATALOG, ADD), EXAMPLES | {"toy": [ADDED]}
    document = asyncapi.document(examples, specs)
    assert {"toy.commands", "toy.results", "toy.dead_letters"} <= document["channels"].keys()
    assert document["components"]["messages"]["toy.add"]["examples"][0]["payload"] == ADDED.command
    page = reference.text(examples, specs)
    assert "| `toy.add` | **`name`**, `body`? | `toy.added` | `toy_exists` |" in page


@pytest.mark.parametrize(
    "row",
    [
        "| `first_fee_waived`? | true or false; `true` where it is left out |",
        "| `grace_hours`? | a whole number of hours from 0 to 8784; `0` where it is left out |",
        "| `day_count`? | `360` or `365`; `365` where it is left out |",
        "| `kyc_status`? | `PENDING`, `REJECTED` or `VERIFIED`; `PENDING` where it is left out |",
        '| `overdraft_fee`? | a decimal string such as "12.30", zero or more |',
        "| `tiers`? | a list of up to 20 |",
        "| `legs` | a list of 1 to 100 |",
        '| `tiers[].from` | a decimal string such as "12.30", zero or more | The balance from which on',
        "| `protection_account_id` | an id of 1 to 64 of A-Z a-z 0-9 . _ : - or null |",
        '| `timezone`? | a time zone of the IANA database such as "Europe/Berlin"; `UTC` where it is left out |',
        '| `limit` | a decimal string such as "12.30", zero or more or null |',
        "| `percent` | `80` or `100` |",
        '| `amount` | a decimal string such as "12.30" or "-12.30", not zero |',
        "| `files` | a list of 1 to 1000 |",
        "| `filters`? | up to 8 pairs of strings, of 1 to 32 and up to 200 characters, without NUL |",
        "| `cut.next_seq` | up to 10,000 whole numbers from 1, each under the number of its partition |",
    ],
)
def test_a_row_of_the_page_says_what_a_field_must_be_and_what_is_meant_without_it(row: str) -> None:
    assert row in PAGE


def test_a_field_without_a_meaning_cannot_be_written() -> None:
    class Silent(Command, tag="toy.silence", frozen=True, kw_only=True):
        """Say nothing."""

        word: Text

    with pytest.raises(Incomplete, match="the docstring of Silent does not say what word mean"):
        schema_of(Message(context="toy", model=Silent))


# Files ----------------------------------------------------------------------------------------------------------------


def test_writing_twice_changes_nothing_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    place = Place.at(tmp_path)
    assert {*write(place)} == {*generated(place)}
    assert committed(tmp_path) == SCHEMAS
    assert write(place) == []
    gone = place.schemas / "ledger" / "account.praise.json"
    gone.write_text("{}", encoding="utf-8")
    place.document.write_text("asyncapi: 3.0.0\n", encoding="utf-8")
    assert out_of_date(place) == {place.document: "is out of date", gone: "belongs to no message"}
    assert {*write(place)} == {place.document, gone}
    assert not gone.exists()
