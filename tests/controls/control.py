"""A control: which defences a run does without, and what must be said of it then.

Promise   Every scenario is run twice or more: without a defence, where a check of the project has to find what came of
          it, and with all of them, where no check may find anything. Nothing is left to chance: who overtakes whom is
          arranged by locks and signals.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from processor.database import Connection

Switch = Callable[[pytest.MonkeyPatch, Connection], Awaitable[None]]
"""Takes one defence away: from this process by patching the product, or from the test's own database."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """*off* are the defences done without, *found* is what checks must find, *logged* what the program must have said.

    The latter are patterns. Each must fit the beginning of something; where there are none, there must be nothing. So a
    case without *found* is green. What is logged are the errors of batches and the like, by which a second defence is
    known to have stepped in.
    """

    off: Sequence[Switch] = ()
    found: Sequence[str] = ()
    logged: Sequence[str] = ()

    async def switch_off(self, patch: pytest.MonkeyPatch, connection: Connection) -> None:
        for switch in self.off:
            await switch(patch, connection)

    def judge(self, findings: Sequence[str], log: Sequence[str] = ()) -> None:
        assert _fits(self.found, findings), findings
        assert _fits(self.logged, log), log


ON = Control()


def controls(**cases: Control) -> pytest.MarkDecorator:
    """Run a test once for each of *cases*, then with every defence in place."""
    return pytest.mark.parametrize("control", [*cases.values(), ON], ids=[*cases, "on"])


def _fits(patterns: Sequence[str], said: Sequence[str]) -> bool:
    if not patterns:
        return not said
    return all(any(re.match(pattern, one) for one in said) for pattern in patterns)
