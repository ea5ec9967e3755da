"""What is no command: why, where, and what may be shown of it.

Invalid is not refused. A record that cannot be understood or decided becomes a dead letter, and where its command id
can be read a ``command.invalid`` besides; neither is an answer, so the id stays free.

Invariant Nothing here quotes the record: codes, reasons and paths name fields of the contract, never what a sender put
          into them.
"""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

from contracts.envelope import Event


class InvalidCode(StrEnum):
    """Why a record is no command. Members stand in order of precedence."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    TYPE_UNKNOWN = "type_unknown"
    WRONG_TOPIC = "wrong_topic"
    FIELD_MISSING = "field_missing"
    FIELD_UNKNOWN = "field_unknown"
    FIELD_INVALID = "field_invalid"
    INTERNAL_ERROR = "internal_error"


class NotUnderstood(Struct, frozen=True, kw_only=True):
    """Why a record is no command: a code, a sentence with cause and cure, and the place in the JSON (``$.amount``).

    ``command_id`` (lower case) and ``type`` are what could be read of the record, empty where nothing could; a type is
    what the sender wrote, so it is shown to nobody.
    """

    code: InvalidCode
    reason: str
    path: str = "$"
    command_id: str = ""
    type: str = ""


class CommandInvalid(Event, tag="command.invalid", frozen=True, kw_only=True):
    """The record at *topic*, *partition*, *offset* is no command; its dead letter holds it as it came."""

    code: InvalidCode
    reason: str
    path: str
    topic: str
    partition: int
    offset: int


# A digit as it is, between the zero bytes of UTF-16 and UTF-32, or as JSON may escape it.
_DIGIT: Final = rb"(?:\x00{0,3}[0-9]|\\u003[0-9])"
_DASH: Final = rb"(?:\x00{0,3}-|\\u002[dD])"
_NOT_BEHIND_DIGIT: Final = rb"(?<![0-9])(?<![0-9]\x00)(?<![0-9]\x00{2})(?<![0-9]\x00{3})"
_UUID: Final = rb"(?<![0-9A-Za-z-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z-])"
_SSN: Final = re.compile(
    rb"(?P<uuid>%(u)s)|%(n)s%(d)s{3}%(m)s?%(d)s{2}%(m)s?%(d)s{4}(?!\x00{0,3}[0-9])"
    % {b"u": _UUID, b"n": _NOT_BEHIND_DIGIT, b"d": _DIGIT, b"m": _DASH}
)
_SIGN: Final = re.compile(rb"\\u00(3[0-9]|2[dD])|[0-9]")


def masked(raw: bytes) -> bytes:
    """Return *raw* with every digit of what may be a social security number made a ``*``.

    That is nine digits, with a dash or without behind the third and the fifth: all that a command may say as one. The
    digits of a UUID are none: one of seventy ids has nine beside one another, and would be another id without them.
    """
    return _SSN.sub(lambda found: found[0] if found["uuid"] else _SIGN.sub(_star, found[0]), raw)


def _star(sign: re.Match[bytes]) -> bytes:
    return b"-" if sign[0][:5] == b"\\u002" else b"*"
