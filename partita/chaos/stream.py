"""What is published during a run: an endless stream of records from a seed, much of it sent more than once.

Promise   The same seed gives the same records in the same order. Accounts named S- are steady: they are amply funded,
          and move money only among themselves and out of and into the house, so that nothing on them can be declined
          and their end does not depend on the order; ``Movement`` says what each command does to them. Accounts named
          T- run near zero: what is declined there depends on the order, and is for the oracle to judge. An account
          named L- lives for six records.
Invariant Whatever changes what another record means comes under its key: a reversal after its original, a body that
          reuses an id after the first. Only what may be decided first or last alike is sent under a wrong key.
"""

import json
import random
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

CURRENCY: Final = "USD"
ACCOUNTS: Final = 100  # of each kind
STEADY_MINOR: Final = 10**9
TIGHT_MINOR: Final = 2_000
TIGHT_LIMITS: Final = ("0.00", "0.00", "5.00")
REMEMBERED: Final = 2_000
REVERSED_AFTER: Final = 50  # commands
GARBAGE: Final = (
    b"no command",
    b"\xff\xfe\x00\x01",
    b'{"command_id": "',
    b"[]",
    b"",
    b'{"type":"transfer.teleport","command_id":"%s","account_id":"S-0","amount":"1.00"}',
    b'{"type":"transfer.deposit","command_id":"%s","account_id":"S-1"}',
    b'{"type":"transfer.deposit","command_id":"%s","account_id":"S-2","amount":"-1.00"}',
    b'{"type":"transfer.deposit","command_id":"no-id","account_id":"S-3","amount":"1.00"}',
)

Json = dict[str, Any]
Leg = tuple[str, str, int]  # source, destination, minor units; the house is the empty name


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What a command does to steady accounts: its legs, or those of the command that it *undoes*, turned round."""

    legs: Sequence[Leg] = ()
    undoes: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One record: *sort* says why it is sent. Without a *command_id* it is garbage; *away* is under a wrong key."""

    number: int
    sort: str
    key: str
    value: bytes
    command_id: str = ""
    movement: Movement | None = None
    away: bool = False


class Stream:
    """``opening`` first, and when that is answered ``records``; ``movements`` are those of steady accounts so far."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"stream {seed}")  # noqa: S311 - it has to be the same again
        self._number = 0
        self._past: deque[Item] = deque(maxlen=REMEMBERED)
        self._lives = 0
        self.movements: dict[str, Movement] = {}

    def opening(self) -> Iterator[Item]:
        """Yield what opens and funds all accounts; nothing of it is sent twice."""
        for number in range(ACCOUNTS):
            yield self._open(f"S-{number}", "0.00")
            yield self._open(f"T-{number}", self._dice.choice(TIGHT_LIMITS))
        for number in range(ACCOUNTS):
            yield self._deposit(f"S-{number}", STEADY_MINOR)
            yield self._deposit(f"T-{number}", TIGHT_MINOR)

    def records(self) -> Iterator[Item]:
        """Yield records without end."""
        while True:
            yield from self._some()

    def _some(self) -> Iterator[Item]:
        throw = self._dice.random()
        if throw < 0.01:  # noqa: PLR2004 - the shares of the stream, one below the other
            yield self._garbage()
        elif throw < 0.015:  # noqa: PLR2004
            yield from self._life()
        elif throw < 0.10 and self._past:  # noqa: PLR2004
            yield from self._again(self._dice.choice(self._past))
        elif throw < 0.55:  # noqa: PLR2004
            yield self._remembered(self._move("S", 5_000))
        else:
            yield self._remembered(self._move("T", 3_000))

    # Once -------------------------------------------------------------------------------------------------------------

    def _open(self, account_id: str, limit: str) -> Item:
        fields = {"account_id": account_id, "account_type": "CHECKING", "currency": CURRENCY, "overdraft_limit": limit}
        return self._say("account.open", account_id, fields)

    def _deposit(self, account_id: str, minor: int) -> Item:
        fields = {"account_id": account_id, "amount": text(minor)}
        return self._say("transfer.deposit", account_id, fields, [("", account_id, minor)])

    def _move(self, kind: str, minor_max: int) -> Item:
        throw, minor = self._dice.random(), self._dice.randrange(1, minor_max)
        source, destination = (f"{kind}-{number}" for number in self._dice.sample(range(ACCOUNTS), 2))
        if throw < 0.2:  # noqa: PLR2004
            return self._deposit(source, minor)
        if throw < 0.35:  # noqa: PLR2004
            fields = {"account_id": source, "amount": text(minor)}
            return self._say("transfer.withdraw", source, fields, [(source, "", minor)])
        if throw < 0.42:  # noqa: PLR2004
            return self._batch(kind, source)
        if throw < 0.48 and (original := self._reversible(kind)) is not None:  # noqa: PLR2004
            fields = {"account_id": original.key, "transaction_id": original.command_id}
            return self._say("transfer.reverse", original.key, fields, undoes=original.command_id)
        return self._say("transfer.make", source, self._leg(source, destination, minor), [(source, destination, minor)])

    def _leg(self, source: str, destination: str, minor: int) -> Json:
        if self._dice.random() < 0.1:  # noqa: PLR2004
            said = {"source_account_id": destination, "destination_account_id": source, "direction": "credit"}
        else:
            said = {"source_account_id": source, "destination_account_id": destination}
        return said | {"amount": text(minor)}

    def _batch(self, kind: str, source: str) -> Item:
        others = [
            f"{kind}-{number}" for number in self._dice.sample(range(ACCOUNTS), 4) if source != f"{kind}-{number}"
        ]
        legs = [(source, other, self._dice.randrange(1, 500)) for other in others]
        return self._say("transfer.batch", source, {"legs": [self._leg(*leg) for leg in legs]}, legs)

    def _reversible(self, kind: str) -> Item | None:
        """Return something that was sent a while ago, mostly for the first time."""
        oldest = list(self._past)[:-REVERSED_AFTER]
        sorts = ("transfer.make", "transfer.deposit", "transfer.withdraw", "transfer.batch")
        found = [each for each in oldest if each.sort in sorts and _is_of(each, kind)]
        if not found:
            return None
        original = self._dice.choice(found)
        if kind == "S":  # a second reversal would be refused, and nothing may be refused here
            self._past.remove(original)
        return original

    def _life(self) -> Iterator[Item]:
        """Yield the whole life of an account, most of it frozen; what is left goes to another."""
        self._lives += 1
        name, heir = f"L-{self._lives}", f"T-{self._dice.randrange(ACCOUNTS)}"
        yield self._open(name, "0.00")
        yield self._deposit(name, 500)
        yield self._say("account.freeze", name, {"account_id": name, "reason": "lost card"})
        yield self._say("transfer.withdraw", name, {"account_id": name, "amount": "1.00"})
        yield self._say("account.unfreeze", name, {"account_id": name, "reason": "found"})
        yield self._say("account.close", name, {"account_id": name, "payout_account_id": heir})

    def _garbage(self) -> Item:
        value = self._dice.choice(GARBAGE).replace(b"%s", self._id().encode())
        return self._item(sort="garbage", key=f"S-{self._dice.randrange(ACCOUNTS)}", value=value)

    # Once more --------------------------------------------------------------------------------------------------------

    def _again(self, item: Item) -> Iterator[Item]:
        throw = self._dice.random()
        if throw < 0.5:  # noqa: PLR2004
            yield self._copy(item, sort="repeat")
        elif throw < 0.7:  # noqa: PLR2004
            fresh = self._remembered(self._move("T", 3_000))
            yield fresh
            yield self._copy(fresh, sort="twice")
        elif throw < 0.85 and item.sort in ("transfer.deposit", "transfer.withdraw", "transfer.make"):  # noqa: PLR2004
            said = json.loads(item.value)
            said["amount"] = text(minor_of(said["amount"]) + self._dice.randrange(1, 100))
            yield self._copy(item, sort="reuse", value=_json(said))
        elif item.sort != "transfer.reverse":
            yield self._copy(item, sort="wrong_key", away=True)

    def _copy(self, item: Item, **changed: Any) -> Item:
        self._number += 1
        return replace(item, number=self._number, **changed)

    # What all share ---------------------------------------------------------------------------------------------------

    def _say(self, type_: str, key: str, fields: Json, legs: Sequence[Leg] = (), undoes: str = "") -> Item:
        command_id = self._id()
        movement = Movement(legs=legs, undoes=undoes) if key.startswith("S-") and (legs or undoes) else None
        if movement is not None:
            self.movements[command_id] = movement
        value = _json({"type": type_, "command_id": command_id, **fields})
        return self._item(sort=type_, key=key, value=value, command_id=command_id, movement=movement)

    def _item(self, **fields: Any) -> Item:
        self._number += 1
        return Item(number=self._number, **fields)

    def _remembered(self, item: Item) -> Item:
        self._past.append(item)
        return item

    def _id(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))


def _is_of(item: Item, kind: str) -> bool:
    return item.key.startswith(f"{kind}-")


def _json(said: Json) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()


def text(minor: int) -> str:
    """Write minor units of ``CURRENCY`` as an amount."""
    return f"{minor // 100}.{minor % 100:02d}"


def minor_of(amount: str) -> int:
    """Read what ``text`` wrote."""
    return int(amount.replace(".", ""))


def expected_entries(movements: Mapping[str, Movement], told: Sequence[str]) -> dict[str, list[int]]:
    """Return the amounts of the entries that the steady accounts end with, by plain arithmetic; sorted.

    *told* are the ids of the commands that came into the log, each once. This is the run without faults: on these
    accounts the order of commands changes nothing.
    """
    entries: dict[str, list[int]] = {f"S-{number}": [] for number in range(ACCOUNTS)}
    for command_id in told:
        movement = movements[command_id]
        for source, destination, minor in movements[movement.undoes].legs if movement.undoes else movement.legs:
            payer, payee = (destination, source) if movement.undoes else (source, destination)
            if payer:
                entries[payer].append(-minor)
            if payee:
                entries[payee].append(minor)
    return {account_id: sorted(amounts) for account_id, amounts in entries.items()}
