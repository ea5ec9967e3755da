"""The rules of expenses against the model: whatever is asked in whatever order, both answer alike and keep the same."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from contracts.envelope import CommonRefusal
from contracts.specs import CATALOG, EXPENSES
from tests.expenses.machine import Machine, Other, run
from tests.expenses.machine_books import Books
from tests.expenses.machine_keepers import RulesKeeper
from tests.expenses.machine_seen import MET
from tests.expenses.tables_run import Asked

SPECS = [spec for spec in CATALOG if spec.context == EXPENSES]
Json = dict[str, Any]


class RulesAlone(RulesKeeper):
    """The rules on a tracker in memory."""

    async def decide_all(self, asked: Sequence[Asked]) -> Sequence[tuple[int, Json, list[Json]]]:
        return [(place, *self.answer(each.command)) for place, each in enumerate(asked)]


class RulesMachine(Machine):
    """Commands one by one, each at an instant of its own."""

    async def open(self) -> Other:
        return RulesAlone()

    def check_books(self, ours: Books, theirs: Books) -> None:
        """Leave out users who were erased: the rules ask for that, and the store does it."""
        erased = {name for name, user in theirs["user"].items() if user[3]}
        super().check_books(_without(ours, erased), _without(theirs, erased))


def _without(books: Books, users: set[str]) -> Books:
    return {
        part: {key: row for key, row in rows.items() if (key if isinstance(key, str) else key[0]) not in users}
        for part, rows in books.items()
    }


def test_the_rules_answer_as_the_model_whatever_is_asked() -> None:
    seen = Counter[str]()

    run(partial(RulesMachine, seen), runs=4, examples=10, steps=150)

    codes = {code.value for spec in SPECS for code in spec.codes} - {CommonRefusal.COMMAND_ID_REUSED.value}
    assert [spec.type for spec in SPECS if not seen[f"{spec.type} applied"]] == []
    assert [what for what in MET if not seen[what]] == []
    assert sorted(codes - {what.split()[-1] for what in seen}) == []
