"""The AsyncAPI document: valid by the published schema, every reference leads somewhere, and it says what is so."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from contracts.catalog import Topics
from contracts.documents.files import Place
from contracts.envelope import type_of
from contracts.specs import CATALOG
from partita.local.kafka_home import beside, only_one
from partita.local.machine import Machine
from partita.topics import settings_of

PACKAGE: Final = "@asyncapi/specs@6.11.1"
TEXT: Final = Place.here().document.read_text("utf-8")
DOCUMENT: Final[dict[str, Any]] = yaml.load(TEXT, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # a fast one
FETCHED_WITHIN_S: Final = 60.0


@pytest.fixture(scope="module")
def published() -> Draft7Validator:
    """Return the published schema: from the cache, or from the npm registry by its own client."""
    target = Machine.here().cache / PACKAGE.replace("/", "-") / "3.0.0.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    with only_one(target.parent / "lock"):
        if not target.exists():
            _fetch(target)
    return Draft7Validator(json.loads(target.read_text("utf-8")))


def _fetch(target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("the published AsyncAPI schema comes as an npm package, and there is no npm on PATH")
    with beside(target) as made:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(made.parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCHED_WITHIN_S)
        if done.returncode:
            pytest.skip(f"npm cannot fetch {PACKAGE}: {done.stderr.strip()[-200:]}")
        (archive,) = made.parent.glob("*.tgz")
        with tarfile.open(archive) as files:
            schema = files.extractfile("package/schemas/3.0.0.json")
            assert schema is not None
            made.write_bytes(schema.read())


def test_the_document_passes_the_published_schema(published: Draft7Validator) -> None:
    assert [error.message[:300] for error in published.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("info", {"licence": "Apache-2.0"}),
        ("channels/ledger.commands", {"adress": "ledger.commands.v1"}),
        ("operations/transfer.make", {"action": "take"}),
        ("components/messages/transfer.make", {"correlationId": {"location": "payload.command_id"}}),
        ("components/schemas/transfer.make", {"required": "type"}),
    ],
)
def test_a_mistake_in_the_document_would_be_noticed(published: Draft7Validator, place: str, wrong: Any) -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    _at(broken, f"#/{place}").update(wrong)
    assert not published.is_valid(broken)


def test_the_document_is_in_block_style_without_aliases() -> None:
    values = [line.partition(": ")[2] for line in TEXT.splitlines()]
    assert [value for value in values if value.startswith(("&", "*", "{")) and value != "{}"] == []


# References -----------------------------------------------------------------------------------------------------------


def references_in(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references_in(inner)


def _at(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_reference_leads_somewhere() -> None:
    references = set(references_in(DOCUMENT))
    assert references
    for reference in references:
        assert isinstance(_at(DOCUMENT, reference), dict), reference


def test_every_schema_and_every_message_is_used() -> None:
    references = set(references_in(DOCUMENT))
    for kind in ("messages", "schemas"):
        here = {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]}
        assert here - references == set()


# What it says ---------------------------------------------------------------------------------------------------------


def test_channels_are_the_topics_with_the_settings_they_are_made_with() -> None:
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    for context in dict.fromkeys(spec.context for spec in CATALOG):
        for address, settings in settings_of(context, Topics()).items():
            said = channels.pop(address)["bindings"]["kafka"].get("topicConfiguration", {})
            assert {name: str(value) for name, value in said.items()} == settings
    assert channels == {}


@pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)
def test_a_command_has_its_operation_with_its_replies_its_key_and_its_codes(spec: Any) -> None:
    operation, message = DOCUMENT["operations"][spec.type], DOCUMENT["components"]["messages"][spec.type]
    assert (operation["action"], operation["channel"]["$ref"]) == ("receive", f"#/channels/{spec.context}.commands")
    replies = [each["$ref"].rpartition("/")[2] for each in operation["reply"]["messages"]]
    tags = [model.__struct_config__.tag for model in spec.answers]
    assert replies == [*tags, "command.invalid"]
    assert f"`{spec.key}`" in message["bindings"]["kafka"]["key"]["description"]
    assert message["x-refusals"] == [{"code": code.value, "reason": code.reason} for code in spec.codes]
    assert all(f"`{code.value}`" in message["description"] for code in spec.codes)


def test_whatever_may_be_told_is_sent_and_an_extra_event_replies_to_nothing() -> None:
    for context in dict.fromkeys(spec.context for spec in CATALOG):
        told = {type_of(model) for spec in CATALOG if spec.context == context for model in spec.told}
        sent = DOCUMENT["operations"][f"{context}.results.send"]["messages"]
        assert told == {each["$ref"].rpartition("/")[2] for each in sent} - {"command.invalid", "books.restored"}


@pytest.mark.parametrize("name", [name for name in DOCUMENT["components"]["messages"] if name != "dead.letter"])
def test_examples_of_a_message_fit_its_payload_and_its_headers(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    assert message["examples"]
    for part in ("payload", "headers"):
        schema = {"$ref": message[part]["$ref"], "components": DOCUMENT["components"]}
        for example in message["examples"]:
            if part in example:
                Draft202012Validator(schema).validate(example[part])
