"""Who decides without a database: the model with a memory of its answers, and the product's rules on a tracker."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import msgspec

from contracts.envelope import Command, Event, type_of
from contracts.specs import CATALOG, EXPENSES
from processor.engine.decision import Applied, Stamp
from processor.engine.families import rules_in
from processor.expenses import rules
from processor.expenses.store import ExpensesStore
from processor.expenses.tracker import Tracker
from processor.moments import microseconds
from tests.expenses.machine_books import TABLES, Books, books_of, books_of_rows
from tests.expenses.model import Model, Told
from tests.expenses.model_repeats import Memory
from tests.expenses.tables_run import Asked

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
_REJECTED: Final = {spec.command: spec.rejected for spec in CATALOG if spec.context == EXPENSES}


class ModelKeeper:
    """The model, and all it has answered."""

    def __init__(self) -> None:
        self.model, self.memory = Model(), Memory()
        self.instant = START

    async def answers_to(self, asked: Sequence[Asked]) -> Sequence[Told]:
        return [self.answer(each.said) for each in asked]

    def answer(self, said: dict[str, Any]) -> Told:
        """Return what a command is answered with, for the first time or again."""
        said = said | {"command_id": said["command_id"].lower()}
        if (again := self.memory.again(said)) is not None:
            return again, []
        answer, extras = self.model.decide(said, self.instant)
        self.memory.keep(said, answer)
        if answer["type"] == "user.erased":
            self.memory.forget(said["user_id"], self.model.users[said["user_id"]].names)
        return answer, extras

    async def move_to(self, instant: datetime) -> None:
        self.instant = instant

    async def books(self) -> Books:
        return books_of(self.model)


class RulesKeeper:
    """The rules on a tracker that holds everything; what a batch loads is for the engine to find out."""

    def __init__(self, *, careful: bool = False) -> None:
        self.tracker = Tracker(numbers=count(1))
        self._careful = careful
        self.instant = START  # of the next decision
        self._seq = 0
        self._rules = rules_in(rules)

    async def answers_to(self, asked: Sequence[Asked]) -> Sequence[Told]:
        return [self.answer(each.command) for each in asked]

    def answer(self, command: Command) -> Told:
        """Decide one command at an instant of its own, and make the decision part of the tracker."""
        self._seq += 1
        instant, self.instant = self.instant, self.instant + TICK
        before = self._state()
        decision = self._rules[type(command)](self.tracker, command, instant)
        assert self._state() == before, "a rule changes nothing"
        self.tracker.apply(command, decision, Stamp(1, self._seq, instant, microseconds(instant), self._seq))
        if isinstance(decision, Applied):
            self._require_rows_that_fit()
            return _body(decision.event), [_body(extra) for extra in decision.extras]
        assert self._state() == before, "a refusal changes nothing"
        return _body(_REJECTED[type(command)].of(command, decision.refusal, decision.details)), []

    async def move_to(self, instant: datetime) -> None:
        assert instant >= self.instant, "the clock only goes forward"
        self.instant = instant

    async def books(self) -> Books:
        return books_of_rows({name: self._rows(name) for name in TABLES})

    def _rows(self, name: str) -> list[dict[str, Any]]:
        if name in ExpensesStore.tables:
            columns = ExpensesStore.tables[name].columns
            return [dict(zip(columns, row, strict=True)) for row in self.tracker.kept.get(name, ())]
        rows = self.tracker.shelves.get(name, {}).values()
        return [msgspec.structs.asdict(row.value) for row in rows]

    def _state(self) -> tuple[object, ...]:
        """Return what a rule, and a refusal, must leave alone; all of it is dear, so only where that is asked for."""
        if not self._careful:
            return (len(self.tracker.erasures), self.tracker.fresh_no)
        kept = {table: len(rows) for table, rows in self.tracker.kept.items()}
        shelved = {
            (table, key): id(row.value) for table, rows in self.tracker.shelves.items() for key, row in rows.items()
        }
        return kept, shelved, len(self.tracker.erasures)

    def _require_rows_that_fit(self) -> None:
        for table, rows in self.tracker.kept.items():
            assert ExpensesStore.tables[table].pack(*rows[-1]), f"{table}: {rows[-1]}"


def _body(event: Event) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    assert body["type"] == type_of(event)
    assert body.pop("reason", "a sentence"), "a refusal has its reason in words"
    return body
