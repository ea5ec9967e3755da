"""More of the same kind as the sample, from a seed, with the answers worked out beside it by plain arithmetic.

A debit is declined if and only if balance - amount < -overdraft limit; nothing else happens and nothing costs a fee.
"""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(kw_only=True)
class Larger:
    """Commands in order, as JSON objects with whole cents inside; ``declined`` holds command ids."""

    commands: list[Json] = field(default_factory=list)
    cents: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)

    @property
    def balances(self) -> dict[str, str]:
        return {account_id: text(cents) for account_id, cents in self.cents.items()}


def text(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def larger(seed: int, accounts: int, commands: int) -> Larger:
    """Return openings and deposits for *accounts*, then *commands* movements among them, some without funds."""
    dice = random.Random(seed)
    made = Larger()
    names = [f"L{seed}-{number:06d}" for number in range(accounts)]
    for name in names:
        _open(made, dice, name)
    for name in names:
        if dice.random() < 0.6:
            _deposit(made, dice, name, dice.randrange(1, 5_000_000))
    for _ in range(commands):
        _move(made, dice, names)
    return made


def _say(made: Larger, dice: random.Random, type_: str, **fields: str) -> str:
    command_id = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    made.commands.append({"type": type_, "command_id": command_id, **fields})
    return command_id


def _open(made: Larger, dice: random.Random, name: str) -> None:
    limit = dice.choice([0, 0, 1, dice.randrange(1_000_000)])
    made.cents[name], made.limits[name] = 0, limit
    _say(
        made, dice, "account.open",
        account_id=name, account_type="CHECKING", currency="USD", overdraft_limit=text(limit),
    )  # fmt: skip


def _deposit(made: Larger, dice: random.Random, name: str, amount: int) -> None:
    _say(made, dice, "transfer.deposit", account_id=name, amount=text(amount), currency="USD")
    made.cents[name] += amount


def _move(made: Larger, dice: random.Random, names: list[str]) -> None:
    source, destination = dice.sample(names, 2)
    # Now and then everything that is left, or a cent more: the edge itself is met.
    edge = made.cents[source] + made.limits[source] + dice.choice([0, 1])
    amount = edge if edge > 0 and dice.random() < 0.02 else dice.randrange(1, 400_000)
    kind = dice.random()
    if kind < 0.45:
        _deposit(made, dice, source, amount)
        return
    if kind < 0.7:
        said = _say(made, dice, "transfer.withdraw", account_id=source, amount=text(amount), currency="USD")
        destination = ""
    else:
        said = _say(
            made, dice, "transfer.make",
            source_account_id=source, destination_account_id=destination, amount=text(amount), currency="USD",
        )  # fmt: skip
    if made.cents[source] - amount < -made.limits[source]:
        made.declined.add(said)
        return
    made.cents[source] -= amount
    if destination:
        made.cents[destination] += amount
