"""Text tables of attempts and expected answers, read as a bookkeeper would and run against anything that decides.

A row is an attempt with its expected answer behind ``->``: the last word of the answer's type, or the refusal's code.
An attempt begins with one of ``VERBS``, or is a command in full: its type, and ``name=value`` for each field.
``account`` makes an account with what is on it; ``balance``, ``available``, ``limit_of`` and ``status`` look at one.
Rows below an attempt say more of it: ``leg`` (of a batch), ``entry`` (all of the answer's, in order), ``used`` (of the
overdraft), ``details`` and ``field`` (of the answer). ``#`` begins a comment. A command is called by a name (T1) that a
reversal or a repeat can use again; ``as NAME`` gives one to a command whose row has no place for it.

``judged by rules`` marks a table that takes too many commands for a database; ``judged by engine`` one that needs its
memory of earlier answers: repeats, and ids that are used twice.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import NAMESPACE_OID, uuid5

from contracts.catalog import LEDGER, Catalog
from contracts.envelope import Command
from contracts.invalid import NotUnderstood

FOLDER: Final = Path(__file__).parent / "ledger" / "tables"
Json = dict[str, Any]

LARGEST: Final = 10**15 - 1  # minor units in one amount
DECIMALS: Final = {"JPY": 0, "USD": 2, "EUR": 2, "KWD": 3}  # of the currencies that accounts have in tables


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What an account has, as the books say it."""

    currency: str
    status: str
    ledger_minor: int
    available_minor: int
    overdraft_limit_minor: int


class Bank(Protocol):
    """Whoever decides: the rules alone, or the engine on its database."""

    async def decide(self, command: Command) -> tuple[str, Json]:
        """Return the type and the body of the answer."""

    async def holding(self, account_id: str) -> Holding | None:
        """Return what the books hold of an account."""


@dataclass(frozen=True, kw_only=True)
class Verb:
    """How a word becomes a command. ``NAME`` is the place of the command's name; what ends in ``?`` may be left out."""

    type: str
    places: str
    options: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)


_OPEN = {"type": "account_type", "overdraft": "overdraft_limit", "customer": "customer_id", "product": "product"}
_TEXTS = {"description": "description", "reference": "reference"}
_CASH = {"reason": "reason", "reference": "reference"}
_MOVE = "source_account_id destination_account_id amount currency?"
VERBS: Final = {
    "open": Verb(type="account.open", places="account_id currency", options=_OPEN, given={"account_type": "CHECKING"}),
    "freeze": Verb(type="account.freeze", places="account_id", given={"reason": "a table says so"}),
    "unfreeze": Verb(type="account.unfreeze", places="account_id", given={"reason": "a table says so"}),
    "close": Verb(type="account.close", places="account_id", options={"to": "payout_account_id"}),
    "limit": Verb(type="account.set_overdraft", places="account_id overdraft_limit"),
    "transfer": Verb(type="transfer.make", places=f"NAME {_MOVE}", options=_TEXTS),
    "credit": Verb(type="transfer.make", places=f"NAME {_MOVE}", options=_TEXTS, given={"direction": "credit"}),
    "deposit": Verb(type="transfer.deposit", places="NAME account_id amount currency?", options=_CASH),
    "withdraw": Verb(type="transfer.withdraw", places="NAME account_id amount currency?", options=_CASH),
    "reverse": Verb(type="transfer.reverse", places="NAME account_id transaction_id", options={"reason": "reason"}),
    "batch": Verb(type="transfer.batch", places="NAME", options={"source": "source_account_id"}),
}
LEGS: Final = {
    "leg": Verb(type="", places=_MOVE, options=_TEXTS),
    "leg_credit": Verb(type="", places=_MOVE, options=_TEXTS, given={"direction": "credit"}),
}
LOOKS: Final = ("balance", "available", "limit_of", "status")
MORE: Final = (*LEGS, "entry", "used", "details", "field")
_ENDINGS: Final = {"frozen": "freeze", "closed": "close"}
_ENTRY: Final = ("account_id", "entry_no", "entry_type", "direction", "amount", "balance_after", "available_after")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line, with the lines that say more of it."""

    line_no: int
    verb: str
    words: tuple[str, ...]
    expected: str
    more: tuple["Row", ...] = ()

    @property
    def is_attempt(self) -> bool:
        return self.verb in VERBS or "." in self.verb

    @property
    def type(self) -> str:
        return VERBS[self.verb].type if self.verb in VERBS else self.verb


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file of rows. Its accounts and commands share no id with those of another table."""

    name: str
    judged_by: str
    rows: tuple[Row, ...]

    def account_id(self, word: str) -> str:
        return word if word.startswith("house:") else f"{self.name}.{word}"

    def command_id(self, word: str) -> str:
        return str(uuid5(NAMESPACE_OID, f"{self.name}:{word}"))

    def message(self, row: Row) -> Json:
        """Return the attempt of *row* as the object that goes on the wire."""
        words, name = list(row.words), f"line {row.line_no}"
        if "as" in words:
            at = words.index("as")
            name = words[at + 1]
            del words[at : at + 2]
        verb = VERBS.get(row.verb)
        fields = self._fields(verb, words) if verb else self._meaning(dict(word.split("=", 1) for word in words))
        said: Json = {"command_id": self.command_id(fields.pop("NAME", name)), "type": row.type} | fields
        if row.verb == "batch":
            said["legs"] = [self._fields(LEGS[leg.verb], list(leg.words)) for leg in row.more if leg.verb in LEGS]
        return said

    def _fields(self, verb: Verb, words: list[str]) -> dict[str, str]:
        fields = dict(verb.given)
        for place in verb.places.split():
            if place.endswith("?") and (not words or words[0] in verb.options):
                continue
            fields[place.removesuffix("?")] = words.pop(0)
        for option, value in zip(words[::2], words[1::2], strict=True):
            fields[verb.options[option]] = value
        return self._meaning(fields)

    def meant(self, name: str, value: str) -> str:
        """Return what the *value* of a field stands for: ids are the table's own."""
        if name.endswith("account_id") and value != "None":
            return self.account_id(value)
        return self.command_id(value) if name.endswith("transaction_id") else value

    def _meaning(self, fields: dict[str, str]) -> dict[str, str]:
        return {name: self.meant(name, value) for name, value in fields.items()}

    def reached(self) -> Iterator[tuple[str, str]]:
        """Yield (command type, expected answer) of each attempt, and of each leg that is refused."""
        for row in self.rows:
            if row.is_attempt:
                outcome, *leg = row.expected.split()
                yield row.type, outcome
                if outcome == "leg_refused":
                    yield "leg", leg[1]


def tables(folder: Path = FOLDER) -> list[Table]:
    """Return every table, in the order of their names."""
    return [read(path.stem, path.read_text("utf-8")) for path in sorted(folder.glob("*.txt"))]


def read(name: str, text: str) -> Table:
    """Return the table that *text* says, or raise ValueError with the line that says nothing."""
    judged_by, rows = "all", list[Row]()
    for line_no, line in enumerate(text.splitlines(), start=1):
        said, _, expected = line.split("#")[0].partition("->")
        verb, *words = said.split() or [""]
        row = Row(line_no=line_no, verb=verb, words=tuple(words), expected=expected.strip())
        if verb == "judged":
            judged_by = words[1]
        elif verb in MORE:
            last = rows.pop()
            assert last.is_attempt, f"{name}:{line_no}: '{verb}' belongs below an attempt"
            rows.append(Row(**{**vars(last), "more": (*last.more, row)}))
        elif row.is_attempt or verb == "account" or verb in LOOKS:
            assert bool(row.expected) == row.is_attempt, f"{name}:{line_no}: attempts, and only they, have an answer"
            rows.append(row)
        elif verb:
            raise ValueError(f"{name}:{line_no}: no verb is called '{verb}'")
    return Table(name=name, judged_by=judged_by, rows=tuple(rows))


@dataclass(frozen=True, kw_only=True)
class Run:
    """A table against a bank."""

    table: Table
    bank: Bank

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog()

    async def all(self) -> None:
        """Run every row; the first answer that is not as expected raises AssertionError and names its line."""
        for row in self.table.rows:
            try:
                if row.verb == "account":
                    await self._make(row)
                elif row.is_attempt:
                    await self._attempt(row)
                else:
                    await self._look(row)
            except AssertionError as error:
                said = f"{row.verb} {' '.join(row.words)} -> {row.expected}"
                raise AssertionError(f"{self.table.name}:{row.line_no}: {said}\n{error}") from None

    async def _decide(self, message: Json) -> tuple[str, Json]:
        command = self._catalog.understand(LEDGER, json.dumps(message).encode())
        if isinstance(command, NotUnderstood):
            return "invalid", {"reason": command.reason}
        return await self.bank.decide(command)

    async def _attempt(self, row: Row) -> None:
        message = self.table.message(row)
        kind, body = await self._decide(message)
        outcome = kind.rpartition(".")[2]
        if outcome == "rejected":
            assert kind == f"{message['type'].partition('.')[0]}.rejected", kind
            outcome = body["code"]
        if outcome == "leg_refused":
            outcome += f" {body['details']['index']} {body['details']['code']}"
        if body.get("replayed"):
            outcome += " (replayed)"
        assert outcome == row.expected, f"got {outcome}: {body}"
        self._look_closer(row, body)

    def _look_closer(self, row: Row, body: Json) -> None:
        entries = [each.words for each in row.more if each.verb == "entry"]
        if entries:
            told = [tuple(str(entry[name]) for name in _ENTRY) for entry in body["entries"]]
            assert told == [(self.table.account_id(words[0]), *words[1:]) for words in entries], told
        for each in row.more:
            if each.verb == "used":
                views = body["overdraft"] if isinstance(body["overdraft"], list) else [body["overdraft"]]
                assert tuple(view["used"] for view in views) == each.words, views
                assert all(_is_free(view) for view in views), views
            elif each.verb in ("details", "field"):
                about: Json = body["details"] if each.verb == "details" else body
                for name, value in (word.split("=", 1) for word in each.words):
                    assert _said(about.get(name)) == self.table.meant(name, value), about

    async def _look(self, row: Row) -> None:
        holding = await self.bank.holding(self.table.account_id(row.words[0]))
        assert holding is not None, "there is no such account"
        if row.verb == "status":
            assert holding.status == row.words[1], holding
            return
        looked_at = {
            "balance": holding.ledger_minor,
            "available": holding.available_minor,
            "limit_of": holding.overdraft_limit_minor,
        }
        assert Decimal(looked_at[row.verb]).scaleb(-DECIMALS[holding.currency]) == Decimal(row.words[1]), holding

    async def _make(self, row: Row) -> None:
        """Open the account of *row* and bring it to what the row says, by ordinary commands."""
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
        for count, step in enumerate(steps):
            verb, *said = step.split()
            made = Row(line_no=row.line_no, verb=verb, words=(*said, "as", f"made {row.line_no}.{count}"), expected="")
            kind, body = await self._decide(self.table.message(made))
            assert not kind.endswith(("rejected", "invalid")), f"{step}: {body}"


def _said(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _parts(minor: int) -> Sequence[int]:
    whole, rest = divmod(minor, LARGEST)
    return [LARGEST] * whole + [rest] * bool(rest)


def _is_free(view: Json) -> bool:
    """Say whether an overdraft cost nothing and nobody came in for it: ``plain`` knows neither fee nor protection."""
    free = Decimal(view["fee"]) == Decimal(view["fee_refunded"]) == 0
    return free and view["waived"] is False and view["protected_by"] is None
