"""What differs between two schemas of a message, place by place, and whether more or less is valid afterwards.

Bound     The keywords that ``schemas`` writes; a keyword that is not known here counts as ``OTHER``, as does a changed
          pattern: whether one pattern takes more than another cannot be decided in general.
Invariant Words alone (titles, descriptions, examples) are no difference.
"""

import json
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from contracts.documents.schemas import OURS, Schema


class Way(Enum):
    """Whether more is valid than before, or less; ``OTHER`` is both or unknown, ``NEITHER`` concerns no record."""

    WIDER = auto()
    NARROWER = auto()
    OTHER = auto()
    NEITHER = auto()


class Difference(NamedTuple):
    """One difference, as the end of a sentence that begins with the message."""

    what: str
    way: Way


# Pairs (old, new) of patterns that somebody has looked at: what the old one takes, the new one takes too.
WIDER_PATTERNS: Final[frozenset[tuple[str, str]]] = frozenset()

_WORDS: Final = frozenset({"title", "description", "examples", "$schema", "$id", "$defs", OURS})
_APART: Final = _WORDS | {"properties", "required"}
_HIGHEST: Final = frozenset({"maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"})
_LOWEST: Final = frozenset({"minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"})
_MISSING: Final = object()


def differences(old: Schema, new: Schema) -> Iterator[Difference]:
    """Yield every difference between two schemas of one message, each complete in itself."""
    yield from _Comparison(old, new).of("", old, new)


class _Comparison:
    """Compares two schemas from their roots down; references are looked up in the schema that they stand in."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def of(self, place: str, old: Any, new: Any) -> Iterator[Difference]:
        """Yield the differences at *place* and below."""
        if isinstance(old, bool) or isinstance(new, bool):
            yield from _of_openness(place, old, new)
        elif "anyOf" in old or "anyOf" in new:
            yield from self._of_alternatives(place, old, new)
        else:
            old, new = _resolved(old, self._old), _resolved(new, self._new)
            yield from self._of_fields(place, old, new)
            for name in sorted((old.keys() | new.keys()) - _APART):
                yield from self._of_keyword(name, place, old.get(name, _MISSING), new.get(name, _MISSING))

    def _of_keyword(self, name: str, place: str, old: Any, new: Any) -> Iterator[Difference]:
        if name in ("items", "additionalProperties", "propertyNames"):
            inside = {"items": "[]", "additionalProperties": ".*", "propertyNames": " (names)"}[name]
            yield from self.of(place + inside, True if old is _MISSING else old, True if new is _MISSING else new)
        elif old != new:
            compare = _COMPARISONS.get(name, _of_limit if name in _HIGHEST | _LOWEST else _of_unknown)
            yield from compare(name, _field(place), old, new)

    def _of_fields(self, place: str, old: Schema, new: Schema) -> Iterator[Difference]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            path = _below(place, name)
            if name not in after:
                yield Difference(f"field {path} was removed", Way.OTHER)
                continue
            if name in needed_after - needed_before:
                yield Difference(f"field {path} became required", Way.NARROWER)
            elif name in needed_before - needed_after:
                yield Difference(f"field {path} became optional", Way.WIDER)
            yield from self.of(path, before[name], after[name])
        for name in after:
            if name not in before:
                needed = name in needed_after
                yield Difference(
                    f"{'required ' if needed else ''}field {_below(place, name)} is new",
                    Way.NARROWER if needed else Way.NEITHER,
                )

    def _of_alternatives(self, place: str, old: Schema, new: Schema) -> Iterator[Difference]:
        """Compare alternatives of one kind with each other; the others were added or removed."""
        before = {_kind(each): each for each in old.get("anyOf", [old])}
        after = {_kind(each): each for each in new.get("anyOf", [new])}
        for kind, alternative in before.items():
            if kind in after:
                yield from self.of(place, alternative, after[kind])
            else:
                yield Difference(f"{_field(place)} can no longer be {kind}", Way.NARROWER)
        for kind in after:
            if kind not in before:
                yield Difference(f"{_field(place)} may also be {kind}", Way.WIDER)


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(schema: Schema) -> str:
    """Return what tells an alternative from the others: its type, or the name of the object that it is."""
    return str(schema.get("$ref", "").rpartition("/")[2] or schema.get("type", "anything"))


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _field(place: str) -> str:
    return f"field {place}" if place else "the record"


# Keywords -------------------------------------------------------------------------------------------------------------


def _of_openness(place: str, old: Any, new: Any) -> Iterator[Difference]:
    """Compare what may be anything (true, or not said) or nothing (false) with what has a schema."""
    old, new = (True if each == {} else each for each in (old, new))
    if old == new:
        return
    subject = _field(place.removesuffix(".*"))
    if new is False or old is True:
        yield Difference(f"{subject} takes less besides its known content", Way.NARROWER)
    else:
        yield Difference(f"{subject} takes more besides its known content", Way.WIDER)


def _of_type(_: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    before, after = _types(old), _types(new)
    if old is _MISSING or before < after:
        way = Way.NARROWER if old is _MISSING else Way.WIDER
    else:
        way = Way.WIDER if new is _MISSING else Way.NARROWER if after < before else Way.OTHER
    yield Difference(f"{subject} changed its type from {_shown(old)} to {_shown(new)}", way)


def _of_enum(_: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    if old is _MISSING or new is _MISSING:
        yield Difference(f"{subject} is {'now' if old is _MISSING else 'no longer'} one of a list", _presence(old))
        return
    for value in old:
        if value not in new:
            yield Difference(f"{subject} can no longer be {value}", Way.NARROWER)
    for value in new:
        if value not in old:
            yield Difference(f"{subject} may also be {value}", Way.WIDER)


def _of_pattern(_: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    if old is _MISSING or new is _MISSING:
        way = _presence(old)
    elif (old, new) in WIDER_PATTERNS:
        way = Way.WIDER
    else:
        way = Way.NARROWER if (new, old) in WIDER_PATTERNS else Way.OTHER
    yield Difference(f"{subject} changed its pattern from {_shown(old)} to {_shown(new)}", way)


def _of_format(_: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    way = _presence(old) if old is _MISSING or new is _MISSING else Way.OTHER
    yield Difference(f"{subject} changed its format from {_shown(old)} to {_shown(new)}", way)


def _of_limit(name: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    if old is _MISSING or new is _MISSING:
        way = _presence(old)
    else:
        way = Way.WIDER if (new > old) == (name in _HIGHEST) else Way.NARROWER
    yield Difference(f"{subject} changed its {name} from {_shown(old)} to {_shown(new)}", way)


def _of_default(_: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    yield Difference(f"{subject}, left out, meant {_shown(old)} and means {_shown(new)}", Way.OTHER)


def _of_unknown(name: str, subject: str, old: Any, new: Any) -> Iterator[Difference]:
    yield Difference(f"{subject} changed its {name} from {_shown(old)} to {_shown(new)}", Way.OTHER)


def _presence(old: Any) -> Way:
    """Return the way of a restriction that has come, or gone."""
    return Way.NARROWER if old is _MISSING else Way.WIDER


def _types(value: Any) -> set[str]:
    return set() if value is _MISSING else {value} if isinstance(value, str) else set(value)


def _shown(value: Any) -> str:
    return "nothing" if value is _MISSING else json.dumps(value)


_COMPARISONS: Final[dict[str, Callable[[str, str, Any, Any], Iterator[Difference]]]] = {
    "type": _of_type,
    "enum": _of_enum,
    "pattern": _of_pattern,
    "format": _of_format,
    "default": _of_default,
}
