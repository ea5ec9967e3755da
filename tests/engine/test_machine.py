"""The machine of the rules once more, through the engine on PostgreSQL: in batches, over two partitions, and repeated.

Promise   Every answer is the oracle's, to the last field; so are balances, holds and entries in the tables at the end.
          A repeat is answered as before, an id that is used again for something else is not. The audit holds.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from hypothesis.stateful import rule

from contracts.envelope import Command, moment_text
from partita.local.stack import LocalStack
from processor.database import connect
from processor.engine.audit import audit
from processor.engine.events import Kind
from processor.ledger.bank import Bank
from processor.ledger.context import LEDGER
from processor.ledger.store import LedgerStore
from tests.conftest import fresh_database
from tests.engine.desk import Desk
from tests.engine.test_tables import EngineBank
from tests.ledger.machine import Machine, run
from tests.ledger.tables.rules_bank import START
from tests.ledger.two_banks import MET, Entries, OurBank
from tests.rows import Json

# What decisions read as the time is what the table says, and no more: the same steps meet the same instants.
BY_THE_TABLE = """
CREATE OR REPLACE FUNCTION partita_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT '{start}'::timestamptz + ahead FROM clock $$"""
MOVE_ON = "UPDATE clock SET ahead = $1::timestamptz - '{start}'::timestamptz"
ENTRIES = """
SELECT account_id, entry_no, amount_minor, balance_after_minor FROM entry JOIN account USING (account_no)
 WHERE account.lane_no = 0"""
HOUSE = "SELECT account_id, sum(ledger_minor)::bigint FROM account WHERE lane_no <> 0 GROUP BY account_id"
LANES: Final = 2  # as many partitions are written to


class AtTheDesk(EngineBank):
    """The engine, with all that waits as one batch."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._own = desk

    async def decide_all(self, commands: Sequence[Command]) -> Sequence[tuple[int, str, Json]]:
        desk = self._own
        places: list[list[int]] = [[] for _ in range(LANES)]
        for place, command in enumerate(commands):
            key = desk.context.catalog.key_of(command)
            places[sum(key.encode()) % LANES].append(place)
        before = [await desk.last_seq(lane) for lane in range(LANES)]
        await desk.run(
            [desk.part(*[commands[place] for place in own], partition=lane) for lane, own in enumerate(places) if own]
        )
        answers = []
        for lane, own in enumerate(places):
            for place, told in zip(own, await desk.told(lane, above=before[lane]), strict=True):
                body = await self._answer(told.id) if told.kind == Kind.REPEAT else told.body
                answers.append((place, told.type, body))
        return answers

    async def move_to(self, instant: datetime) -> None:
        await self._own.connection.execute(MOVE_ON.format(start=moment_text(START)), instant)

    async def entries(self) -> Entries:
        entries = await self._own.connection.fetch(ENTRIES)
        house = await self._own.connection.fetch(HOUSE)
        return Entries([tuple(row) for row in entries], {row[0]: row[1] for row in house})


class EngineMachine(Machine):
    """Two to nine commands in a batch, now and then one alone, some of them again."""

    together = (1, 5, 2, 9, 3)

    def __init__(self, seen: Counter[str], stack: LocalStack, template: str) -> None:
        super().__init__(seen)
        self._stack, self._template = stack, template
        self._held = AsyncExitStack()

    async def open_bank(self, terms: Bank) -> OurBank:
        url = await self._held.enter_async_context(fresh_database(self._stack, self._template))
        connection = await connect(url, role="test")
        self._held.push_async_callback(connection.close)
        await connection.execute(BY_THE_TABLE.format(start=moment_text(START)))
        self.desk = await Desk.open(connection, url)
        self._held.push_async_callback(self.desk.database.close)
        self.desk.context = replace(self.desk.context, store=LedgerStore(terms))
        return AtTheDesk(self.desk)

    async def check_books(self) -> None:
        report = await audit(self.desk.connection, self.desk.context.checks)
        assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]

    async def close_bank(self) -> None:
        await self._held.aclose()

    @rule()
    def again(self) -> None:
        said, other = self.draws.one_of(self.banks.asked), self.draws.one_of(self.banks.asked)
        if "amount" in said and "." not in said["amount"]:
            said = self.draws.one_of([said, said | {"amount": f"{said['amount']}.0"}, said | {"amount": "7"}])
        reused = other | {"command_id": said["command_id"]}
        self.banks.say(self.draws.one_of([said, said | {"metadata": {"tried": "twice"}}, said, reused]))
        self.decide_what_waits()


def test_the_engine_answers_as_the_oracle_whatever_is_asked_in_whatever_batches(
    stack: LocalStack, migrated_database: str
) -> None:
    seen = Counter[str]()

    run(partial(EngineMachine, seen, stack, migrated_database), tens=1, steps=150)

    assert [spec.type for spec in LEDGER.own_specs if not seen[f"{spec.type} applied"]] == []
    assert [what for what in (*MET, "repeat", "reuse") if not seen[what]] == []
