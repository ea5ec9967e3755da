"""What a rule says about one command: applied, with what changes, or refused, with a code.

Invariant A decision is a value. Nothing has happened before the world has applied it, and nobody sees it before the
          whole batch is committed.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from contracts.envelope import Event, Refusal


class Applied(Struct, frozen=True, gc=False):
    """The command is done: the answer, what changes in the world, and what else is to be told."""

    event: Event
    changes: tuple[Any, ...] = ()
    extras: tuple[Event, ...] = ()


class Refused(Struct, frozen=True, gc=False):
    """The command is refused; *details* name what a sender needs to mend it."""

    refusal: Refusal
    details: dict[str, Any] = {}


Decision = Applied | Refused


class Stamp(Struct, frozen=True, gc=False):
    """Where and when a decision stands: its lane, its number in it, the instant, and when it was asked for."""

    lane_no: int
    seq: int
    instant: datetime
    instant_us: int
    initiated_us: int
