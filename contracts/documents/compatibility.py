"""Which changes of the contract break whom: two sets of schemas are compared, and every change has a name.

Promise   A change that is not known to be harmless counts as breaking. ``docs/compatibility.md`` states the rules.
Invariant Commands are written by others, so what was valid must stay valid: narrowing breaks them. Results are read by
          others, so what may come must have been possible before: widening breaks them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from contracts.documents.differences import Difference, Way, differences
from contracts.documents.schemas import OURS, Schema

Schemas = Mapping[str, Schema]  # by <context>/<type>

_BREAKS: Final = {"command": Way.NARROWER, "result": Way.WIDER}
_TABLE: Final = ("direction", "topic", "key", "applied", "rejected")
_LISTED: Final = {
    "answers": "answers",
    "comes_with": "comes with",
    "extras": "brings",
    "ends": "ends",
    "ended_by": "is ended by",
}


class Effect(StrEnum):
    """What a change does to those who speak the contract as it was."""

    COMPATIBLE = "compatible"
    BREAKING = "breaking"
    ANNOUNCED = "announced"  # it breaks, under a version that was raised for it


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of one message: a sentence, and its effect."""

    message: str
    what: str
    effect: Effect

    def __str__(self) -> str:
        """Name the change in one line."""
        return f"{self.message}: {self.what}"


def changes(old: Schemas, new: Schemas) -> list[Change]:
    """Return every change from *old* to *new*, message by message."""
    found: list[Change] = []
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            found.append(_whole(name, "the type was removed", Effect.BREAKING))
        elif name not in old:
            found.append(_whole(name, "the type is new", Effect.COMPATIBLE))
        else:
            found += _of_message(name, old[name], new[name])
    return found


def breaking(found: list[Change]) -> list[Change]:
    """Return those of the changes that break somebody who was not told."""
    return [change for change in found if change.effect is Effect.BREAKING]


def _whole(name: str, what: str, effect: Effect) -> Change:
    return Change(message=_type_in(name), what=what, effect=effect)


def _of_message(name: str, old: Schema, new: Schema) -> Iterator[Change]:
    """Yield the changes of a message that is in both."""
    before, after = old[OURS]["version"], new[OURS]["version"]
    if after < before:
        yield _whole(name, f"the version went down from {before} to {after}", Effect.BREAKING)
    elif after > before:
        yield _whole(name, f"the version was raised to {after}", Effect.COMPATIBLE)
    broken = Effect.ANNOUNCED if after > before else Effect.BREAKING
    breaks = _BREAKS[old[OURS]["direction"]]
    for each in (*_of_table(old[OURS], new[OURS]), *differences(old, new)):
        hurts = each.way in (breaks, Way.OTHER)
        yield _whole(name, each.what, broken if hurts else Effect.COMPATIBLE)


def _of_table(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the changes of what the table says about a message."""
    for name in _TABLE:
        if old.get(name) != new.get(name):
            yield Difference(f"the {name} was {old.get(name)} and is {new.get(name)}", Way.OTHER)
    yield from _of_codes(_codes(old), _codes(new))
    for name, verb in _LISTED.items():
        yield from _of_listed(old.get(name, []), new.get(name, []), verb)


def _of_codes(old: list[str], new: list[str]) -> Iterator[Difference]:
    """Yield the changes of refusal codes; readers take a code that they do not know for a refusal."""
    for code in old:
        if code not in new:
            yield Difference(f"the code {code} was removed", Way.NEITHER)
    for code in new:
        if code not in old:
            yield Difference(f"the code {code} is new", Way.NEITHER)
    common = [code for code in old if code in new]
    if common != [code for code in new if code in old]:
        yield Difference("the codes have another order of precedence", Way.NEITHER)


def _of_listed(old: list[str], new: list[str], verb: str) -> Iterator[Difference]:
    """Yield what has come to a list of types and gone from it; readers ignore types that they do not know."""
    if added := [each for each in new if each not in old]:
        yield Difference(f"it also {verb} {', '.join(added)}", Way.NEITHER)
    if removed := [each for each in old if each not in new]:
        yield Difference(f"it no longer {verb} {', '.join(removed)}", Way.NEITHER)


def _codes(row: Mapping[str, Any]) -> list[str]:
    return [refusal["code"] for refusal in row.get("refusals", [])]


def _type_in(name: str) -> str:
    return name.rpartition("/")[2]
