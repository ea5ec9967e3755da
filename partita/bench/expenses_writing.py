"""Ordinary writing beside the reads: commands through Kafka and the engine, at ten times the rate of an average day.

Promise   Every command was answered in Kafka, once, and its answer stands in the books; else there are no figures.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.budgets import BudgetSet
from contracts.envelope import Command
from contracts.expenses import ExpenseAdd, ExpenseChange, ExpenseDelete
from contracts.ids import uuid_bytes
from contracts.rates import RateSet
from partita.bench.expenses_books import EXPENSES_A_MONTH, Grown, expense_id, user_id
from partita.bench.found import Unmeasured
from partita.exchange import Exchange
from partita.tally import Pace, Tally
from processor.database import Connection, named_queries
from producers.command_ids import new_command_id

USERS: Final = 25_000
DAYS_A_YEAR: Final = 365
COMMANDS_A_DAY: Final = USERS * EXPENSES_A_MONTH * 12 / DAYS_A_YEAR
RATE: Final = 10 * COMMANDS_A_DAY / 86_400  # commands a second
TURN: Final = 20
ANSWERED_WITHIN_S: Final = 60.0

_SQL = named_queries("partita.bench", "expenses.sql")


def commands(grown: Grown, number: int) -> Iterator[Command]:
    """Yield so many commands: of twenty 14 add an expense, three change one, one deletes one, and two are others."""
    for turn in range(number):
        user, place = 1 + turn * 7919 % grown.users, turn % TURN
        if place < 14:  # noqa: PLR2004 - as said above
            yield _added(grown, user, turn)
        elif place < 18:  # noqa: PLR2004
            yield _changed(grown, turn, deletes=place == 17)  # noqa: PLR2004
        elif place == 18:  # noqa: PLR2004
            yield BudgetSet(
                command_id=new_command_id(), user_id=user_id(user), category="Groceries", limit=f"{400 + turn % 200}.00"
            )
        else:
            yield RateSet(
                command_id=new_command_id(),
                base="USD",
                quote="EUR",
                date=f"{grown.year}-12-{1 + turn // TURN % 28:02}",
                rate=f"0.9{11 + turn % 44 * 2}",
            )


def _added(grown: Grown, user: int, turn: int) -> Command:
    return ExpenseAdd(
        command_id=new_command_id(),
        expense_id=new_command_id(),
        user_id=user_id(user),
        amount=f"{1 + turn % 90}.50",
        currency="USD" if turn % 10 == 0 else "EUR",
        category="Food",
        date=f"{grown.year}-12-{1 + turn % 31:02}",
        notes="paid by card at the station",
        device_id=f"phone-{user}",
    )


def _changed(grown: Grown, turn: int, *, deletes: bool) -> Command:
    """Return what changes or deletes an expense of December that never changed, and of which no other turn speaks."""
    number = turn // TURN * 4 + turn % TURN - 14
    user, slot = 1 + number % grown.users, _UNCHANGED[number // grown.users % len(_UNCHANGED)]
    own_id, whose = expense_id(grown.year, 12, slot, user), user_id(user)
    if deletes:
        return ExpenseDelete(command_id=new_command_id(), expense_id=own_id, user_id=whose, base_version=1)
    return ExpenseChange(
        command_id=new_command_id(),
        expense_id=own_id,
        user_id=whose,
        base_version=1,
        amount=f"{2 + turn % 70}.25",
        currency="EUR",
    )


_UNCHANGED: Final = [slot for slot in range(2, EXPENSES_A_MONTH) if slot % 20 and slot != 51]  # noqa: PLR2004 - 51 recurs


@dataclass(kw_only=True)
class Writing:
    """The commands that were sent, and what came of them. *heard_at*, by the monotonic clock, is when answers came."""

    tally: Tally = field(default_factory=Tally)
    command_ids: list[bytes] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)

    def ms(self, fraction: float) -> float:
        """Return the milliseconds that so many of the commands were answered within."""
        return self.tally.latencies.quantile(fraction) * 1000

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return {
            "commands": self.tally.published,
            "rate": self.tally.answered / self.tally.seconds,
            "p50_ms": self.ms(0.5),
            "p95_ms": self.ms(0.95),
            "p99_ms": self.ms(0.99),
        }


async def write(market: Exchange, grown: Grown, seconds: float) -> Writing:
    """Send so many seconds of commands on schedule, and wait for their answers."""
    writing, answered = Writing(), 0

    def stream() -> Iterator[Command]:
        for command in commands(grown, max(round(RATE * seconds), 1)):
            writing.command_ids.append(uuid_bytes(command.command_id))
            yield command

    def heard(tally: Tally) -> None:
        nonlocal answered
        if tally.answered > answered:
            answered = tally.answered
            writing.heard_at.append(time.monotonic())

    writing.tally = await market.run(stream(), pace=Pace(rate=RATE, timeout_s=ANSWERED_WITHIN_S), on_progress=heard)
    return writing


async def require_kept(connection: Connection, writing: Writing) -> None:
    """Make sure that nothing was lost.

    Raises:
        Unmeasured: A command was not answered, was refused, is dead, or its answer is not in the books.
    """
    tally, sent = writing.tally, writing.command_ids
    kept: int = await connection.fetchval(_SQL["answered"], sent)
    if not tally.is_complete or tally.refused or kept != len(sent):
        raise Unmeasured(
            f"Of {len(sent)} commands {len(sent) - kept} have no answer in the books, "
            f"{tally.published - tally.answered} were not answered, {tally.dead} are dead, "
            f"refused are {dict(tally.refused)}."
        )
