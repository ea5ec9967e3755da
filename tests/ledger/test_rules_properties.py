"""The rules against the oracle's: whatever is asked in whatever order, both answer alike and no money is lost.

A refusal must also leave the product's book as it was, to the last hash: ``RulesBank`` asserts that by itself.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from contracts.envelope import Command, CommonRefusal
from contracts.holds import HoldRefusal
from contracts.transfers import TransferRefusal
from processor.ledger.bank import Bank
from processor.ledger.context import LEDGER
from tests.ledger.machine import Machine, run
from tests.ledger.tables.rules_bank import RulesBank
from tests.ledger.two_banks import MET, Entries, OurBank
from tests.rows import Json
from tests.table_runs import Holding

# What these few steps need not come to: nothing is remembered here, and sums of that size take more of them.
BEYOND: Final = {
    CommonRefusal.COMMAND_ID_REUSED,
    TransferRefusal.BALANCE_LIMIT_EXCEEDED,
    HoldRefusal.AMOUNT_BELOW_CAPTURED,
}


class RulesAlone:
    """The rules on a book in memory."""

    def __init__(self, terms: Bank) -> None:
        self._bank = RulesBank(terms)

    async def decide_all(self, commands: Sequence[Command]) -> Sequence[tuple[int, str, Json]]:
        return [(place, *self._bank.decide_now(command)) for place, command in enumerate(commands)]

    async def move_to(self, instant: datetime) -> None:
        await self._bank.move_to(instant)

    async def holding(self, account_id: str) -> Holding | None:
        return await self._bank.holding(account_id)

    async def entries(self) -> Entries:
        book = self._bank.book
        names = {row.account.account_no: name for name, row in book.rows.items()}
        booked: list[Any] = [(names[no], number, *row[3:5]) for no, number, *row in book.entries if no in names]
        return Entries(booked, {name: row.account.ledger_minor for (_, name), row in book.house.items()})


class RulesMachine(Machine):
    """Commands one by one, each at an instant of its own."""

    async def open_bank(self, terms: Bank) -> OurBank:
        return RulesAlone(terms)


def test_the_rules_answer_as_the_oracle_whatever_is_asked() -> None:
    seen = Counter[str]()

    run(partial(RulesMachine, seen), tens=10, steps=80)

    assert [spec.type for spec in LEDGER.own_specs if not seen[f"{spec.type} applied"]] == []
    assert [what for what in MET if not seen[what]] == []
    codes = {code.value for spec in LEDGER.own_specs for code in spec.codes} - {code.value for code in BEYOND}
    assert sorted(codes - {what.split()[-1] for what in seen}) == []
