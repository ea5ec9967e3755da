"""Which changes break whom: a table of changes with their verdicts, and every committed schema changed in every way."""

import copy
from collections.abc import Iterator
from typing import Any, Final

import pytest

from contracts.documents import differences
from contracts.documents.compatibility import Change, Effect, breaking, changes
from contracts.documents.files import Place, committed
from contracts.documents.schemas import OURS, Schema

COMMITTED: Final = committed(Place.here().schemas)
TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
LEG: Final[Schema] = {"type": "object", "properties": {"amount": TEXT}, "required": ["amount"]}
LEGS: Final[Schema] = {"type": "array", "items": {"$ref": "#/$defs/Leg"}}
NO, YES, BOTH = Effect.BREAKING, Effect.COMPATIBLE, (Effect.BREAKING, Effect.BREAKING)

# What the old schema says of field `a`, what the new one says, what that means for senders of a command and for readers
# of a result, and how the change is called. None: the field is not there. A `!` means that it must be given.
TABLE: Final[list[tuple[Any, Any, tuple[Effect, Effect], str]]] = [
    (TEXT, None, BOTH, "field a was removed"),
    (None, TEXT, (YES, YES), "field a is new"),
    (None, ("!", TEXT), (NO, YES), "required field a is new"),
    (TEXT, ("!", TEXT), (NO, YES), "field a became required"),
    (("!", TEXT), TEXT, (YES, NO), "field a became optional"),
    (TEXT, WHOLE, BOTH, 'field a changed its type from "string" to "integer"'),
    (TEXT, {"type": ["string", "null"]}, (YES, NO), 'field a changed its type from "string" to ["string", "null"]'),
    ({"type": ["string", "null"]}, TEXT, (NO, YES), 'field a changed its type from ["string", "null"] to "string"'),
    (TEXT, {}, (YES, NO), 'field a changed its type from "string" to nothing'),
    ({}, TEXT, (NO, YES), 'field a changed its type from nothing to "string"'),
    ({"enum": ["x"]}, {"enum": ["x", "y"]}, (YES, NO), "field a may also be y"),
    ({"enum": ["x", "y"]}, {"enum": ["x"]}, (NO, YES), "field a can no longer be y"),
    (TEXT, TEXT | {"enum": ["x"]}, (NO, YES), "field a is now one of a list"),
    (TEXT | {"enum": ["x"]}, TEXT, (YES, NO), "field a is no longer one of a list"),
    (TEXT, TEXT | {"pattern": "^x"}, (NO, YES), 'field a changed its pattern from nothing to "^x"'),
    (TEXT | {"pattern": "^x"}, TEXT, (YES, NO), 'field a changed its pattern from "^x" to nothing'),
    ({"pattern": "^x"}, {"pattern": "^xy?"}, BOTH, 'field a changed its pattern from "^x" to "^xy?"'),
    (TEXT, TEXT | {"format": "date-time"}, (NO, YES), 'field a changed its format from nothing to "date-time"'),
    (TEXT | {"format": "date-time"}, TEXT, (YES, NO), 'field a changed its format from "date-time" to nothing'),
    ({"format": "date"}, {"format": "date-time"}, BOTH, 'field a changed its format from "date" to "date-time"'),
    ({"maxLength": 9}, {"maxLength": 5}, (NO, YES), "field a changed its maxLength from 9 to 5"),
    ({"maxLength": 5}, {"maxLength": 9}, (YES, NO), "field a changed its maxLength from 5 to 9"),
    (TEXT, TEXT | {"maxLength": 9}, (NO, YES), "field a changed its maxLength from nothing to 9"),
    (TEXT | {"maxLength": 9}, TEXT, (YES, NO), "field a changed its maxLength from 9 to nothing"),
    ({"minLength": 1}, {"minLength": 2}, (NO, YES), "field a changed its minLength from 1 to 2"),
    ({"minLength": 2}, {"minLength": 1}, (YES, NO), "field a changed its minLength from 2 to 1"),
    ({"minimum": 1}, {"minimum": 0}, (YES, NO), "field a changed its minimum from 1 to 0"),
    ({"minimum": 0}, {"minimum": 1}, (NO, YES), "field a changed its minimum from 0 to 1"),
    ({"maximum": 9}, {"maximum": 8}, (NO, YES), "field a changed its maximum from 9 to 8"),
    ({"maxItems": 100}, {"maxItems": 50}, (NO, YES), "field a changed its maxItems from 100 to 50"),
    ({"maxItems": 50}, {"maxItems": 100}, (YES, NO), "field a changed its maxItems from 50 to 100"),
    ({"minItems": 1}, {"minItems": 2}, (NO, YES), "field a changed its minItems from 1 to 2"),
    ({"maxProperties": 16}, {"maxProperties": 8}, (NO, YES), "field a changed its maxProperties from 16 to 8"),
    ({"items": TEXT}, {"items": WHOLE}, BOTH, 'field a[] changed its type from "string" to "integer"'),
    ({"items": TEXT}, {}, (YES, NO), "field a[] takes more besides its known content"),
    ({"additionalProperties": False}, {}, (YES, NO), "field a takes more besides its known content"),
    ({}, {"additionalProperties": False}, (NO, YES), "field a takes less besides its known content"),
    (
        {"additionalProperties": {"maxLength": 9}},
        {"additionalProperties": {"maxLength": 8}},
        (NO, YES),
        "field a.* changed its maxLength from 9 to 8",
    ),
    (
        {"propertyNames": {"maxLength": 9}},
        {"propertyNames": {"maxLength": 8}},
        (NO, YES),
        "field a (names) changed its maxLength from 9 to 8",
    ),
    (TEXT, {"anyOf": [TEXT, {"type": "null"}]}, (YES, NO), "field a may also be null"),
    ({"anyOf": [TEXT, {"type": "null"}]}, TEXT, (NO, YES), "field a can no longer be null"),
    (
        {"anyOf": [TEXT | {"maxLength": 9}, {"type": "null"}]},
        {"anyOf": [{"type": "null"}, TEXT | {"maxLength": 8}]},
        (NO, YES),
        "field a changed its maxLength from 9 to 8",
    ),
    ({"$ref": "#/$defs/Leg"}, {"anyOf": [LEGS, {"$ref": "#/$defs/Leg"}]}, (YES, NO), "field a may also be array"),
    (TEXT, TEXT | {"default": "x"}, BOTH, 'field a, left out, meant nothing and means "x"'),
    ({"default": "x"}, {"default": "y"}, BOTH, 'field a, left out, meant "x" and means "y"'),
    ({"const": "x"}, {"const": "y"}, BOTH, 'field a changed its const from "x" to "y"'),
    ({"type": "number"}, {"type": "number", "multipleOf": 2}, BOTH, "field a changed its multipleOf from nothing to 2"),
]


def message(direction: str, field: Any, /, *, defs: Schema | None = None, **table: Any) -> dict[str, Schema]:
    """Return the schemas of a contract of one message with one field."""
    must, form = field if isinstance(field, tuple) else ("", field)
    row = {"direction": direction, "context": "c", "version": 1, "topic": "c.v1", "key": "k"} | table
    return {
        "c/x.y": {
            "title": "x.y",
            "properties": {} if form is None else {"a": form},
            "required": ["a"] if must else [],
            "$defs": defs or {"Leg": LEG},
            OURS: row,
        }
    }


def told(old: dict[str, Schema], new: dict[str, Schema]) -> list[tuple[str, Effect]]:
    return [(str(change), change.effect) for change in changes(old, new)]


@pytest.mark.parametrize(("old", "new", "effects", "name"), TABLE, ids=[name for *_, name in TABLE])
def test_a_change_of_a_field_has_its_name_and_its_effect(
    old: Any, new: Any, effects: tuple[Effect, Effect], name: str
) -> None:
    for direction, effect in zip(("command", "result"), effects, strict=True):
        assert told(message(direction, old), message(direction, new)) == [(f"x.y: {name}", effect)], direction


@pytest.mark.parametrize(
    ("before", "after", "name", "effect"),
    [
        ({}, {"key": "other"}, "the key was k and is other", Effect.BREAKING),
        ({}, {"topic": "c.v2"}, "the topic was c.v1 and is c.v2", Effect.BREAKING),
        ({}, {"direction": "result"}, "the direction was command and is result", Effect.BREAKING),
        ({"applied": "x.done"}, {"applied": "x.made"}, "the applied was x.done and is x.made", Effect.BREAKING),
        ({"codes": "a b"}, {"codes": "a"}, "the code b was removed", Effect.COMPATIBLE),
        ({"codes": "a"}, {"codes": "a b"}, "the code b is new", Effect.COMPATIBLE),
        ({"codes": "a b"}, {"codes": "b a"}, "the codes have another order of precedence", Effect.COMPATIBLE),
        ({"version": 2}, {"version": 1}, "the version went down from 2 to 1", Effect.BREAKING),
        ({"version": 1}, {"version": 2}, "the version was raised to 2", Effect.COMPATIBLE),
        ({"answers": ["x.do"]}, {"answers": ["x.do", "x.be"]}, "it also answers x.be", Effect.COMPATIBLE),
        ({"answers": ["x.do"]}, {"answers": []}, "it no longer answers x.do", Effect.COMPATIBLE),
        ({}, {"comes_with": ["x.do"]}, "it also comes with x.do", Effect.COMPATIBLE),
        ({"extras": ["x.told"]}, {"extras": []}, "it no longer brings x.told", Effect.COMPATIBLE),
        ({}, {"ends": ["x.do"]}, "it also ends x.do", Effect.COMPATIBLE),
        ({"ended_by": ["x.done"]}, {"ended_by": []}, "it no longer is ended by x.done", Effect.COMPATIBLE),
    ],
)
def test_a_change_of_the_table_has_its_name_and_its_effect(
    before: dict[str, Any], after: dict[str, Any], name: str, effect: Effect
) -> None:
    old, new = (message("command", TEXT, **_refusals(dict(table))) for table in (before, after))
    assert told(old, new) == [(f"x.y: {name}", effect)]


def _refusals(table: dict[str, Any]) -> dict[str, Any]:
    if "codes" in table:
        table["refusals"] = [{"code": code, "reason": ""} for code in table.pop("codes").split()]
    return table


@pytest.mark.parametrize("direction", ["command", "result"])
def test_a_type_that_is_gone_breaks_and_a_new_one_does_not(direction: str) -> None:
    one = message(direction, TEXT)
    assert told(one, {}) == [("x.y: the type was removed", Effect.BREAKING)]
    assert told({}, one) == [("x.y: the type is new", Effect.COMPATIBLE)]
    assert told(one, one) == []


def test_what_lies_deeper_is_named_by_its_path() -> None:
    legs = {"type": "array", "items": {"$ref": "#/$defs/Leg"}}
    longer = {"Leg": LEG | {"properties": {"amount": TEXT | {"maxLength": 3}}}}
    (change,) = changes(message("command", legs), message("command", legs, defs=longer))
    assert str(change) == "x.y: field a[].amount changed its maxLength from nothing to 3"


def test_a_break_under_a_raised_version_is_announced() -> None:
    found = changes(message("command", TEXT), message("command", None, version=2))
    assert [each.effect for each in found] == [Effect.COMPATIBLE, Effect.ANNOUNCED]
    assert breaking(found) == []


def test_a_pattern_that_somebody_has_looked_at_is_known_to_be_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "WIDER_PATTERNS", frozenset({("^x$", "^x")}))
    narrow, wide = ({"pattern": each} for each in ("^x$", "^x"))
    for old, new, effect in ((narrow, wide, Effect.COMPATIBLE), (wide, narrow, Effect.BREAKING)):
        (change,) = changes(message("command", old), message("command", new))
        assert change.effect is effect


def test_words_are_no_change() -> None:
    other = TEXT | {"description": "other words", "title": "T", "examples": ["x"]}
    assert changes(message("command", TEXT), message("command", other)) == []


# Every committed schema -----------------------------------------------------------------------------------------------


def objects_in(schema: Schema) -> Iterator[Schema]:
    """Yield the schema and those of the objects in it."""
    yield schema
    yield from (each for each in schema.get("$defs", {}).values() if "properties" in each)


def mutated(name: str) -> Iterator[tuple[str, list[Change]]]:
    """Yield what was done to a committed schema, and the changes that were found."""
    schema = COMMITTED[name]
    for number, part in enumerate(objects_in(schema)):
        for field, form in part["properties"].items():
            for what in ("drop", "turn", *(("cut",) if "maxLength" in form else ()), "type"):
                other = copy.deepcopy(schema)
                _do(what, list(objects_in(other))[number], field)
                yield f"{what} {field}", changes({name: schema}, {name: other})


def _do(what: str, part: Schema, field: str) -> None:
    if what == "drop":
        part["properties"].pop(field)
    elif what == "turn":
        part["required"] = list({*part["required"]} ^ {field})
    elif what == "cut":
        part["properties"][field]["maxLength"] -= 1
    else:
        part["properties"][field] = {"type": "boolean", "const": True}


@pytest.mark.parametrize("name", COMMITTED)
def test_every_change_of_every_field_of_a_committed_schema_is_named(name: str) -> None:
    is_command = COMMITTED[name][OURS]["direction"] == "command"
    for what, found in mutated(name):
        field = what.partition(" ")[2]
        assert found, what
        assert all(f"{field}" in change.what for change in found), what
        if what.startswith(("drop", "type")):
            assert breaking(found), what
        elif what.startswith("cut"):
            assert bool(breaking(found)) == is_command, what
        else:
            narrows = found[0].what.endswith("became required")
            assert bool(breaking(found)) == (narrows == is_command), what


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_schema_that_is_gone_breaks(name: str) -> None:
    without = {each: schema for each, schema in COMMITTED.items() if each != name}
    assert [str(each) for each in breaking(changes(COMMITTED, without))] == [
        f"{name.rpartition('/')[2]}: the type was removed"
    ]
