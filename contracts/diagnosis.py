"""The strict path: what the fast one did not take is read again, slowly, and either is a command or hears why not.

Promise   Every fault has one code, the first in order of precedence; its reason names cause and cure, its path the
          place.
Cost      30 us for a short record; it is for those that are wrong, and the few that the fast path cannot judge.
Invariant Reasons and paths are made of the contract's own words. Of the sender's, a field's name is shown if it looks
          like one.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from contracts import strict_json
from contracts.envelope import YEARS, Command
from contracts.ids import CommandId
from contracts.invalid import InvalidCode, NotUnderstood
from contracts.strict_json import Malformed, Place

RECORD_BYTES_MAX: Final = 256 * 1024

_COMMAND_ID: Final = re.compile(rb'"command_id"\s{0,8}:\s{0,8}"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"')
_NAME: Final = re.compile(r"[a-z]{1,20}(?:(?:_|[A-Z])[a-z]{1,20}){0,4}")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>\w+)`(?: - at `(?P<at>[^`]+)`)?")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*?)`(?: - at `(?P<at>[^`]+)`)?", re.DOTALL)
_AT: Final = re.compile(r"`(?P<at>\$[^`]*)`\Z")
_TOO_LARGE: Final = f"The record is larger than {RECORD_BYTES_MAX // 1024} KiB; send less, or several commands."
_NOT_SURVIVED: Final = "The program ended each time it came to this record; it may be replayed once that is mended."
_PLAIN: Final[dict[type, str]] = {
    inspect.BoolType: "It must be true or false.",
    inspect.StructType: "It must be an object.",
}
_NO_VALUE: Final = "The record has no value; send one JSON object in UTF-8."


def is_command_id(text: object) -> bool:
    """Say whether *text* is a command id."""
    try:
        msgspec.convert(text, CommandId)
    except msgspec.ValidationError:
        return False
    return True


def outside_calendar(command: Command) -> str | None:
    """Return the name of the first instant in *command* that has no form in every zone, or None."""
    for name in ("requested_at", *command.moments):
        moment = getattr(command, name)
        if moment is not msgspec.UNSET and moment.year not in YEARS:
            return name
    return None


def too_large(value: bytes | None, *, claimed_id: str) -> NotUnderstood:
    """Return the diagnosis of a record that is larger than it may be, whatever it says."""
    return NotUnderstood(
        code=InvalidCode.TOO_LARGE, reason=_TOO_LARGE, command_id=_id_in(value or b"") or _id_or_none(claimed_id)
    )


def not_survived(value: bytes | None) -> NotUnderstood:
    """Return the diagnosis of a record at which the program itself ended: nothing that reads commands looks at it."""
    return NotUnderstood(code=InvalidCode.INTERNAL_ERROR, reason=_NOT_SURVIVED, command_id=_id_in(value or b""))


def diagnosed(
    value: bytes | None,
    models: Mapping[str, type[Command]],
    *,
    elsewhere: Mapping[str, str],
    claimed_id: str,
) -> Command | NotUnderstood:
    """Return the command that *value* says, one of *models* by type, or why it says none.

    *elsewhere* maps the types of other contexts to the topics they belong to; *claimed_id* is what the record's headers
    call its id, which counts where the body does not say.
    """
    if value is None:
        return NotUnderstood(code=InvalidCode.NOT_JSON, reason=_NO_VALUE, command_id=_id_or_none(claimed_id))
    try:
        said = strict_json.read(value)
    except Malformed as error:
        command_id = _id_in(value) or _id_or_none(claimed_id)
        return NotUnderstood(code=error.code, reason=error.reason, path=path_of(error.place), command_id=command_id)
    own_id, name = said.get("command_id"), said.get("type")
    try:
        model = _model(said, models, elsewhere)
        return _converted(said, model)
    except Malformed as error:
        return NotUnderstood(
            code=error.code,
            reason=error.reason,
            path=path_of(error.place),
            command_id=_id_or_none(own_id) or _id_or_none(claimed_id),
            type=name if isinstance(name, str) else "",
        )


def path_of(place: Place) -> str:
    """Return *place* as a JSONPath, with no more of the sender's words than names that look like fields."""
    path = "$"
    for step in place:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _NAME.fullmatch(step):
            path += f".{step}"
        else:
            return f"{path}[...]"
    return path


def _model(said: dict[str, Any], models: Mapping[str, type[Command]], elsewhere: Mapping[str, str]) -> type[Command]:
    if "type" not in said:
        raise Malformed(InvalidCode.FIELD_MISSING, "The field is missing: every command names its type.", ("type",))
    name = said["type"]
    if not isinstance(name, str):
        raise Malformed(InvalidCode.FIELD_INVALID, "The type of a command is a string.", ("type",))
    if name in models:
        return models[name]
    if name in elsewhere:
        reason = f"Commands of this type belong on {elsewhere[name]}; send it there."
        raise Malformed(InvalidCode.WRONG_TOPIC, reason, ("type",))
    raise Malformed(InvalidCode.TYPE_UNKNOWN, "No command has this type; correct it.", ("type",))


def _converted(said: dict[str, Any], model: type[Command]) -> Command:
    fields = {field.name: field.required for field in _fields(model)}
    for name, required in fields.items():
        if required and name not in said:
            raise _missing((name,), model)
    for name in said:
        if name != "type" and name not in fields:
            raise _unknown((name,), model)
    if (place := strict_json.unfit_text(said)) is not None:
        reason = "The text holds a NUL or half a surrogate pair; send whole characters, and no NUL."
        raise Malformed(InvalidCode.FIELD_INVALID, reason, place)
    try:
        command = msgspec.convert(said, model)
    except msgspec.ValidationError as error:
        raise _judged(error, model) from None
    if (name := outside_calendar(command)) is not None:
        raise _invalid((name,), model)
    return command


def _judged(error: msgspec.ValidationError, model: type[Command]) -> Malformed:
    """Return what *error* means; tests pin the forms of msgspec's messages."""
    message = str(error)
    if found := _MISSING.fullmatch(message):
        return _missing((*_place(found["at"]), found["name"]), model)
    if found := _UNKNOWN.fullmatch(message):
        return _unknown((*_place(found["at"]), found["name"]), model)
    found = _AT.search(message)
    place = _place(found["at"] if found else None)
    if isinstance(error.__cause__, ValueError):  # a model's own sentence
        return Malformed(InvalidCode.FIELD_INVALID, f"The fields do not fit together: {error.__cause__}.", place)
    return _invalid(place, model)


def _missing(place: Place, model: type[Command]) -> Malformed:
    return Malformed(InvalidCode.FIELD_MISSING, f"The field is missing. {_expected(place, model)}".strip(), place)


def _unknown(place: Place, model: type[Command]) -> Malformed:
    known = ", ".join(sorted(_names(place[:-1], model)))
    return Malformed(InvalidCode.FIELD_UNKNOWN, f"There is no such field here; the fields are {known}.", place)


def _invalid(place: Place, model: type[Command]) -> Malformed:
    return Malformed(InvalidCode.FIELD_INVALID, _expected(place, model) or "The fields do not fit together.", place)


def _expected(place: Place, model: type[Command]) -> str:
    """Return what the contract says about the field at *place*."""
    kind: inspect.Type | None = _shape(model)
    text = ""
    for step in place:
        kind = _inside(kind, step)
        text = _sentence(kind) or text  # what is said about an object holds for what is in it
    return text


def _inside(kind: inspect.Type | None, step: str | int) -> inspect.Type | None:
    kind = _bare(kind)
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), None)
    if isinstance(kind, inspect.ListType):
        return kind.item_type
    return None


def _bare(kind: inspect.Type | None) -> inspect.Type | None:
    """Return *kind* without the descriptions around it; of several, the first, which is what a sender gives."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _bare(kind.types[0])
    return kind


def _sentence(kind: inspect.Type | None) -> str:
    if isinstance(kind, inspect.Metadata):
        description = (kind.extra_json_schema or {}).get("description", "")
        return f"It must be {description}." if description else _sentence(kind.type)
    if isinstance(kind, inspect.UnionType):
        text = next((text for each in kind.types if (text := _sentence(each))), "")
        return text.removesuffix(".") + ", or null." if kind.includes_none else text
    if isinstance(kind, inspect.LiteralType):
        return f"It must be one of {', '.join(map(str, kind.values))}."
    if isinstance(kind, inspect.ListType):
        return f"It must be a list of {kind.min_length or 0} to {kind.max_length} objects."
    return _PLAIN.get(type(kind), "")


def _names(place: Place, model: type[Command]) -> list[str]:
    kind: inspect.Type | None = _shape(model)
    for step in place:
        kind = _inside(kind, step)
    kind = _bare(kind)
    return [field.encode_name for field in kind.fields] if isinstance(kind, inspect.StructType) else []


def _place(at: str | None) -> Place:
    """Return the place that msgspec writes as ``$.legs[0].amount``; what it hides stays hidden."""
    steps = re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", at or "")
    return tuple(name or (int(index) if index.isdigit() else "") for name, index in steps)


@lru_cache
def _shape(model: type[Command]) -> inspect.Type:
    """Return what *model* is made of; to look it up takes as long as all the rest of a diagnosis."""
    return inspect.type_info(model)


@lru_cache
def _fields(model: type[Command]) -> tuple[Any, ...]:
    return msgspec.structs.fields(model)


def _id_in(value: bytes) -> str:
    """Return the one command id that bytes which are no JSON object seem to name, in lower case, or nothing."""
    found = {each.lower() for each in _COMMAND_ID.findall(value)}
    return found.pop().decode() if len(found) == 1 else ""


def _id_or_none(text: object) -> str:
    return text.lower() if isinstance(text, str) and is_command_id(text) else ""
