"""The frame round every message: what a command and a result have in common, and how each becomes bytes.

A command is one flat JSON object, its ``type`` choosing the model. A text that was not given is the empty string
inside, so that no rule has to tell null from absent. A result is an event's own fields followed by the frame that says
which command it answers; ``replayed`` stands last, so a repeat of an answer differs from it in that word alone.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.ids import CommandId
from contracts.money import trimmed

# For classes of patterns. Blanks are spelled out: what \s means differs from one language to another.
CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
BLANKS: Final = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# No NUL: PostgreSQL stores none. Readers look for it once in a whole record; a pattern here would cost 0.3 us a text.
Text = Annotated[
    str,
    Meta(
        max_length=500,
        description="text of up to 500 characters, without NUL",
        extra_json_schema={"pattern": r"^[^\x00]*$"},
    ),
]
LongText = Annotated[
    str,
    Meta(
        max_length=2000,
        description="text of up to 2,000 characters, without NUL",
        extra_json_schema={"pattern": r"^[^\x00]*$"},
    ),
]
Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=256)]],
    Meta(max_length=16, description="up to 16 pairs of strings, of up to 64 and 256 characters"),
]
Moment = Annotated[datetime, Meta(tz=True, description="an RFC 3339 instant with its zone, in the years 1900 to 9998")]
YEARS: Final = range(1900, 9999)  # at the ends of the calendar an instant has no form in every other zone


class Refusal(StrEnum):
    """A business answer that says no. Members stand in order of precedence: the first that applies is the answer."""

    reason: str

    def __new__(cls, code: str, reason: str) -> Self:
        """Make a member of its stable *code* and a sentence with cause and cure."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.reason = reason
        return member


class CommonRefusal(Refusal):
    """Refusals that every family shares; they come before the family's own."""

    COMMAND_ID_REUSED = (
        "command_id_reused",
        "This command_id was used for another command; send this one under a new id.",
    )
    CURRENCY_UNKNOWN = "currency_unknown", "ISO 4217 lists no such currency; use one of its three-letter codes."
    AMOUNT_INVALID = (
        "amount_invalid",
        "It has more decimals than its currency, reaches 10^15 minor units, or makes too large a sum; correct it.",
    )
    ACCOUNT_RESERVED = "account_reserved", "Ids that begin with house: belong to the bank; use an account of your own."
    DATE_INVALID = "date_invalid", "The calendar has no such day, or it is none that may stand here; correct the date."


_UNCOMPARED: Final[dict[str, Any]] = {"command_id": "", "requested_at": UNSET, "correlation_id": "", "metadata": {}}


class Command(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", gc=False
):
    """What a sender asks for.

    Subclasses name themselves by ``tag`` and say which of their fields are amounts, which are free text, which name
    accounts and which are instants: a repeat is recognised with amounts trimmed and free text hashed, accounts are
    looked up beforehand, and an instant without a form in every zone is invalid.
    """

    command_id: CommandId
    requested_at: Moment | UnsetType = UNSET
    correlation_id: Text = ""
    metadata: Metadata = {}

    amounts: ClassVar[tuple[str, ...]] = ()
    free_texts: ClassVar[tuple[str, ...]] = ()
    accounts: ClassVar[tuple[str, ...]] = ()
    moments: ClassVar[tuple[str, ...]] = ()

    def account_ids(self) -> Iterable[str]:
        """Return the ids of the accounts that this command speaks of; an empty one is none."""
        return _account_ids(type(self))(self)

    def canonical(self) -> "Command":
        """Return the one of all equivalent commands that the rules decide on."""
        return self

    def comparable(self, hashed: "TextHash") -> dict[str, Any]:
        """Return the changes that turn this command into what a repeat is compared by."""
        changes = _UNCOMPARED.copy()
        for field in self.amounts:
            if amount := getattr(self, field):
                changes[field] = trimmed(amount)
        for field in self.free_texts:
            if text := getattr(self, field):
                changes[field] = hashed(text)
        return changes


@cache
def _account_ids(command: type[Command]) -> Callable[[Command], Iterable[str]]:
    if len(command.accounts) > 1:
        return attrgetter(*command.accounts)
    return lambda said: [getattr(said, field) for field in command.accounts]


class Event(Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """What has happened: a result's own fields. Subclasses name themselves by ``tag``."""


class Rejected(Event, frozen=True, kw_only=True):
    """The answer to a command that was refused."""

    code: str
    reason: str
    details: dict[str, Any]

    @classmethod
    def of(cls, command: Command, refusal: Refusal, details: Mapping[str, Any]) -> Self:  # noqa: ARG003 - families use it
        """Make the answer that refuses *command* for the reason *refusal* names."""
        return cls(code=refusal.value, reason=refusal.reason, details=dict(details))


class Frame(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every result says besides its own fields."""

    command_id: str
    command_type: str = ""  # only ``command.invalid`` may lack it
    correlation_id: str = ""
    metadata: dict[str, str] = {}
    occurred_at: str
    replayed: bool


class OtherEvent(Event, frozen=True, kw_only=True):
    """A result of a type that this version does not know: all its *fields*, ``type`` among them."""

    fields: dict[str, Any]


class Result(Struct, frozen=True, kw_only=True):
    """A result as it is read: what has happened, and which command it answers."""

    event: Event
    frame: Frame


_encoder = msgspec.json.Encoder()
_REPLAYED_LENGTH: Final = len(b"false}")


def type_of(message: Struct | type[Struct]) -> str:
    """Return the ``type`` that *message* has on the wire."""
    tag = message.__struct_config__.tag
    assert isinstance(tag, str), f"{message!r} has no type of its own"
    return tag


def encode_command(command: Command) -> bytes:
    """Return *command* as the JSON object that is published, without fields that have their default."""
    return _encoder.encode(command)


def encode_result(event: Event, frame: Frame) -> bytes:
    """Return the JSON object of a result that is told for the first time."""
    return _encoder.encode(event)[:-1] + b"," + _encoder.encode(frame)[1:]


def as_replayed(result: bytes) -> bytes:
    """Return the bytes of *result*, told again: everything the same but ``replayed``."""
    return result[:-_REPLAYED_LENGTH] + b"true}"


def moment_text(moment: datetime) -> str:
    """Return *moment* as RFC 3339 in UTC with microseconds, the one form that results use."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class TextHash:
    """Free text as a keyed hash: equal texts are recognised, and nothing can be read back.

    Without a key the hash hides a text only from a glance; a system that stores customers' texts sets one.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(digest_size=8, key=key)

    def __call__(self, text: str) -> str:
        """Return 16 hexadecimal digits of the keyed BLAKE2b of *text*."""
        fresh = self._keyed.copy()  # half the cost of setting the key again
        fresh.update(text.encode())
        return fresh.hexdigest()


def fingerprint(command: Command, hashed: TextHash) -> bytes:
    """Return what makes a repeat of *command* a repeat: equal bytes are the same command."""
    return _encoder.encode(msgspec.structs.replace(command, **command.comparable(hashed)))


def differing_fields(one: bytes, other: bytes) -> list[str]:
    """Return the sorted names of the fields in which two fingerprints differ."""
    left, right = msgspec.json.decode(one), msgspec.json.decode(other)
    missing = object()
    return sorted(name for name in {*left, *right} if left.get(name, missing) != right.get(name, missing))
