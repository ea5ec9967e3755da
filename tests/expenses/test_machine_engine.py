"""The machine of expenses once more, through the engine on PostgreSQL: in batches, over two partitions, and repeated.

Promise   Every answer is the model's, to the last field, and so is everything else that is told; so are the rows of all
          tables at the end, those of erased users among them. A repeat is answered as before, an id that is used again
          for something else is not. The audit holds.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from partita.local.stack import LocalStack
from tests.expenses.machine import Machine, Other, run
from tests.expenses.machine_engine import EngineKeeper, opened
from tests.expenses.machine_keepers import START
from tests.expenses.machine_seen import MET
from tests.expenses.test_machine_rules import SPECS


class EngineMachine(Machine):
    """Two to nine commands in a batch, now and then one alone, some of them again."""

    together = (1, 5, 2, 9, 3)

    def __init__(self, seen: Counter[str], stack: LocalStack, template: str) -> None:
        super().__init__(seen)
        self._stack, self._template = stack, template
        self._held = AsyncExitStack()

    async def open(self) -> Other:
        self.engine: EngineKeeper = await self._held.enter_async_context(opened(self._stack, self._template, START))
        return self.engine

    async def check_further(self) -> None:
        await self.engine.require_right_books()

    async def close(self) -> None:
        await self._held.aclose()

    def say_again(self) -> None:
        """Say something again, or something else under its id."""
        said, other = self.draws.one_of(self.asked), self.draws.one_of(self.asked)
        if "amount" in said and "." not in said["amount"]:
            said = self.draws.one_of([said, said | {"amount": f"{said['amount']}.0"}, said | {"amount": "7"}])
        reused = other | {"command_id": said["command_id"]}
        self.say(self.draws.one_of([said, said | {"metadata": {"tried": "twice"}}, said, reused]))

    def steps(self) -> dict[Callable[[], None], int]:
        return {**super().steps(), self.say_again: 6}


def test_the_engine_answers_as_the_model_whatever_is_asked_in_whatever_batches(
    stack: LocalStack, migrated_database: str
) -> None:
    seen = Counter[str]()

    run(partial(EngineMachine, seen, stack, migrated_database), runs=1, examples=6, steps=200)

    assert [spec.type for spec in SPECS if not seen[f"{spec.type} applied"]] == []
    assert [what for what in (*MET, "repeat", "reuse") if not seen[what]] == []
