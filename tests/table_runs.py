"""Tables of ``tests.tables`` against whoever decides: each answer and each look at the books as its row expects it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final, Protocol

from contracts.catalog import Catalog
from contracts.envelope import Command
from contracts.invalid import NotUnderstood
from contracts.specs import LEDGER
from tests.rows import Json, Row, again, outcome_of
from tests.tables import LOOKS, WORDS, Table

LARGEST: Final = 10**15 - 1  # minor units in one amount
DECIMALS: Final = {"JPY": 0, "USD": 2, "EUR": 2, "KWD": 3}  # of the currencies that accounts have in tables
_ENDINGS: Final = {"frozen": "freeze", "closed": "close"}
_ENTRY: Final = ("account_id", "entry_no", "entry_type", "direction", "amount", "balance_after", "available_after")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A hold, as the books say it."""

    status: str
    amount_minor: int
    captured_minor: int
    remaining_minor: int


@dataclass(frozen=True, kw_only=True)
class Fee:
    """A fee that fell due, charged or waived (0), under a version of a product."""

    product: str
    version: int
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class Paying:
    """A payment of an advance, as the books say it."""

    due: date
    status: str
    amount_minor: int
    paid_minor: int
    moved_to: int | None


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """An advance, as the books say it, with its payments by number."""

    status: str
    amount_minor: int
    outstanding_minor: int
    written_off_minor: int
    payments: Mapping[int, Paying]


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What an account has, as the books say it; holds that have expired are available."""

    currency: str
    status: str
    ledger_minor: int
    available_minor: int
    overdraft_limit_minor: int
    protector_id: str | None = None
    holds: Mapping[str, Held] = field(default_factory=dict)
    last_fee: Fee | None = None
    advances: Mapping[str, Advanced] = field(default_factory=dict)

    def money(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-DECIMALS[self.currency])


class Bank(Protocol):
    """Whoever decides: the rules alone, or the engine on its database."""

    async def answers_to(self, commands: Sequence[Command]) -> Sequence[tuple[str, Json]]:
        """Return the type and the body of each answer; one command is decided after another, as one batch."""

    async def holding(self, account_id: str) -> Holding | None:
        """Return what the books hold of an account."""

    async def move_to(self, instant: datetime) -> None:
        """Let the next command be decided at *instant*."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An attempt on its way; *step* is what it is for where the table does not say more than ``account``."""

    row: Row
    message: Json
    step: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A table against a bank: attempt by attempt or, *together*, all at once up to the next look at the books."""

    table: Table
    bank: Bank
    together: bool = False

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog()

    async def all(self) -> None:
        """Run every row; the first answer that is not as expected raises AssertionError and names its line."""
        waiting: list[Asked] = []
        for row in self.table.rows:
            waiting += self._asked(row)
            if waiting and not (self.together and (row.is_attempt or row.verb == "account")):
                await self._ask(waiting)
                waiting = []
            with self.table.naming(row):
                await self._look_or_move(row)
        await self._ask(waiting)

    def _asked(self, row: Row) -> Sequence[Asked]:
        if row.verb == "account":
            return self._made(row)
        return [Asked(row=row, message=self.table.message(row))] if row.is_attempt else []

    async def _ask(self, waiting: Sequence[Asked]) -> None:
        understood = [self._catalog.understand(LEDGER, json.dumps(asked.message).encode()) for asked in waiting]
        answers = iter(await self.bank.answers_to([each for each in understood if isinstance(each, Command)]))
        for asked, command in zip(waiting, understood, strict=True):
            kind, body = (
                ("invalid", {"reason": command.reason}) if isinstance(command, NotUnderstood) else next(answers)
            )
            with self.table.naming(asked.row):
                self._check(asked, kind, body)

    def _check(self, asked: Asked, kind: str, body: Json) -> None:
        if asked.step:
            assert not kind.endswith(("rejected", "invalid")), f"{asked.step}: {body}"
            return
        outcome = outcome_of(asked.row, kind, body)
        if outcome == "leg_refused":
            outcome += f" {body['details']['index']} {body['details']['code']}"
        outcome += again(body)
        assert outcome == asked.row.expected, f"got {outcome}: {body}"
        self._look_closer(asked.row, body)

    def _look_closer(self, row: Row, body: Json) -> None:
        entries = [each.words for each in row.more if each.verb == "entry"]
        if entries:
            told = [tuple(str(entry[name]) for name in _ENTRY) for entry in body["entries"]]
            assert told == [(self.table.account_id(words[0]), *words[1:]) for words in entries], told
        views = [view for each in row.more for view in self._views_meant(each)]
        if views:
            shown = body["overdraft"] if isinstance(body["overdraft"], list) else [body["overdraft"]]
            assert [_view_told(view) for view in shown] == views, shown
        for each in row.more:
            if each.verb in ("details", "field"):
                about: Json = body["details"] if each.verb == "details" else body
                for name, value in (word.split("=", 1) for word in each.words):
                    assert _said(about.get(name)) == self.table.meant(name, value), about

    def _views_meant(self, row: Row) -> Sequence[Json]:
        """Return the overdrafts that *row* speaks of; what it does not mention was not there."""
        if row.verb == "used":
            return [_view(used) for used in row.words]
        if row.verb != "overdraft":
            return []
        used, *words = (word for word in row.words if word != "waived")
        said = dict(zip(words[::2], words[1::2], strict=True))
        by = self.table.account_id(said.pop("by")) if "by" in said else None
        return [_view(used, **said, waived="waived" in row.words, by=by)]

    async def _look_or_move(self, row: Row) -> None:
        if row.verb == "at":
            await self.bank.move_to(datetime.fromisoformat(row.words[0]))
        elif row.verb in LOOKS:
            await self._look(row)

    async def _look(self, row: Row) -> None:
        account, *words = row.words
        holding = await self.bank.holding(self.table.account_id(account))
        assert holding is not None, "there is no such account"
        seen = self._seen(row.verb, holding, words)
        meant = [Decimal(word) if isinstance(each, Decimal) else word for each, word in zip(seen, words, strict=False)]
        assert (seen, len(seen)) == (meant, len(words)), seen

    def _seen(self, look: str, holding: Holding, words: list[str]) -> list[Decimal | str]:
        """Return what a look sees; of the *words* that expect it, the hold that they name is taken away."""
        money = holding.money
        if look == "hold":
            held = holding.holds.get(words.pop(0))
            assert held is not None, "there is no such hold"
            return [held.status, *map(money, (held.amount_minor, held.captured_minor, held.remaining_minor))]
        if look in ("advance", "payment"):
            return self._owing(look, holding, words)
        if look == "last_fee":
            fee = holding.last_fee
            words[:1] = map(self.table.product, words[:1])
            return [] if fee is None else [fee.product, str(fee.version), money(fee.amount_minor)]
        if look == "protector":
            words[:1] = map(self.table.account_id, words[:1])
            return [str(holding.protector_id)]
        minors = {
            "balance": holding.ledger_minor,
            "available": holding.available_minor,
            "limit_of": holding.overdraft_limit_minor,
        }
        return [money(minors[look]) if look in minors else holding.status]

    @staticmethod
    def _owing(look: str, holding: Holding, words: list[str]) -> list[Decimal | str]:
        """Return what a look sees of the advance that *words* name, or of one of its payments; the names go away."""
        advance = holding.advances.get(words.pop(0))
        assert advance is not None, "there is no such advance"
        if look == "advance":
            minors = (advance.amount_minor, advance.outstanding_minor, advance.written_off_minor)
            return [advance.status, *map(holding.money, minors)]
        payment = advance.payments.get(int(words.pop(0)))
        assert payment is not None, "there is no such payment"
        money = map(holding.money, (payment.amount_minor, payment.paid_minor))
        moved = [] if payment.moved_to is None else [str(payment.moved_to)]
        return [payment.due.isoformat(), payment.status, *money, *moved]

    def _made(self, row: Row) -> Sequence[Asked]:
        """Return what opens the account of *row* and brings it to what the row says: ordinary commands."""
        account, currency, *words = row.words
        ending = [words.pop()] if words and words[-1] in _ENDINGS else []
        options = dict(zip(words[::2], words[1::2], strict=True))
        posted = int(Decimal(options.pop("posted", "0")).scaleb(DECIMALS[currency]))
        steps = [f"open {account} {currency} {' '.join(word for pair in options.items() for word in pair)}"]
        verb = "deposit" if posted > 0 else "withdraw"
        for count, part in enumerate(_parts(abs(posted))):
            amount = Decimal(part).scaleb(-DECIMALS[currency])
            steps.append(f"{verb} made-{row.line_no}-{count} {account} {amount:f}")
        steps += [f"{_ENDINGS[word]} {account}" for word in ending]
        made = []
        for count, step in enumerate(steps):
            one = WORDS.row(row.line_no, [*step.split(), "as", f"made {row.line_no}.{count}"])
            made.append(Asked(row=row, message=self.table.message(one), step=step))
        return made


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ":".join(map(_said, value.values()))
    return ",".join(map(_said, value)) if isinstance(value, list) else str(value)


def _parts(minor: int) -> Sequence[int]:
    whole, rest = divmod(minor, LARGEST)
    return [LARGEST] * whole + [rest] * bool(rest)


def _view(used: str, *, fee: str = "0", waived: bool = False, by: str | None = None, back: str = "0") -> Json:
    amounts = {"fee": Decimal(fee), "fee_refunded": Decimal(back)}
    return {"used": used, "waived": waived, "protected_by": by} | amounts


def _view_told(view: Json) -> Json:
    return view | {name: Decimal(view[name]) for name in ("fee", "fee_refunded")}
