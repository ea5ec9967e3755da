"""The strict way to read a command's JSON: one object, in UTF-8, every name in it once, no deeper than eight.

It takes ten times as long as the fast way and says what is wrong and where. Both accept the same records.

Invariant Only what RFC 8259 calls JSON passes: no NaN, no byte order mark, no other encoding than UTF-8.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from contracts.invalid import InvalidCode

DEPTH_MAX: Final = 8
_INTEGER_DIGITS_MAX: Final = 20  # what is longer fits no field; Python takes quadratic time over it
_BYTE_ORDER_MARK: Final = "\ufeff"

Place = tuple[str | int, ...]  # the names and indexes that lead to a value


class Malformed(Exception):
    """The bytes are no such object. *place* leads to what is wrong, as far as it lies inside."""

    def __init__(self, code: InvalidCode, reason: str, place: Place = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.place = place


class _Object(dict[str, Any]):
    """A JSON object; ``twice`` is the first name that stands in it more than once."""

    twice: str | None = None


def read(value: bytes) -> dict[str, Any]:
    """Return the object that *value* says.

    Raises:
        Malformed: It says none.
    """
    found = _parsed(_text(value))
    if _depth_exceeds(found, DEPTH_MAX):
        raise _too_deep()
    if not isinstance(found, _Object):
        raise Malformed(InvalidCode.NOT_JSON, "The value is JSON but no object; send one object per record.")
    for place, inner in _inner(found):
        if isinstance(inner, _Object) and inner.twice is not None:
            raise Malformed(
                InvalidCode.DUPLICATE_KEY,
                "A name stands twice in one object, so it is not clear which value is meant; give each once.",
                (*place, inner.twice),
            )
    return found


def unfit_text(found: Any) -> Place | None:
    """Return the place of the first text in *found* that UTF-8 cannot say or that holds a NUL, or None."""
    for place, inner in _inner(found):
        if isinstance(inner, str) and not _is_fit(inner):
            return place
        if isinstance(inner, dict) and not all(map(_is_fit, inner)):
            return place
    return None


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise _not_json(f"not UTF-8 at byte {error.start}") from None
    if text.startswith(_BYTE_ORDER_MARK):
        raise _not_json("it begins with a byte order mark")
    return text


def _parsed(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(f"it breaks off or goes wrong at character {error.pos}") from None
    except RecursionError:
        raise _too_deep() from None


def _not_json(why: str) -> Malformed:
    return Malformed(InvalidCode.NOT_JSON, f"The value is no JSON ({why}); send one JSON object in UTF-8.")


def _too_deep() -> Malformed:
    return Malformed(InvalidCode.TOO_DEEP, f"The value is nested deeper than {DEPTH_MAX} levels; send a flat object.")


def _once(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.twice = name
                break
            seen.add(name)
    return found


def _constant(name: str) -> Any:
    raise _not_json(f"{name} is no JSON number")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _INTEGER_DIGITS_MAX else float(digits)


_decoder: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_constant, parse_int=_integer)


def _depth_exceeds(found: Any, levels: int) -> bool:
    layer = [found]
    for _ in range(levels + 1):
        layer = [each for each in layer if isinstance(each, (dict, list))]
        if not layer:
            return False
        layer = [inner for each in layer for inner in (each.values() if isinstance(each, dict) else each)]
    return True


def _inner(found: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield *found* and everything in it, each with its place."""
    yield place, found
    if isinstance(found, dict):
        for name, value in found.items():
            yield from _inner(value, (*place, name))
    elif isinstance(found, list):
        for index, value in enumerate(found):
            yield from _inner(value, (*place, index))


def _is_fit(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
