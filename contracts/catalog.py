"""The table of all commands, ready for use: decoders, topic names, the kind of a result."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union

import msgspec
from msgspec import UNSET, Struct

from contracts.diagnosis import RECORD_BYTES_MAX, diagnosed, outside_calendar, too_large
from contracts.envelope import Command, Event, Frame, OtherEvent, Result, type_of
from contracts.headers import NOTHING, Said
from contracts.invalid import CommandInvalid, NotUnderstood
from contracts.notices import BooksRestored
from contracts.specs import CATALOG, LEDGER, Spec


@dataclass(frozen=True, kw_only=True)
class Topics:
    """The names of a context's topics, all behind one prefix (empty, or with its separator)."""

    prefix: str = ""

    def commands(self, context: str) -> str:
        """Return the topic that commands come in on."""
        return f"{self.prefix}{context}.commands.v1"

    def results(self, context: str) -> str:
        """Return the topic that results go out on."""
        return f"{self.prefix}{context}.results.v1"

    def dead_letters(self, context: str) -> str:
        """Return the topic for records that are no commands."""
        return f"{self.commands(context)}-dlt"


class Catalog:
    """The table, ready for use: what may be said to each context, and what it says."""

    def __init__(self, specs: Iterable[Spec] = CATALOG, *, topics: Topics | None = None) -> None:
        specs = tuple(specs)
        self.specs = {spec.type: spec for spec in specs}
        _assert_told_apart([spec.command for spec in specs])
        _assert_told_apart({event for spec in specs for event in spec.told})
        self.contexts = tuple(dict.fromkeys(spec.context for spec in self.specs.values()))
        self._topics = topics or Topics()
        self._models = {context: self._models_of(context) for context in self.contexts}
        # Behind a tag every member of the union is told apart at once, whatever their number; and a union of one
        # would not ask for the tag.
        self._decoders = {
            context: msgspec.json.Decoder(Union[(_Nothing, *models.values())])
            for context, models in self._models.items()
        }
        events = {type_of(event): event for spec in self.specs.values() for event in spec.told}
        self._events = {name: msgspec.json.Decoder(event) for name, event in (events | _ANY_CONTEXT).items()}

    def _models_of(self, context: str) -> dict[str, type[Command]]:
        return {name: spec.command for name, spec in self.specs.items() if spec.context == context}

    def understand(
        self, context: str, value: bytes | None, said: Said = NOTHING, other_bytes: int = 0
    ) -> Command | NotUnderstood:
        """Return the canonical command that *value* says to *context*, or why it says none.

        *said* is what the record's headers say; *other_bytes* is the size of its key and headers.
        """
        if value is not None and len(value) + other_bytes > RECORD_BYTES_MAX:
            return too_large(value, claimed_id=said.id)
        command = self._at_once(context, value)
        if command is None:
            slowly = self._slowly(context, value, said)
            if isinstance(slowly, NotUnderstood):
                return slowly
            command = slowly
        if said.correlation_id and not command.correlation_id:
            command = msgspec.structs.replace(command, correlation_id=said.correlation_id)
        return command.canonical()

    def _at_once(self, context: str, value: bytes | None) -> Command | None:
        """Return the command where it is plain that there is nothing wrong with it."""
        if value is None:
            return None
        try:
            command: Command = self._decoders[context].decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if _ESCAPED in value and _hides_something(value):
            return None
        if (command.requested_at is not UNSET or command.moments) and outside_calendar(command) is not None:
            return None
        # See ``_says_all_once``; what has no default in it is judged here.
        quotes = value.count(_QUOTE)
        return command if quotes == _encode(command).count(_QUOTE) or _says_all_once(value, quotes) else None

    def _slowly(self, context: str, value: bytes | None, said: Said) -> Command | NotUnderstood:
        elsewhere = {
            name: self._topics.commands(spec.context) for name, spec in self.specs.items() if spec.context != context
        }
        return diagnosed(value, self._models[context], elsewhere=elsewhere, claimed_id=said.id)

    def read_result(self, value: bytes) -> Result:
        """Return the result that *value* says; one of a type that is not known keeps its fields as they are.

        Raises:
            msgspec.DecodeError: It is no result.
        """
        frame = _frame.decode(value)
        name = _head.decode(value).type
        event = self._events[name].decode(value) if name in self._events else OtherEvent(fields=_fields.decode(value))
        return Result(event=event, frame=frame)

    def key_of(self, command: Command) -> str:
        """Return the right key of a canonical command: the id whose order matters to it."""
        key: str = getattr(command, self.specs[type_of(command)].key)
        return key

    def answers(self, command_type: str, result_type: str) -> bool:
        """Say whether a result of *result_type* answers a command of *command_type*, and is not an extra event."""
        spec = self.specs.get(command_type)
        return spec is not None and result_type in map(type_of, spec.answers)

    @staticmethod
    def may_hold_ssn(context: str, command_type: str) -> bool:
        """Say whether a record of *command_type* (empty: it cannot be read) may hold a social security number.

        A slip in a customer's type, or a customer's command on the wrong topic, makes its number no less secret.
        """
        return "customer" in command_type.lower() or (context == LEDGER and not command_type)


def _assert_told_apart(models: Collection[type[Struct]]) -> None:
    twice = [name for name, count in Counter(map(type_of, models)).items() if count > 1]
    assert not twice, f"the type {', '.join(sorted(twice))} stands twice in the catalog"


class _Head(msgspec.Struct):
    type: str


class _Nothing(Command, tag="", frozen=True, kw_only=True):
    never: Annotated[str, msgspec.Meta(min_length=1, max_length=0)]


_ANY_CONTEXT: Final[dict[str, type[Event]]] = {type_of(event): event for event in (CommandInvalid, BooksRestored)}
_head = msgspec.json.Decoder(_Head)
_frame = msgspec.json.Decoder(Frame)
_fields = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder()
_QUOTE: Final = b'"'
_ESCAPED: Final = b"\\u00"
_ESCAPED_QUOTE: Final = b"\\u0022"
_ESCAPED_NUL: Final = b"\\u0000"


def _hides_something(value: bytes) -> bool:
    """Say whether *value* may hold a NUL, or a quote that cannot be counted."""
    return _ESCAPED_QUOTE in value or _ESCAPED_NUL in value


def _says_all_once(value: bytes, quotes: int) -> bool:
    """Say whether no name stands twice in *value*, which has so many *quotes*.

    Each name and each string has two quotes, and each quote inside a string is one in both; so a name that was dropped
    leaves *value* with more quotes than what was read of it has when it is written again. A command that is written
    leaves out what has its default, so the same may hold of everything that was read and not of the command.
    """
    return quotes == _encode(_any.decode(value)).count(_QUOTE)
