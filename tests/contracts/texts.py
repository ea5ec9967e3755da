"""Where a command holds texts and instants, by the types of its fields: at every depth, however they are wrapped."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from contracts.envelope import Command

Path = tuple[str, ...]


def hints_of(model: type[Struct]) -> dict[str, Any]:
    """Return the types of a command's own fields, or of all fields of a part of one, by their names on the wire."""
    frame = Command.__struct_fields__ if issubclass(model, Command) else ()
    hints = get_type_hints(model, include_extras=True)
    names = zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True)
    return {wire: hints[name] for name, wire in names if name not in frame}


def texts_in(model: type[Struct]) -> Iterator[tuple[Path, Any]]:
    """Yield each place of *model* that holds a text, with the type of the text; a member of a list has no name."""
    for name, hint in hints_of(model).items():
        for path, kind in _texts(hint):
            yield (name, *path), kind


def moments_in(hint: Any) -> bool:
    """Say whether what is of the type *hint* is or holds an instant."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        return any(map(moments_in, hints_of(hint).values()))
    return hint is datetime or (get_origin(hint) is not Literal and any(map(moments_in, get_args(hint))))


def _texts(hint: Any) -> Iterator[tuple[Path, Any]]:
    if hint is str or (get_origin(hint) is Annotated and get_args(hint)[0] is str):
        yield (), hint
    elif isinstance(hint, type) and issubclass(hint, Struct):
        yield from texts_in(hint)
    elif get_origin(hint) is not Literal:
        for inner in get_args(hint):
            yield from _texts(inner)
