"""Fresh command ids, for senders that have none of their own."""

import os
import time

from contracts.ids import uuid_text


def new_command_id() -> str:
    """Return a fresh UUIDv7 (RFC 9562): milliseconds first, so that indexes grow at their right edge."""
    stamp = time.time_ns() // 1_000_000
    raw = bytearray(stamp.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return uuid_text(bytes(raw))
