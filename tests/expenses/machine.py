"""A state machine that asks whatever it can of those who keep expenses: two devices that do not know of one another.

Each command is put to the model and to one whom ``Machine`` leaves open; every answer is compared, and everything else
that is told; at the end, whatever the tables hold. What was seen is counted, so that a run can show what it was about.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import cycle
from random import Random
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID

from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from contracts.envelope import Command
from tests.expenses.draws import ZONES, Draws
from tests.expenses.machine_books import Books
from tests.expenses.machine_keepers import ModelKeeper
from tests.expenses.machine_seen import count, count_entry
from tests.expenses.machine_steps import Steps
from tests.expenses.model_state import scrubbed
from tests.expenses.tables_run import Asked, understood

Json = dict[str, Any]
MORE: Final = int(os.environ.get("PARTITA_TEST_EXPENSES", "1"))  # times as many examples
LUCK: Final = st.randoms(use_true_random=True)  # a seed is drawn, and all else by it

RATES: Final = (("USD", "EUR", "0.9"), ("EUR", "GBP", "0.85"), ("USD", "JPY", "150.5"), ("KWD", "USD", "3.25"))


class Other(Protocol):
    """Whoever is compared with the model."""

    async def decide_all(self, asked: Sequence[Asked]) -> Sequence[tuple[int, Json, list[Json]]]:
        """Return place, answer and all else that is told of each command, in the order of their decision."""

    async def move_to(self, instant: datetime) -> None:
        """Let what comes next be decided at *instant*, or as soon after it as can be."""

    async def books(self) -> Books:
        """Return what the tables hold."""


class Machine(Steps, RuleBasedStateMachine):
    """The same to both; as many commands wait to be decided together as *together* says in turn."""

    together: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, seen: Counter[str]) -> None:
        super().__init__()
        self.seen, self.keeper = seen, ModelKeeper()
        self.asked: list[Json] = []
        self.waiting: list[Asked] = []
        self._story: list[str] = []
        self._alike = True
        self._runner = asyncio.Runner()
        self._sizes = cycle(self.together)
        self._size = next(self._sizes)

    async def open(self) -> Other:
        """Open the books of the one who is compared with the model."""
        raise NotImplementedError

    async def check_further(self) -> None:
        """Check what else must hold of the books at the end."""

    async def close(self) -> None:
        """Let them go."""

    def let_time_pass(self) -> None:
        self.settle()
        instant = self.draws.later()
        self._runner.run(self.keeper.move_to(instant))
        self._runner.run(self.other.move_to(instant))

    @initialize(luck=LUCK)
    def begin(self, luck: Random) -> None:
        self.other = self._runner.run(self.open())
        self.draws = Draws(luck=luck, keeper=self.keeper)
        for name, base in (("U1", "EUR"), ("U2", "JPY")):
            self.ask("user.create", user_id=name, base_currency=base, timezone=self.draws.one_of(ZONES))
            self.ask("budget.set", user_id=name, category="Food", limit="100")
        for base, quote, rate in RATES:
            self.ask("rate.set", base=base, quote=quote, date="2025-12-20", rate=rate)
        self.settle()

    @rule()
    def act(self) -> None:
        """Take a step."""
        steps = self.steps()
        (step,) = self.draws.luck.choices(list(steps), list(steps.values()))
        step()

    def ask(self, type_: str, **fields: Any) -> None:
        """Ask for something; what is None is left out, but a limit. It is decided once enough is waiting."""
        given = {name: value for name, value in fields.items() if value is not None or name == "limit"}
        self.say({"command_id": str(UUID(int=len(self.asked) + 1)), "type": type_} | given)

    def say(self, said: Json) -> None:
        """Let a command wait, new or not."""
        command = understood(said)
        assert isinstance(command, Command), f"{said}: {command}"
        self.asked.append(said)
        self.waiting.append(Asked(said=said, command=command))
        if len(self.waiting) >= self._size:
            self.settle()

    def settle(self) -> None:
        """Have everything that waits decided, and compare the answers."""
        waiting, self.waiting = self.waiting, []
        self._size = next(self._sizes)
        if not waiting:
            return
        decided = self._runner.run(self.other.decide_all(waiting))
        judged = [(waiting[place].said, *self._right(waiting[place].said)) for place, *_ in decided]
        ends = {said["user_id"]: at for at, (said, right, _) in enumerate(judged) if right["type"] == "user.erased"}
        for at, ((said, right, more), (_, body, extras)) in enumerate(zip(judged, decided, strict=True)):
            told = [right, *more]
            if at < ends.get(said.get("user_id", ""), 0):
                # What a batch has told of a user is scrubbed as well where it erases the user in the end.
                told = [scrubbed(each, self.draws.model.users[said["user_id"]].names) for each in told]
            if _difference(body, told[0]) or extras != told[1:]:
                self._alike = False
                raise AssertionError("\n".join([*self._story, f"{said}", f"said  {body} {extras}", f"right {told}"]))

    def _right(self, said: Json) -> tuple[Json, list[Json]]:
        """Have the model decide; count what is seen in that, and let devices learn of it."""
        known = self.draws.model.users.get(said.get("user_id", ""))
        kept = None if known is None else known.expenses.get(said.get("expense_id", ""))
        right, more = self.keeper.answer(said)
        self._story.append(f"{self.keeper.instant} {said} -> {right.get('code', right['type'])}")
        count(self.seen, self.draws.model, said, (right, more), kept)
        self.draws.learn(said, right)
        if said["type"] == "recurring.materialise" and "replayed" not in right:
            count_entry(self.seen, self.draws.model, said, right, self.keeper.instant)
        return right, more

    def teardown(self) -> None:
        try:
            if hasattr(self, "draws") and self._alike:
                self.settle()
                self.check_books(self._runner.run(self.other.books()), self._runner.run(self.keeper.books()))
                self._runner.run(self.check_further())
        finally:
            self._runner.run(self.close())
            self._runner.close()

    def check_books(self, ours: Books, theirs: Books) -> None:
        """Compare what the tables hold, part by part."""
        for part, right in theirs.items():
            wrong = {key: (ours[part].get(key), value) for key, value in right.items() if ours[part].get(key) != value}
            assert not wrong, "\n".join([*self._story, f"{part}: {wrong}"])
            assert ours[part].keys() == right.keys(), f"{part}: {ours[part].keys() ^ right.keys()}"


def _difference(body: Json, right: Json) -> Json:
    """Return the fields in which *body* is not *right*; details may say more than the model does."""
    details = body.get("details", {})
    told = body | {"details": {name: details.get(name) for name in right["details"]}} if "details" in right else body
    return {name: told.get(name) for name in told.keys() | right.keys() if told.get(name) != right.get(name)}


def run(machine: Callable[[], Machine], *, runs: int, examples: int, steps: int) -> None:
    """Run so many machines of so many *steps* each, in *runs* with seeds of their own: always the same.

    With more than ten *examples* in one Hypothesis would mostly vary the one before. Nothing is shrunk: that takes
    minutes, and a failure tells everything that was asked.
    """
    plan = settings(
        max_examples=examples, stateful_step_count=steps, database=None, deadline=None, phases=[Phase.generate]
    )
    for number in range(runs * MORE):
        made: Any = seed(number)(partial(machine))  # hypothesis takes whatever makes a machine
        run_state_machine_as_test(made, settings=plan)
