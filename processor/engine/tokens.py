"""Tokens: where a reader goes on, as a text that its holder passes back and cannot change.

Promise   What one process wrote every other with the same secret reads, before and after a restart. A token that was
          altered, cut short, or written for another purpose or under another secret is declined: ``token_invalid``.
Cost      One hash; the length of what is in it, and a third more.
Invariant A token is signed, not hidden, and grants nothing: who may read what is decided without it.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final, Generic, TypeVar

import msgspec

from processor.errors import Declined

_MAC_BYTES: Final = 16  # half a hash is beyond guessing, and shorter
_MARK: Final = "1"  # in front, for base64 may begin with a dash, and then be taken for an option

Content = TypeVar("Content")


class Seal(Generic[Content]):
    """Writes and reads tokens of one *purpose*, which hold values of *content*, a type that msgspec knows."""

    def __init__(self, secret: bytes, *, purpose: str, content: type[Content]) -> None:
        self._key = hmac.digest(secret, b"token " + purpose.encode(), sha256)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(content)

    def write(self, value: Content) -> str:
        """Return a token that holds *value*."""
        body = self._encoder.encode(value)
        return _text(self._signature(body) + body)

    def read(self, token: str) -> Content:
        """Return what *token* holds.

        Raises:
            Declined: ``token_invalid``, it is none of ours.
        """
        signed = _raw(token)
        signature, body = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        if not hmac.compare_digest(signature, self._signature(body)):
            raise _invalid()
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError:  # signed by another version of this program
            raise _invalid() from None

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, sha256)[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return _MARK + urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(token: str) -> bytes:
    """Return the bytes of *token*, which has one spelling alone."""
    try:
        body = token.encode("ascii")[len(_MARK) :]
        raw = urlsafe_b64decode(body + b"=" * (-len(body) % 4))
    except ValueError:
        raise _invalid() from None
    if _text(raw) != token:
        raise _invalid()
    return raw


def _invalid() -> Declined:
    return Declined(
        "token_invalid",
        "The token was not written here, or was changed; use one as it was given, or begin anew without a token.",
    )
