"""JSON Schema (draft 2020-12) of every message, made of its model.

Promise   What a model takes its schema takes, and the other way round, as far as a schema can say it; where it cannot,
          a description says it in words.
Invariant A command takes no field that it does not list, and no NUL; a result may get more, so readers must ignore what
          they do not know. What is not JSON Schema (topic, key, codes) stands under ``x-partita``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, inspect

from contracts.documents.examples import Example, bodies_of
from contracts.documents.messages import Message
from contracts.documents.words import Incomplete, about, either, meanings, sentence
from contracts.envelope import Command, Frame, type_of
from contracts.ids import CommandId
from contracts.invalid import CommandInvalid
from contracts.shown import ShownInstant
from contracts.specs import Spec

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OURS: Final = "x-partita"
MUST: Final = "must be"
NO_NUL: Final = r"^[^\x00]*$"
_FRAME_OF_COMMANDS: Final = [name for name in Command.__struct_fields__ if name != "command_id"]
_FORMS_OF_FRAME: Final = {"command_id": CommandId, "occurred_at": ShownInstant}


def schemas(messages: Iterable[Message], examples: Mapping[str, Sequence[Example]]) -> dict[str, Schema]:
    """Return the schema of each of *messages* by ``<context>/<type>``; *examples* are those of each context."""
    return {f"{each.context}/{each.type}": schema_of(each, examples[each.context]) for each in messages}


def schema_of(message: Message, examples: Sequence[Example] = ()) -> Schema:
    """Return the schema of one message, complete in itself."""
    body, others = parts_of(message)
    head = {
        "$schema": DIALECT,
        "$id": f"urn:partita:{message.context}:{message.type}:{message.version}",
        "title": message.type,
        "description": about(message.model) + occasion(message),
    }
    tail: Schema = {OURS: _table_row(message)}
    if bodies := [body for _, body in bodies_of(message.type, examples)]:
        tail["examples"] = bodies
    whole: Schema = head | _in_one(body) | tail
    return whole | ({"$defs": _in_one(others)} if others else {})


def occasion(message: Message) -> str:
    """Return the sentence that says what an extra event comes with or ends, behind a blank; of an answer nothing."""
    if message.beginnings:
        return f" It ends what {_either_of(message.beginnings)} began, and is told again to a repeat of it."
    return f" It comes besides the answer to {_either_of(message.causes)}." if message.causes else ""


def _either_of(specs: Iterable[Spec]) -> str:
    return either([f"`{spec.type}`" for spec in specs])


def parts_of(message: Message) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of one message and those of the objects in it; ``must be`` stands beside each description."""
    body, others = _described(message.model)
    if message.direction == "result":
        _add_frame(body, requires_type=message.model is not CommandInvalid)
    return body, others


def _table_row(message: Message) -> Schema:
    """Return what the table says about *message*."""
    row: Schema = {
        "direction": message.direction,
        "context": message.context,
        "version": message.version,
        "topic": message.topic,
    }
    if message.direction == "result":
        listed = {"answers": message.specs, "comes_with": message.causes, "ends": message.beginnings}
        kept = {name: specs for name, specs in listed.items() if specs or name == "answers"}
        return row | {name: [spec.type for spec in specs] for name, specs in kept.items()}
    (spec,) = message.specs
    return row | {
        "key": spec.key,
        "applied": " or ".join(type_of(event) for event in spec.applied),
        "rejected": type_of(spec.rejected),
        **({"extras": [type_of(event) for event in spec.extras]} if spec.extras else {}),
        **({"ended_by": [type_of(event) for event in spec.ends]} if spec.ends else {}),
        "refusals": [{"code": code.value, "reason": code.reason} for code in spec.codes],
    }


def _described(model: type[Struct]) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of *model* without its head, and those of the objects in it by name."""
    schema = msgspec.json.schema(model)["$defs"]
    kinds = {kind.__name__: kind for kind in _kinds_in(inspect.type_info(model))}
    for name, kind in kinds.items():
        schema[name]["description"] = about(kind)
        if issubclass(kind, Struct):
            _describe(schema[name], kind)
    body = schema.pop(model.__name__)
    return {name: body[name] for name in body if name not in ("title", "description")}, schema


def _describe(schema: Schema, model: type[Struct]) -> None:
    is_command = not schema.get("additionalProperties", True)
    last = _FRAME_OF_COMMANDS if issubclass(model, Command) else []
    fields = sorted(schema["properties"].items(), key=lambda field: field[0] in last)
    words = meanings(model)
    unsaid = [name for name, _ in fields if name not in words]
    if unsaid:
        raise Incomplete(
            f"{model.__module__}: the docstring of {model.__name__} does not say what {', '.join(unsaid)} means."
        )
    schema["properties"] = {name: _field(form, words[name], is_command=is_command) for name, form in fields}


def _field(form: Schema, meaning: str, *, is_command: bool) -> Schema:
    """Return *form* with what the field means; a default stays where it is something that may be sent."""
    if len(form.get("enum", ())) == 1:
        form = {"type": "string", "const": form["enum"][0]}
    form = _without_nul(form) if is_command else form
    default = form.get("default")
    is_absence = default == "" and (form.get("minLength") or not re.search(form.get("pattern", ""), ""))
    kept = {name: form[name] for name in form if name != "default" or (is_command and not is_absence)}
    return {"description": meaning, MUST: form.get("description", "")} | {
        name: value for name, value in kept.items() if name != "description"
    }


def _without_nul(form: Schema) -> Schema:
    """Return *form*, every text in it without NUL; the strict path looks for one in the whole record."""
    if form.get("type") == "string" and not form.keys() & {"pattern", "format", "const"}:
        return form | {"pattern": NO_NUL}
    inner = {name: _without_nul(form[name]) for name in ("items", "additionalProperties") if form.get(name)}
    if names := form.get("propertyNames"):
        inner["propertyNames"] = names | {"pattern": names.get("pattern", NO_NUL)}
    return form | inner


def _in_one(part: Any) -> Any:
    """Return *part* of a schema with what a field means and what it must be in one description."""
    if not isinstance(part, dict):
        return part
    whole = {name: _in_one(each) for name, each in part.items() if name != MUST}
    return whole | ({"description": f"{part['description']} {sentence(part[MUST])}".strip()} if MUST in part else {})


def _add_frame(body: Schema, *, requires_type: bool) -> None:
    """Add what every result says besides its own fields."""
    frame, _ = _described(Frame)
    words = meanings(Frame)
    for name, kind in _FORMS_OF_FRAME.items():
        frame["properties"][name] = _field(msgspec.json.schema(kind), words[name], is_command=False)
    body["properties"] |= frame["properties"]
    needed = {*body["required"], *frame["required"], *(("command_type",) if requires_type else ())}
    body["required"] = [name for name in body["properties"] if name in needed]


def _kinds_in(kind: inspect.Type) -> Iterator[type[Any]]:
    """Yield every struct and every enumeration that *kind* is made of."""
    if isinstance(kind, inspect.StructType):
        yield kind.cls
        for field in kind.fields:
            yield from _kinds_in(field.type)
    elif isinstance(kind, inspect.EnumType):
        yield kind.cls
    elif isinstance(kind, inspect.Metadata):
        yield from _kinds_in(kind.type)
    elif isinstance(kind, inspect.ListType):
        yield from _kinds_in(kind.item_type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _kinds_in(each)
