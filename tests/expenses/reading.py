"""Users whose expenses are read: written through the engine as one seed decides, and known to the model as well."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, Final

from contracts.envelope import Command
from contracts.specs import EXPENSES as NAME
from processor.database import Database, connect
from processor.engine import lanes
from processor.expenses.context import EXPENSES
from processor.expenses.feed import feed_seal
from processor.expenses.lists import expenses_seal
from producers.command_ids import new_command_id
from tests.engine.desk import PARTITIONS, Desk
from tests.expenses.model import Model
from tests.expenses.model_state import User
from tests.expenses.tables_run import understood

Json = dict[str, Any]

FEED: Final = feed_seal(b"secret")
LIST: Final = expenses_seal(b"secret")
FIRST: Final = date(2024, 1, 1)
DAYS: Final = 430  # from the first on
_CATEGORIES: Final = ("Food", "Groceries", "Ταξίδια", "Cafe\u0301", "a [bold] one")
_RATED: Final = ("USD", "JPY", "KWD")


def saying(kind: str, **fields: Any) -> Json:
    """Return a command as it is sent."""
    return {"command_id": new_command_id(), "type": kind, **fields}


def command_of(said: Json) -> Command:
    """Return what the product makes of a command."""
    command = understood(json.loads(json.dumps(said)))
    assert isinstance(command, Command), command
    return command


@asynccontextmanager
async def expenses_desk(url: str) -> AsyncIterator[Desk]:
    """Open a desk for expenses on the database at *url*."""
    connection = await connect(url, role="test")
    desk = Desk(connection=connection, database=Database(url, role="desk"), context=EXPENSES)
    desk.offsets = await lanes.take_up(connection, NAME, dict.fromkeys(range(PARTITIONS), 0))
    try:
        yield desk
    finally:
        await desk.database.close()
        await connection.close()


class Story:
    """What was said so far, and the model that knows what it comes to."""

    def __init__(self, desk: Desk, seed: int = 8) -> None:
        self.model = Model()
        self._desk = desk
        self._dice = random.Random(seed)
        self._partition = 0

    async def tell(self, *said: Json) -> None:
        """Say it all in one batch; the model is told the instants."""
        self._partition = (self._partition + 1) % PARTITIONS
        told = await self._desk.tell(*map(command_of, said), partition=self._partition)
        answers = [each for each in told if each.type != "budget.threshold_reached"]
        for each, answer in zip(said, answers, strict=True):
            body, _ = self.model.decide(each, answer.occurred_at)
            assert body["type"] == answer.type, (each, answer.body)

    async def begin(self, *users: tuple[str, str]) -> None:
        """Make users known, each with a currency, and rates for every day of the story."""
        await self.tell(*(saying("user.create", user_id=name, base_currency=base) for name, base in users))
        days = [FIRST + timedelta(days=number) for number in range(-10, DAYS, 20)]
        await self.tell(
            *(
                saying("rate.set", base="EUR", quote=quote, date=day.isoformat(), rate=f"1.{day.day:02}{number}")
                for day in days
                for number, quote in enumerate(_RATED, start=1)
            )
        )

    async def go_on(self, user_id: str, *, batches: int, size: int = 30) -> None:
        """Let a user add, change and delete, set budgets, and have entries recur."""
        for _ in range(batches):
            await self.tell(*self._drawn(self.model.users[user_id], size))

    def _drawn(self, user: User, size: int) -> Sequence[Json]:
        """Draw commands of which none depends on another."""
        live = [each for each in user.expenses.values() if not each.deleted]
        self._dice.shuffle(live)
        taken = iter(live)
        ways = {self._add: 12, self._change: 4, self._delete: 2, self._budget: 3, self._recur: 1}
        drawn = []
        for way in self._dice.choices(list(ways), list(ways.values()), k=size):
            drawn += way(user, next(taken, None))
        return drawn

    def _day(self) -> str:
        return (FIRST + timedelta(days=self._dice.randrange(DAYS))).isoformat()

    def _money(self, user: User) -> Json:
        currency = self._dice.choice([user.base, user.base, *_RATED])
        return {"amount": str(self._dice.randrange(1, 400)), "currency": currency}

    def _about(self) -> Json:
        return {"category": self._dice.choice(_CATEGORIES), "notes": self._dice.choice(["", "with Bob"])}

    def _add(self, user: User, _: Any) -> list[Json]:
        more = {"expense_id": f"E{new_command_id()}", "user_id": user.id, "date": self._day(), "device_id": "phone"}
        return [saying("expense.add", **more, **self._money(user), **self._about())]

    def _change(self, user: User, known: Any) -> list[Json]:
        if known is None:
            return []
        place = {"expense_id": known.id, "user_id": user.id, "base_version": known.version}
        more = self._dice.choice([self._about(), {"date": self._day()}, self._money(user)])
        return [saying("expense.change", **place, **more)]

    def _delete(self, user: User, known: Any) -> list[Json]:
        if known is None:
            return []
        return [saying("expense.delete", expense_id=known.id, user_id=user.id, base_version=known.version)]

    def _budget(self, user: User, _: Any) -> list[Json]:
        month = self._dice.choice([None, None, self._day()[:7]])
        limit = self._dice.choice([None, "0", "500", "1234"])
        return [saying("budget.set", user_id=user.id, category=self._about()["category"], month=month, limit=limit)]

    def _recur(self, user: User, _: Any) -> list[Json]:
        place = {"recurring_id": f"R{self._dice.randrange(3)}", "user_id": user.id}
        if place["recurring_id"] in user.recurring and self._dice.random() < 0.3:
            return [saying("recurring.stop", **place)]
        more = {"frequency": self._dice.choice(["daily", "weekly", "monthly"]), "starts_on": self._day()}
        return [saying("recurring.set", **place, **more, **self._money(user), **self._about())]
