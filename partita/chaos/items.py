"""The records of a run, as the stream makes them, and what they do to steady accounts by plain arithmetic."""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

CURRENCY: Final = "USD"
STEADY: Final = "S-"

Json = dict[str, Any]
Leg = tuple[str, str, int]  # source, destination, minor units; the house is the empty name


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What a command does to steady accounts: its legs, or those of the command that it *undoes*, turned round."""

    legs: Sequence[Leg] = ()
    undoes: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One record: *sort* says why it is sent. Without a *command_id* it is garbage; *away* is under a wrong key.

    *after* is the command of a steady account without which this one would be answered otherwise.
    """

    number: int
    sort: str
    key: str
    value: bytes
    command_id: str = ""
    movement: Movement | None = None
    after: str = ""
    away: bool = False

    @property
    def steady(self) -> bool:
        """Say whether it is about a steady account."""
        return self.key.startswith(STEADY)


class Writer:
    """Writes records from a seed, ``number`` of them so far; ``movements`` are those of steady accounts."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"stream {seed}")  # noqa: S311 - it has to be the same again
        self.movements: dict[str, Movement] = {}
        self.number = 0

    def say(
        self, type_: str, key: str, fields: Json, legs: Sequence[Leg] = (), *, undoes: str = "", after: str = ""
    ) -> Item:
        """Write a command."""
        command_id = self.id()
        movement = Movement(legs=legs, undoes=undoes) if key.startswith(STEADY) and (legs or undoes) else None
        if movement is not None:
            self.movements[command_id] = movement
        value = as_json({"type": type_, "command_id": command_id, **fields})
        after = after if key.startswith(STEADY) else ""
        return self.item(sort=type_, key=key, value=value, command_id=command_id, movement=movement, after=after)

    def item(self, **fields: Any) -> Item:
        """Write a record."""
        self.number += 1
        return Item(number=self.number, **fields)

    def copy(self, item: Item, **changed: Any) -> Item:
        """Write *item* once more."""
        self.number += 1
        return replace(item, number=self.number, **changed)

    def id(self) -> str:
        """Return a new command id."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def below(self, share: float) -> bool:
        """Say yes in *share* of all cases."""
        return self.dice.random() < share

    def minor(self, below: int) -> int:
        """Return an amount in minor units."""
        return self.dice.randrange(1, below)


def as_json(said: Json) -> bytes:
    """Write *said* as it is published."""
    return json.dumps(said, separators=(",", ":")).encode()


def text(minor: int) -> str:
    """Write minor units of ``CURRENCY`` as an amount."""
    return f"{minor // 100}.{minor % 100:02d}"


def minor_of(amount: str) -> int:
    """Read what ``text`` wrote, and balances below zero."""
    return int(amount.replace(".", ""))


def expected_entries(
    movements: Mapping[str, Movement], told: Sequence[str], accounts: Sequence[str]
) -> dict[str, list[int]]:
    """Return the amounts of the entries that the steady *accounts* end with, by plain arithmetic; sorted.

    *told* are the ids of the commands that came into the log, each once. This is the run without faults: on these
    accounts the order of commands changes nothing.
    """
    entries: dict[str, list[int]] = {account_id: [] for account_id in accounts}
    for command_id in told:
        movement = movements[command_id]
        for source, destination, minor in movements[movement.undoes].legs if movement.undoes else movement.legs:
            payer, payee = (destination, source) if movement.undoes else (source, destination)
            if payer:
                entries[payer].append(-minor)
            if payee:
                entries[payee].append(minor)
    return {account_id: sorted(amounts) for account_id, amounts in entries.items()}
