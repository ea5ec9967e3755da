"""The documents: what they name is there, what they show works, and what there is they name."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from cyclopts import CycloptsError

from contracts.activity import Files
from contracts.catalog import Catalog, Topics
from contracts.diagnosis import RECORD_BYTES_MAX
from contracts.documents.examples import examples_of
from contracts.documents.messages import contexts_of
from contracts.envelope import Command, LongText, Metadata, Text, type_of
from contracts.expenses import Category
from contracts.exports import Filters
from contracts.headers import CE_CORRELATION_ID, CE_ID, CE_TYPE, TRACEPARENT, TRACESTATE
from contracts.invalid import CommandInvalid, InvalidCode
from contracts.revenue import RevenueName
from contracts.specs import CATALOG, Spec
from contracts.strict_json import DEPTH_MAX
from partita.cli.program import DOORS, program
from partita.settings import Settings
from tests.house.tree import ROOT, texts

PAGES: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WIRE: Final = ROOT / "docs" / "wire.md"
MESSAGES: Final = ROOT / "docs" / "messages.md"
CODE: Final = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
BLOCK: Final = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")
SETTINGS: Final = {f"PARTITA_{name.upper()}" for name in Settings.model_fields}
OTHER_VARIABLES: Final = {  # what is read beside the settings
    *("PARTITA_FAULT", "PARTITA_CACHE_DIR"),
    *("PARTITA_TEST_KAFKA", "PARTITA_TEST_DATABASE", "PARTITA_TEST_DOCKER", "PARTITA_TEST_OUTAGE_S"),
    *("PARTITA_TEST_REPORT_ROWS", "PARTITA_TEST_EXPORT_ROWS", "PARTITA_TEST_COMMANDS"),
    *("PARTITA_TEST_WRITE_EXAMPLES", "PARTITA_TEST_ADVANCES", "PARTITA_TEST_MUTATIONS", "PARTITA_TEST_YEAR_ACCOUNTS"),
    *("PARTITA_TEST_EXPENSES", "PARTITA_TEST_REVENUE"),
}
OPERATORS: Final = ("|", "||", "&&", "&", ";", ">", "2>", "<<END")
FRAME: Final = {"command_id", "requested_at", "correlation_id", "metadata"}
PROPOSED: Final = {"transfer.send"}  # a type that a page makes up

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
every_command = pytest.mark.parametrize("spec", CATALOG, ids=lambda spec: spec.type)


def read(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """Yield the mark and the content of every fenced block in *language*."""
    for found, mark, content in BLOCK.findall(read(page)):
        if found == language:
            yield mark, content


# Links ----------------------------------------------------------------------------------------------------------------


def headings(page: Path) -> set[str]:
    """Return the anchors of *page*, as a forge makes them of its headings."""
    lines = re.findall(r"^#+ (.+)$", BLOCK.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@every_page
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    for target, anchor in LINK.findall(CODE.sub("", read(page))):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there), f"{target}#{anchor}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set[Path](), [PAGES[0]]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        linked = [(page.parent / target).resolve() for target, _ in LINK.findall(read(page)) if target.endswith(".md")]
        ahead += [each for each in linked if each not in reached]
    assert set(PAGES) - reached == set()


@every_page
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:contracts|processor|consumers|producers|partita|tests|docs|requirements)/[\w./-]*)`", read(page)
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


# Doors ----------------------------------------------------------------------------------------------------------------


def calls(line: str) -> Iterator[list[str]]:
    """Yield what a line of shell calls ``partita`` with."""
    tokens = iter(shlex.split(line, comments=True))
    for token in tokens:
        if token == "partita":
            yield list(takewhile(lambda word: word not in OPERATORS, tokens))


@every_page
def test_every_door_that_is_named_exists(page: Path) -> None:
    code = " ".join(CODE.findall(read(page)))
    assert set(re.findall(r"\bpartita ([a-z][a-z-]*)", code)) - DOORS.keys() == set()


@every_page
def test_every_call_that_is_shown_is_understood(page: Path) -> None:
    for _, content in blocks(page, "sh"):
        for line in content.replace("\\\n", " ").splitlines():
            for words in calls(line):
                try:
                    program(words[0] if words else "").parse_args(words, print_error=False, exit_on_error=False)
                except CycloptsError as error:
                    pytest.fail(f"partita {' '.join(words)}: {error}")


def test_a_call_that_is_wrong_would_be_noticed() -> None:
    assert list(calls("A=1 partita audit --json | jq . ; partita up")) == [["audit", "--json"], ["up"]]
    with pytest.raises(CycloptsError):
        program("audit").parse_args(["audit", "--yaml"], print_error=False, exit_on_error=False)


def test_the_operator_s_page_has_a_row_for_every_door() -> None:
    rows = re.findall(r"^\| `partita ([a-z-]+)", read(ROOT / "docs" / "operations.md"), re.MULTILINE)
    assert sorted(rows) == sorted(DOORS)


# Settings -------------------------------------------------------------------------------------------------------------


@every_page
def test_every_variable_that_is_named_is_read(page: Path) -> None:
    assert set(re.findall(r"PARTITA_[A-Z_]+[A-Z]", read(page))) - SETTINGS - OTHER_VARIABLES == set()


def test_variables_beside_the_settings_are_read_somewhere() -> None:
    code = "".join(text for name, text in texts() if name.endswith(".py") and name != "tests/house/test_docs.py")
    assert [name for name in OTHER_VARIABLES if name not in code] == []


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(PARTITA_\w+)` \| ([^|]*) \|", read(ROOT / "README.md"), re.MULTILINE))
    expected = {}
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        text = str(default).lower() if isinstance(default, bool) else str(default)
        expected[f"PARTITA_{name.upper()}"] = f"`{text}`" if text else "empty"
    assert rows == expected


# Messages -------------------------------------------------------------------------------------------------------------


def row_of(command_type: str) -> tuple[str, ...]:
    """Return the cells of a command's row in the page of messages."""
    (cells,) = re.findall(rf"^\| `{command_type}` \|(.*)\|$", read(MESSAGES), re.MULTILINE)
    return tuple(cell.strip() for cell in cells.split("|"))


def fields_of(command: type[Command]) -> dict[str, bool]:
    """Return the fields of a command's own and whether they must be given."""
    return {field.name: field.required for field in msgspec.structs.fields(command) if field.name not in FRAME}


@every_command
def test_the_row_of_a_command_says_what_the_catalog_says(spec: Spec) -> None:
    fields, applied, codes = row_of(spec.type)

    named = re.findall(r"`(\w+)`\**(\?)?", fields)
    assert {name: not optional for name, optional in named} == fields_of(spec.command)
    assert re.findall(r"\*\*`(\w+)`", fields) == [spec.key]
    assert applied == " or ".join(f"`{type_of(event)}`" for event in spec.applied)
    assert re.findall(r"`(\w+)`", codes) == [code.value for code in spec.codes]


def test_the_pages_name_no_type_that_does_not_exist_and_the_page_of_messages_shows_all() -> None:
    types = {name for spec in CATALOG for name in (spec.type, *map(type_of, spec.told))}
    families = "|".join({name.partition(".")[0] for name in types})
    for page in PAGES:
        assert set(re.findall(rf"`((?:{families})\.[a-z_]+)`", read(page))) - types - PROPOSED == set()
    rows = re.findall(rf"^\| `((?:{families})\.(?:\w+))` \|", read(MESSAGES), re.MULTILINE)
    assert sorted(rows) == sorted(spec.type for spec in CATALOG)
    shown = {json.loads(content)["type"] for _, content in blocks(MESSAGES, "json")}
    assert types - shown == set()


def context_in(command: str) -> str:
    """Return the context of a command that is shown."""
    kind = json.loads(command)["type"]
    return next((spec.context for spec in CATALOG if spec.type == kind), "")


@every_page
def test_every_command_that_is_shown_is_understood(page: Path) -> None:
    understand = Catalog().understand
    for mark, content in blocks(page, "json"):
        if mark == "command":
            assert isinstance(understand(context_in(content), content.encode()), Command), content
    for line in re.findall(r"'?(\{\"command_id\".*\})'?", "\n".join(text for _, text in blocks(page, "sh"))):
        assert isinstance(understand(context_in(line), line.encode()), Command), line


def test_every_command_of_the_page_has_the_result_that_its_example_has() -> None:
    """Examples are data; ``tests/contracts/test_documents_examples.py`` runs them in their order."""
    examples = [each for context in contexts_of(CATALOG) for each in examples_of(context)]
    run = {(each.record, json.dumps(told)) for each in examples for told in (each.result, *each.extras, *each.later)}
    shown, command = set(), ""
    for mark, content in blocks(MESSAGES, "json"):
        if mark == "command":
            command = json.dumps(json.loads(content))
        elif (result := json.loads(content))["type"] != type_of(CommandInvalid):
            shown.add((command, json.dumps(result)))
    assert len(shown) > len(CATALOG)
    assert shown - run == set()


# Rules ----------------------------------------------------------------------------------------------------------------


def test_the_rules_name_the_codes_of_what_is_no_command_in_their_order() -> None:
    (listed,) = re.findall(r"^The codes, in order of precedence: (.*?);", read(WIRE), re.MULTILINE | re.DOTALL)
    assert re.findall(r"`(\w+)`", listed) == [code.value for code in InvalidCode]


def test_the_rules_name_the_limits() -> None:
    rows = dict(re.findall(r"^\| ([^|]*) \| ([^|]*) \|$", read(WIRE), re.MULTILINE))
    assert rows["record, with its key and headers"] == f"{RECORD_BYTES_MAX // 1024} KiB"
    assert rows["nesting"] == f"{DEPTH_MAX} levels"
    texts = rows["free text, `correlation_id` too"]
    assert texts == f"{msgspec.json.schema(Text)['maxLength']} characters"
    long = f"{msgspec.json.schema(LongText)['maxLength']:,} characters"
    assert (rows["an address"], rows["notes of an expense"]) == (long, long)
    assert rows["a category"] == f"{msgspec.json.schema(Category)['maxLength']} characters"
    name = msgspec.json.schema(RevenueName)["maxLength"]
    assert rows["the name of a revenue account"] == f"{name} characters, not all blank"
    files = msgspec.json.schema(Files)
    length = files["items"]["maxLength"]
    assert rows["the files of an import"] == f"{files['maxItems']:,} names or URLs, of {length:,} characters"
    assert (rows["`metadata`"], rows["the filters of an export"]) == (_pairs_of(Metadata), _pairs_of(Filters))


def _pairs_of(kind: Any) -> str:
    form = msgspec.json.schema(kind)
    name, value = form["propertyNames"]["maxLength"], form["additionalProperties"]["maxLength"]
    return f"{form['maxProperties']} pairs of strings, of {name} and {value} characters"


def test_the_rules_name_the_topics() -> None:
    topics = Topics()
    rows = re.findall(r"^\| `(\w+\.(?:commands|results)\.[\w.-]+)` \|", read(WIRE), re.MULTILINE)
    names = (topics.commands, topics.results, topics.dead_letters)
    assert rows == [name(context) for context in contexts_of(CATALOG) for name in names]


def test_the_rules_say_of_every_header_that_is_read_what_becomes_of_it() -> None:
    (table,) = re.findall(r"^\| header of a command \|.*?\n\n", read(WIRE), re.MULTILINE | re.DOTALL)
    read_here = {CE_ID, CE_TYPE, CE_CORRELATION_ID, TRACEPARENT, TRACESTATE}
    first_cells = "".join(line.split("|")[1] for line in table.splitlines() if line)
    assert set(re.findall(r"`(\w+)`", first_cells)) == read_here
