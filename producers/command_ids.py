"""Command ids: fresh ones for senders that have none of their own, and those of commands that a time asks for."""

import os
import time
from datetime import datetime
from hashlib import sha256

from contracts.ids import uuid_text
from processor.moments import microseconds

_UNIX_EPOCH_MS = 946_684_800_000  # of 2000-01-01


def new_command_id() -> str:
    """Return a fresh UUIDv7 (RFC 9562): milliseconds first, so that indexes grow at their right edge."""
    stamp = time.time_ns() // 1_000_000
    raw = bytearray(stamp.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return uuid_text(bytes(raw))


def scheduled_command_id(*, period: datetime, job: str, subject: str, attempt: int = 0) -> str:
    """Return the id of what *job* says about *subject*, which fell due at *period*: the same whoever says it, and when.

    A UUIDv8 (RFC 9562): the period's milliseconds first, as in a UUIDv7, so that ids sort by time; a hash behind them.
    What fell due before 1970 sorts with that.
    An earlier *attempt* that was refused has its answer for ever, so the next has another id.
    """
    stamp = max(0, microseconds(period) // 1000 + _UNIX_EPOCH_MS)
    digest = sha256(f"{microseconds(period)}\n{job}\n{subject}\n{attempt}".encode()).digest()
    raw = bytearray(stamp.to_bytes(6, "big") + digest[:10])
    raw[6] = 0x80 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return uuid_text(bytes(raw))
