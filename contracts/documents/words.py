"""What messages and fields mean, in words: read from docstrings, so that a model and its description are one text.

A model's docstring begins with a sentence; paragraphs may follow; a section ``Attributes`` has a line for each field.
What all messages share is described here, because the modules of the envelope say how, and this says what for.

Invariant Every field has a meaning; a model whose docstring forgets one cannot be written.
"""

import inspect
import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from contracts.envelope import Command, Event, Frame, Rejected
from contracts.invalid import CommandInvalid, InvalidCode

_SECTION: Final = re.compile(r"\n*^Attributes:\n(?P<lines>(?:    .*\n?)*)", re.MULTILINE)
_LINE: Final = re.compile(r"^    (\w+): (.+(?:\n {8}.*)*)", re.MULTILINE)

_SHARED: Final[dict[type[Struct], dict[str, str]]] = {
    Command: {
        "type": "What is asked for.",
        "command_id": "The command's own id, in any case. The answer is remembered under it for ever.",
        "requested_at": "When it was asked for; left out, the record's own time counts.",
        "correlation_id": "The sender's own thread through several messages; it comes back in the result.",
        "metadata": "Whatever the sender wants to find again in the result.",
    },
    Event: {"type": "What has happened."},
    Rejected: {
        "code": "Why, as a word to program by. A code that you do not know is a refusal like any other.",
        "reason": "Why, as a sentence with cause and cure. Its words may change.",
        "details": "What the code speaks of; which names stand in it depends on the code.",
    },
    CommandInvalid: {
        "code": "Why the record is no command.",
        "reason": "Why, as a sentence with cause and cure. Its words may change.",
        "path": "Where in the record, as a JSONPath; `$` is all of it.",
        "topic": "The topic of the record.",
        "partition": "The partition of the record.",
        "offset": "The offset of the record.",
    },
    Frame: {
        "command_id": "The id of the command, as it was sent; of a record that is none, in lower case.",
        "command_type": "The type of the command.",
        "correlation_id": "That of the command, where it had one.",
        "metadata": "That of the command, where it had any.",
        "occurred_at": "When this was decided.",
        "replayed": "Whether this was told before: the same command came again.",
    },
}

INVALID: Final = {
    InvalidCode.TOO_LARGE: "The record, with key and headers, has more than 256 KiB.",
    InvalidCode.NOT_JSON: "It has no value, or one that is not a JSON object in UTF-8.",
    InvalidCode.TOO_DEEP: "Its JSON is nested deeper than eight levels.",
    InvalidCode.DUPLICATE_KEY: "A name stands twice in one object.",
    InvalidCode.TYPE_UNKNOWN: "No command has its type.",
    InvalidCode.WRONG_TOPIC: "Its type belongs on another topic.",
    InvalidCode.FIELD_MISSING: "A field that must be there is not.",
    InvalidCode.FIELD_UNKNOWN: "There is a field that the command does not have.",
    InvalidCode.FIELD_INVALID: "A field is not what it must be.",
    InvalidCode.INTERNAL_ERROR: "The program could not decide or store it, or ended each time it came to it.",
}


class Incomplete(Exception):
    """What the documents are written from is not all there yet. The text says where, what is missing, and the cure."""


def about(model: type[Any]) -> str:
    """Return what *model* is: its docstring without the section on fields, as one paragraph of Markdown."""
    return _as_markdown(_SECTION.sub("", _docstring(model)))


def meanings(model: type[Struct]) -> dict[str, str]:
    """Return what each field of *model* means, as Markdown, by its name on the wire too.

    A subclass may say it again in other words.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        found |= _SHARED.get(base, {})
        if base is not Struct and (section := _SECTION.search(_docstring(base))):
            found |= {name: _as_markdown(text) for name, text in _LINE.findall(section["lines"])}
    on_the_wire = zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True)
    return found | {wire: found[name] for name, wire in on_the_wire if name in found}


def _docstring(model: type[Any]) -> str:
    return inspect.cleandoc(model.__dict__.get("__doc__") or "")


def _as_markdown(text: str) -> str:
    return re.sub(r"\*(\w+)\*", r"`\1`", " ".join(text.split()).replace("``", "`"))


def either(words: Sequence[str]) -> str:
    """Return *words* as alternatives: one, the other or the third."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def sentence(text: str) -> str:
    """Return *text* as a sentence."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""
