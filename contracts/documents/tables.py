"""Tables in Markdown, and the fields of a schema as their rows."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final

from contracts.documents.schemas import MUST, Schema
from contracts.documents.words import either

Row = tuple[str, ...]
_EVERYTHING: Final = frozenset[str]()
_QUOTE: Final = '"'


def table(*heads: str, rows: Iterable[Row]) -> str:
    """Return a table under *heads*, and an empty line."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"|{'|'.join(_cell(each) for each in line)}|\n" for line in lines)


def rows_of(
    parts: tuple[Schema, dict[str, Schema]],
    *,
    only: Container[str] | None = None,
    without: Container[str] = _EVERYTHING,
    key: str = "",
) -> list[Row]:
    """Return the fields of a message, those of objects in it behind their own: name, what it must be, what it means."""
    schema, others = parts
    return [
        row
        for name, form in schema["properties"].items()
        if name not in without and (only is None or name in only)
        for row in _rows_of_field(name, form, others, is_needed=name in schema["required"], key=key)
    ]


def _rows_of_field(
    name: str, form: Schema, others: Mapping[str, Schema], *, is_needed: bool, key: str = ""
) -> Iterator[Row]:
    shown = f"**`{name}`**" if name == key else f"`{name}`"
    yield shown + ("" if is_needed else "?"), _kind(form, others), form.get("description", "")
    for prefix, inner in _objects_in(name, form, others):
        for field, inside in inner["properties"].items():
            yield from _rows_of_field(f"{prefix}.{field}", inside, others, is_needed=field in inner["required"])


def _objects_in(name: str, form: Schema, others: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """Yield what objects the field *name* may hold, with what their fields' names begin with; each but once."""
    forms = form.get("anyOf", [form])
    for each in [each for each in forms if "$ref" in each] or [each["items"] for each in forms if "items" in each]:
        inner = others.get(each.get("$ref", "").rpartition("/")[2], {})
        if "properties" in inner:
            yield (name if "$ref" in form or "anyOf" in form else f"{name}[]"), inner


def _kind(form: Schema, others: Mapping[str, Schema]) -> str:
    """Return what a value of *form* is, in a few words."""
    if "anyOf" in form:
        return " or ".join(_kind(each, others) for each in form["anyOf"])
    if "$ref" in form:
        return _kind(others[form["$ref"].rpartition("/")[2]], others)
    if "enum" in form:
        return either([f"`{each}`" for each in form["enum"]]) + _default(form)
    if form.get("type") == "array":
        return f"a list{_count(form)}"
    # An alternative has no meaning of its own: its description is what it must be.
    words = form.get(MUST) or ("" if MUST in form or "properties" in form else form.get("description"))
    return (words or _NAMES.get(form.get("type", ""), "anything")) + _default(form)


def _count(form: Schema) -> str:
    if "maxItems" not in form:
        return ""
    return f" of {form['minItems']} to {form['maxItems']}" if "minItems" in form else f" of up to {form['maxItems']}"


def _default(form: Schema) -> str:
    default: Any = form.get("default")
    return "" if default in (None, "", [], {}) else f"; `{json.dumps(default).strip(_QUOTE)}` where it is left out"


def _cell(text: str) -> str:
    return text if text == "---" else f" {text} ".replace("|", r"\|")


_NAMES: Final = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "null": "null",
}
