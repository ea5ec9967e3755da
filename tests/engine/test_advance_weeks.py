"""Twenty weeks of advances: balances fail, accounts are frozen, debts repaid and written off, and two schedulers fire.

Every collection is asked for twice, and now and then once more under an id of its own, in any order and in two lanes at
once. A model that knows nothing of the product follows the decisions in their order. ``PARTITA_TEST_ADVANCES=10000``
makes it as many advances.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
import pytest

from contracts.accounts import AccountFreeze, AccountUnfreeze
from contracts.advances import AdvanceCollect
from contracts.envelope import Command
from partita.local.stack import LocalStack
from processor.database import Database, connect
from processor.engine.audit import audit
from processor.ledger.bank import Bank
from processor.ledger.families.advances import suspects
from processor.ledger.lending import CarryOver
from processor.ledger.store import LedgerStore
from producers.command_ids import new_command_id
from tests.conftest import fresh_database
from tests.engine.advance_model import OPEN, Debtor, Instalment, Told
from tests.engine.asking import collect, give_up, grant, pay_back, spend
from tests.engine.desk import Desk, opening, paying_in
from tests.engine.test_tables import stand_still

ADVANCES: Final = int(os.environ.get("PARTITA_TEST_ADVANCES", "60"))
WEEKS: Final = 20
BATCH: Final = 4000
START: Final = datetime(2026, 3, 2, 6, tzinfo=UTC)
DUE: Final = """
SELECT account_id, payment_no FROM advance_payment JOIN account USING (account_no)
 WHERE advance_payment.status = 1 AND due <= $1"""
TOLD: Final = """
SELECT type, payload, partition FROM event JOIN lane USING (lane_no)
 WHERE kind = 1 AND occurred_at >= $1 ORDER BY occurred_at, partition, seq"""
REPEATS: Final = "SELECT count(*) FROM event WHERE kind = 2"
PAYMENTS: Final = """
SELECT account_id, due, amount_minor, payment.status, paid_minor, moved_to
  FROM advance_payment AS payment JOIN account USING (account_no) ORDER BY account_id COLLATE "C", payment_no"""
BALANCES: Final = "SELECT account_id, ledger_minor FROM account WHERE lane_no = 0"
SUMS: Final = """
SELECT count(*) FROM advance
 WHERE amount_minor <> outstanding_minor + written_off_minor + (
           SELECT sum(paid_minor) FROM advance_payment AS payment
            WHERE payment.account_no = advance.account_no AND payment.advance_id = advance.advance_id)"""
COLLECTED_TWICE: Final = """
SELECT count(*) FROM (SELECT FROM advance_payment_version WHERE status = 2
                       GROUP BY account_no, advance_id, payment_no HAVING count(*) > 1) AS twice"""

MET: Final = {
    *(
        "advance.payment_collected",
        "advance.payment_failed",
        "advance.repaid",
        "advance.written_off",
        "payment_settled",
    ),
    *("advance_closed", "account_frozen", "insufficient_funds", "amount_exceeds_advance"),
}

Step = Callable[[], Told]


class Weeks:
    """A desk with two workers, the model beside it, and what the next batch says to both."""

    def __init__(self, desk: Desk, other: Database, *, extra: bool) -> None:
        self.desk, self._workers = desk, (desk.database, other)
        self.random = random.Random(7)
        self.debtors = {f"A{number}": Debtor(extra=extra) for number in range(ADVANCES)}
        self.now = START
        self.met = Counter[str]()
        self._steps: dict[str, Step] = {}
        self._commands: list[Command] = []

    @property
    def today(self) -> date:
        return self.now.date()

    def say(self, command: Command, step: Step) -> None:
        self._steps[command.command_id] = step
        self._commands.append(command)

    async def decide(self, *, again: Sequence[Command] = ()) -> None:
        """Have all that was said decided, and *again* what is repeated, by two workers; the model follows."""
        self.now += timedelta(minutes=1)
        await stand_still(self.desk.connection, self.now)
        commands = [*self._commands, *again]
        self.random.shuffle(commands)
        for start in range(0, len(commands), 2 * BATCH):
            some = commands[start : start + 2 * BATCH]
            parts = [self.desk.part(*some[lane::2], partition=lane) for lane in (0, 1)]
            running = zip(parts, self._workers, strict=True)
            await asyncio.gather(*(self.desk.run([part], database=worker) for part, worker in running))
        await self._follow()

    async def _follow(self) -> None:
        for type_, payload, _ in await self.desk.connection.fetch(TOLD, self.now):
            body = msgspec.json.decode(payload)
            expected = self._steps.pop(body["command_id"])()
            amount = None if "amount" not in body else int(Decimal(body["amount"]).scaleb(2))
            assert (body.get("code", type_), amount, body.get("moved_to")) == expected, body
            self.met[expected[0]] += 1
        assert not self._steps
        self._commands.clear()

    async def begin(self) -> None:
        for number, (name, debtor) in enumerate(self.debtors.items()):
            amount, payments = self.random.randint(1200, 90_000), self.random.choice((1, 3, 12, 12))
            first_due = self.today + timedelta(days=self.random.randint(-3, 7))
            key, more = (name, f"V{number}"), {"first_due": first_due.isoformat()}
            command = grant(key, money(amount), payments, **more)
            self.say(command, partial(debtor.grant, amount, payments, first_due))
        await self.desk.tell(*map(opening, self.debtors))
        await self.decide()

    async def live(self) -> None:
        """Let a week's money come and go."""
        for number, (name, debtor) in enumerate(self.debtors.items()):
            amount, key = self.random.randint(1, 12_000), (name, f"V{number}")
            ways: list[tuple[Command, Step]] = [
                (paying_in(name, money(amount)), partial(debtor.deposit, amount)),
                (spend(name, money(amount)), partial(debtor.withdraw, amount)),
                (pay_back(key, money(amount // 4 + 1)), partial(debtor.repay, amount // 4 + 1)),
                (AccountFreeze(command_id=new_command_id(), account_id=name, reason="a test"), debtor.freeze),
                (AccountUnfreeze(command_id=new_command_id(), account_id=name, reason="a test"), debtor.unfreeze),
                (give_up(key), debtor.write_off),
            ]
            for way in self.random.choices(ways, weights=(30, 30, 15, 5, 15, 1), k=2):
                self.say(*way) if way[0].command_id not in self._steps else None
        await self.decide()

    async def collect(self) -> None:
        """Fire twice for every payment that is due, and once by hand."""
        due = await self.desk.connection.fetch(DUE, self.today)
        assert {tuple(each) for each in due} == set(self._due())
        asked: list[AdvanceCollect] = []
        for name, number in due:
            key, step = (name, f"V{name[1:]}"), partial(self.debtors[name].collect, number, self.today)
            asked.append(collect(key, number))
            self.say(asked[-1], step)
            if self.random.random() < 0.3:
                self.say(collect(key, number), step)
        repeats = await self.desk.connection.fetchval(REPEATS)
        await self.decide(again=asked)
        assert await self.desk.connection.fetchval(REPEATS) == repeats + len(asked)

    def _due(self) -> Iterator[tuple[str, int]]:
        for name, debtor in self.debtors.items():
            for number, payment in enumerate(debtor.payments, start=1):
                if payment.status == OPEN and payment.due <= self.today:
                    yield name, number

    async def close(self) -> None:
        """Hold the books against the model, and the payments against the advances."""
        connection = self.desk.connection
        told = [(name, *astuple(each)) for name in sorted(self.debtors) for each in self.debtors[name].payments]
        assert [tuple(row) for row in await connection.fetch(PAYMENTS)] == told
        balances = {name: debtor.balance for name, debtor in self.debtors.items()}
        assert dict(map(tuple, await connection.fetch(BALANCES))) == balances
        assert await connection.fetchval(SUMS) == 0
        assert await suspects(connection, (0, ""), 10) == []
        for debtor in self.debtors.values():
            assert debtor.granted == sum(each.paid for each in debtor.payments) + debtor.written_off + debtor.owed


def astuple(payment: Instalment) -> tuple[Any, ...]:
    return (payment.due, payment.amount, payment.status, payment.paid, payment.moved_to)


def money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


@pytest.mark.timeout(120 + ADVANCES // 4)
@pytest.mark.parametrize("carry_over", list(CarryOver))
async def test_every_payment_is_collected_once_at_most_and_paid_and_owed_sum_to_the_advance_at_every_week_s_end(
    stack: LocalStack, migrated_database: str, carry_over: CarryOver
) -> None:
    async with fresh_database(stack, migrated_database) as url, Database(url, role="second") as second:
        connection = await connect(url, role="test")
        desk = await Desk.open(connection, url)
        desk.context = replace(desk.context, store=LedgerStore(Bank(carry_over=carry_over)))
        weeks = Weeks(desk, second, extra=carry_over == CarryOver.EXTRA)
        await stand_still(connection, START)
        await weeks.begin()
        for week in range(WEEKS):
            weeks.now = START + timedelta(weeks=week, hours=1)
            await weeks.live()
            await weeks.collect()
            await weeks.close()
        collected_twice = await connection.fetchval(COLLECTED_TWICE)
        report = await audit(connection, desk.context.checks)
        await desk.database.close()
        await connection.close()

    assert collected_twice == 0
    assert set(weeks.met) >= MET, weeks.met
    assert report.holds, [(each.name, each.findings) for each in report.results if each.broken]
