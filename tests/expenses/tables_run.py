"""Tables of ``tables_attempts`` against whoever decides: each answer, what else is told, each look at the books."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, Protocol

from contracts.catalog import Catalog
from contracts.envelope import Command
from contracts.invalid import NotUnderstood
from contracts.specs import EXPENSES
from tests.expenses.machine_books import Books
from tests.expenses.model_money import DECIMALS, money
from tests.expenses.tables_attempts import LOOKS, Table, text_of
from tests.rows import Json, Row, again, outcome_of

_CATALOG: Final = Catalog()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A command as it is sent, and as the product understands it."""

    said: Json
    command: Command


class Keeper(Protocol):
    """Whoever decides: the model, the rules alone, or the engine on its database."""

    async def answers_to(self, asked: Sequence[Asked]) -> Sequence[tuple[Json, list[Json]]]:
        """Return the body of each answer with those of all else that is told; they are decided as one batch."""

    async def move_to(self, instant: datetime) -> None:
        """Let the next command be decided at *instant*."""

    async def books(self) -> Books:
        """Return what the tables hold."""


def understood(said: Json) -> Command | NotUnderstood:
    """Return what the product makes of a message."""
    return _CATALOG.understand(EXPENSES, json.dumps(said).encode())


@dataclass(frozen=True, kw_only=True)
class Run:
    """A table against a keeper: attempt by attempt or, *together*, all at once up to the next look or instant."""

    table: Table
    keeper: Keeper
    together: bool = False

    async def all(self) -> None:
        """Run every row; the first answer that is not as expected raises AssertionError and names its line."""
        waiting: list[Row] = []
        for row in self.table.rows:
            waiting += [row] * row.is_attempt
            if waiting and not (self.together and row.is_attempt):
                await self._ask(waiting)
                waiting = []
            with self.table.naming(row):
                await self._look_or_move(row)
        await self._ask(waiting)

    async def _ask(self, rows: Sequence[Row]) -> None:
        messages = [self.table.message(row) for row in rows]
        meant = [understood(said) for said in messages]
        asked = [
            Asked(said=said, command=each)
            for said, each in zip(messages, meant, strict=True)
            if isinstance(each, Command)
        ]
        answers = iter(await self.keeper.answers_to(asked))
        for row, each in zip(rows, meant, strict=True):
            body, extras = ({"reason": each.reason}, []) if isinstance(each, NotUnderstood) else next(answers)
            with self.table.naming(row):
                self._check(row, body, extras)

    def _check(self, row: Row, body: Json, extras: Sequence[Json]) -> None:
        kind = body.get("type", "invalid")
        outcome = outcome_of(row, kind, body) + again(body)
        assert outcome == row.expected, f"got {outcome}: {body}"
        told = [self._told(each) for each in extras]
        assert told == [tuple(map(text_of, each.words)) for each in row.more if each.verb == "threshold"], told
        for each in row.more:
            about: Json = {"field": body, "details": body.get("details", {})}.get(each.verb, {})
            if each.verb == "state":
                about = body["details"]["expense"]
            for name, value in (word.split("=", 1) for word in each.words if each.verb != "threshold"):
                assert str(about.get(name)) == self.table.meant(name, value), about

    def _told(self, extra: Json) -> tuple[str, ...]:
        assert extra["type"] == "budget.threshold_reached", extra
        return tuple(str(extra[name]) for name in ("category", "month", "percent", "spent", "limit"))

    async def _look_or_move(self, row: Row) -> None:
        if row.verb == "at":
            await self.keeper.move_to(datetime.fromisoformat(row.words[0]))
        elif row.verb in LOOKS:
            user, *words = row.words
            seen = self._seen(row.verb, await self.keeper.books(), self.table.user_id(user), words)
            assert seen == words, seen

    @staticmethod
    def _seen(look: str, books: Books, user_id: str, words: Sequence[str]) -> list[Any]:
        if look == "sum":
            month, category, *_ = words
            spent, count, _ = books["sum"].get((user_id, month, text_of(category)), (0, 0, 0))
            base = books["user"][user_id][0]
            return [month, category, money(Fraction(spent, 10 ** DECIMALS[base]), base), str(count)]
        if look == "next":
            seen = [words[0], *map(str, books["recurring"][user_id, words[0]])]
            return seen[: len(words)]
        return [str(books["user"][user_id][2])]
