"""Ids: the senders' own for accounts and their like, UUIDs for commands.

A UUID travels as text and is handled as its 16 raw bytes: ``uuid.UUID`` objects are too slow for the path of every
command.
"""

from typing import Annotated, Final

from msgspec import Meta

from contracts.money import END

HOUSE_PREFIX: Final = "house:"

BusinessId = Annotated[
    str, Meta(pattern=rf"^[A-Za-z0-9._:-]{{1,64}}{END}", description="an id of 1 to 64 of A-Z a-z 0-9 . _ : -")
]
CommandId = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9A-Fa-f]{{8}}(-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}{END}",
        description="a UUID of 8-4-4-4-12 hexadecimal digits",
    ),
]


def uuid_bytes(text: str) -> bytes:
    """Return the 16 bytes of a UUID in its text form (any case)."""
    return bytes.fromhex(text.replace("-", ""))


def uuid_text(raw: bytes) -> str:
    """Return the lower-case text form of 16 bytes."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_reserved(account_id: str) -> bool:
    """Say whether *account_id* belongs to the house and so to nobody's command."""
    return account_id.startswith(HOUSE_PREFIX)
