"""What a run does with held money: holds and all that becomes of them, posts without one, refunds of both.

Promise   On steady accounts each step is one that must succeed, and comes after what it depends on and under its key.
          On tight ones holds, steps and amounts are thrown, and much is refused: that is for the oracle to judge.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from partita.chaos.items import Item, Json, Leg, Writer, text
from partita.chaos.population import ACCOUNTS

NEVER: Final = "2999-12-31T00:00:00Z"  # no expiry is in reach: nothing depends on when it is decided
LONG_AGO: Final = "2000-01-01T00:00:00Z"
REMEMBERED: Final = 200
RESTED: Final = 50  # records between two steps of a steady hold, at least
REASONS: Final = ("PENDING_ACH", "DEBIT_CARD_AUTH")
STEADY_MAX: Final = 5_000
TIGHT_MAX: Final = 1_200


@dataclass(kw_only=True)
class Held:
    """A hold as far as the stream knows it; *last* is the command, and *at* the number, of its latest step."""

    account: str
    hold_id: str
    amount: int
    captured: int = 0
    last: str
    at: int

    @property
    def fields(self) -> Json:
        """Return how a command names it."""
        return {"hold_id": self.hold_id, "account_id": self.account}


@dataclass(kw_only=True)
class Settled:
    """A settlement of which *left* may come back; *last* is its latest command, and *at* the number of that."""

    transaction_id: str
    leg: Leg
    left: int
    last: str
    at: int


class _Holding:
    """What both kinds of accounts share."""

    kind: str

    def __init__(self, writer: Writer) -> None:
        self._writer, self._dice = writer, writer.dice
        self._count = 0
        self._settled: deque[Settled] = deque(maxlen=REMEMBERED)

    def _account(self) -> str:
        return f"{self.kind}-{self._dice.randrange(ACCOUNTS)}"

    def _place(self, account: str, minor: int, *, reason: str, expires_at: str = "") -> tuple[Held, Item]:
        self._count += 1
        held = Held(account=account, hold_id=f"h-{self._count}", amount=minor, last="", at=0)
        fields = held.fields | {"amount": text(minor), "reason": reason}
        item = self._writer.say("hold.place", account, fields | ({"expires_at": expires_at} if expires_at else {}))
        held.last, held.at = item.command_id, item.number
        return held, item

    def _step(self, held: Held, type_: str, fields: Json, *, after: str = "") -> Item:
        item = self._writer.say(type_, held.account, held.fields | fields, after=after)
        held.last, held.at = item.command_id, item.number
        return item

    def _settle(self, type_: str, account: str, minor: int, fields: Json, *, after: str = "") -> Item:
        """Move money out of *account*, to another of its kind or to the house."""
        other = self._account() if self._writer.below(0.5) else ""
        if self.kind == "T" and self._writer.below(0.01):
            other = account
        if self.kind == "S" and other == account:
            other = ""
        to = account if self.kind == "T" and self._writer.below(0.02) else other  # nobody pays himself
        said = fields | {"account_id": account, "amount": text(minor)}
        leg = (account, to, minor)
        item = self._writer.say(
            type_, account, said | ({"destination_account_id": to} if to else {}), [leg], after=after
        )
        self._settled.append(
            Settled(transaction_id=item.command_id, leg=leg, left=minor, last=item.command_id, at=item.number)
        )
        return item

    def _refund(self, settled: Settled, minor: int, *, whole: bool, after: str = "") -> Item:
        account, destination, _ = settled.leg
        fields = {"account_id": account, "transaction_id": settled.transaction_id}
        said = fields if whole else fields | {"amount": text(minor)}
        return self._writer.say("settlement.refund", account, said, [(destination, account, minor)], after=after)


class SteadyHolding(_Holding):
    """Steps on steady accounts."""

    kind = "S"

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self._open: deque[Held] = deque()

    def step(self) -> Item:
        """Return the next step."""
        throw = self._dice.random()
        if throw < 0.6 and self._open and self._has_rested(self._open[0].at):  # noqa: PLR2004 - shares, one below the other
            return self._go_on(self._open.popleft())
        if throw < 0.75 and self._settled and self._has_rested(self._settled[0].at):  # noqa: PLR2004
            return self._back(self._settled.popleft())
        minor = self._writer.minor(STEADY_MAX)
        if throw < 0.85:  # noqa: PLR2004
            return self._settle("settlement.post", self._account(), minor, {})
        expires_at = NEVER if self._writer.below(0.3) else ""
        held, item = self._place(self._account(), minor, reason=self._dice.choice(REASONS), expires_at=expires_at)
        self._open.append(held)
        return item

    def _has_rested(self, at: int) -> bool:
        return self._writer.number - at >= RESTED

    def _go_on(self, held: Held) -> Item:
        throw, after, left = self._dice.random(), held.last, held.amount - held.captured
        if throw < 0.15:  # noqa: PLR2004
            held.amount = held.captured + self._writer.minor(STEADY_MAX)
            return self._kept(held, self._step(held, "hold.adjust", {"amount": text(held.amount)}, after=after))
        if throw < 0.25:  # noqa: PLR2004
            return self._kept(held, self._step(held, "hold.extend", {"expires_at": NEVER}, after=after))
        if throw < 0.35:  # noqa: PLR2004
            return self._step(held, "hold.release", {}, after=after)
        if throw < 0.65 and left > 1:  # noqa: PLR2004
            minor = self._writer.minor(left)
            held.captured += minor
            return self._kept(held, self._capture(held, minor, final=False))
        if throw < 0.75:  # noqa: PLR2004
            return self._capture(held, left, final=False)
        return self._capture(held, self._writer.minor(left + 1), final=True)

    def _kept(self, held: Held, item: Item) -> Item:
        self._open.append(held)
        return item

    def _capture(self, held: Held, minor: int, *, final: bool) -> Item:
        fields = held.fields | ({} if final else {"final": False})
        item = self._settle("settlement.capture", held.account, minor, fields, after=held.last)
        held.last, held.at = item.command_id, item.number
        return item

    def _back(self, settled: Settled) -> Item:
        whole = self._writer.below(0.5)
        minor = settled.left if whole else self._writer.minor(settled.left + 1)
        item = self._refund(settled, minor, whole=whole, after=settled.last)
        settled.left -= minor
        settled.last, settled.at = item.command_id, item.number
        if settled.left:
            self._settled.append(settled)
        return item


class TightHolding(_Holding):
    """Steps on tight accounts, some of them senseless."""

    kind = "T"

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self._thrown: deque[Held] = deque(maxlen=REMEMBERED)

    def step(self) -> Item:
        """Return the next step."""
        throw, minor = self._dice.random(), self._writer.minor(TIGHT_MAX)
        if throw < 0.5 and self._thrown:  # noqa: PLR2004 - shares, one below the other
            return self._any_step(self._dice.choice(self._thrown), minor)
        if throw < 0.6 and self._settled:  # noqa: PLR2004
            return self._refund(self._dice.choice(self._settled), minor, whole=self._writer.below(0.5))
        if throw < 0.7:  # noqa: PLR2004
            return self._settle("settlement.post", self._account(), minor, {})
        return self._any_place(minor)

    def _any_place(self, minor: int) -> Item:
        if self._thrown and self._writer.below(0.03):
            known = self._dice.choice(self._thrown)
            return self._step(known, "hold.place", {"amount": text(minor), "reason": "LEGAL"})
        reason = "LEGAL" if self._writer.below(0.1) else self._dice.choice(REASONS)
        expires_at = self._dice.choice(("", "", NEVER, NEVER, NEVER, LONG_AGO)) if self._writer.below(0.5) else ""
        held, item = self._place(self._account(), minor, reason=reason, expires_at=expires_at)
        self._thrown.append(held)
        return item

    def _any_step(self, held: Held, minor: int) -> Item:
        throw = self._dice.random()
        if throw < 0.15:  # noqa: PLR2004
            wanted = self._writer.minor(TIGHT_MAX // 20) if self._writer.below(0.3) else minor  # less than was captured
            return self._step(held, "hold.adjust", {"amount": text(wanted)})
        if throw < 0.25:  # noqa: PLR2004
            return self._step(held, "hold.extend", {"expires_at": self._dice.choice((NEVER, LONG_AGO))})
        if throw < 0.35:  # noqa: PLR2004
            return self._step(held, self._dice.choice(("hold.release", "hold.release", "hold.expire")), {})
        fields = held.fields | {"final": self._writer.below(0.5)}
        return self._settle("settlement.capture", held.account, min(minor, held.amount), fields)
