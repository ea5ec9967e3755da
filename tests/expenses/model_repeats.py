"""What the model remembers of commands: whether one is a repeat of another, and what a repeat is answered with."""

from fractions import Fraction
from typing import Any
from unicodedata import normalize

from tests.expenses.model_state import scrubbed

Json = dict[str, Any]

_FRAME = ("command_id", "requested_at", "correlation_id", "metadata")
_NUMBERS = ("amount", "limit", "rate")
_DEFAULTS: Json = {"device_id": None, "month": None, "ends_on": None}
_DEFAULTS_OF: dict[str, Json] = {
    "user.create": {"timezone": "UTC"},
    "expense.add": {"notes": ""},
    "recurring.set": {"notes": ""},
}


def same(one: Json, other: Json) -> bool:
    """Say whether *other* is a repeat of *one*: type and fields, after normalising, without the frame."""
    return _meaning(one) == _meaning(other)


def _meaning(command: Json) -> Json:
    defaults = _DEFAULTS | _DEFAULTS_OF.get(command["type"], {})
    kept = {name: value for name, value in command.items() if name not in _FRAME}
    said = {name: value for name, value in kept.items() if name not in defaults or value != defaults[name]}
    for name in _NUMBERS:
        if said.get(name) is not None:
            said[name] = Fraction(said[name])
    if "category" in said:
        said["category"] = normalize("NFC", said["category"])
    return said


class Memory:
    """Every answer that was given, by the id of its command."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[Json, Json]] = {}

    def again(self, said: Json) -> Json | None:
        """Return what a command is answered with whose id was used before, or None for one that is new."""
        if said["command_id"] not in self._given:
            return None
        first, answer = self._given[said["command_id"]]
        if same(first, said):
            return answer | {"replayed": True}
        return {"type": f"{said['type'].partition('.')[0]}.rejected", "code": "command_id_reused", "details": {}}

    def keep(self, said: Json, answer: Json) -> None:
        """Remember the answer to a command."""
        self._given[said["command_id"]] = (said, answer)

    def forget(self, user_id: str, names: dict[str, str]) -> None:
        """Take out of what was answered to a user whatever the user wrote."""
        for command_id, (said, answer) in self._given.items():
            if said.get("user_id") == user_id:
                self._given[command_id] = (said, scrubbed(answer, names))
