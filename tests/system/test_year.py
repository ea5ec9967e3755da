"""A bank's year in a minute: interest accrues while money moves, processes are killed and every job runs twice.

The books are held against a model of its own, in exact fractions: nothing of the product's arithmetic is used.
"""

import asyncio
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any, Final

import pytest

from contracts.specs import LEDGER
from partita.app import App
from partita.jobs import run_by_hand
from partita.settings import load_settings
from producers.command_ids import new_command_id
from producers.commands import CommandPublisher
from tests.system.conftest import Install
from tests.system.installation import Installation
from tests.system.interest_model import DAY, Model, Modelled, Terms
from tests.system.manned import manned
from tests.system.sending import until
from tests.system.test_scheduler import NOTHING_DUE

ACCOUNTS: Final = int(os.environ.get("PARTITA_TEST_YEAR_ACCOUNTS", "12"))
MONTHS: Final = 12
JOBS: Final = ("hold-expiry", "interest-accrual", "interest-posting", "advance-collection", "advance-watchdog")
SAVINGS: Final = Terms("savings", ((0, "0.01"), (100_000, "0.02"), (1_000_000, "0.025")))
GROWTH: Final = Terms("growth", ((0, "0.005"), (50_000, "0.0315")), compound=True, marginal=True, day_count=360)
PLAIN: Final = Terms("plain", ())

ANSWERED: Final = "SELECT count(*) = $2 FROM event WHERE kind = 1 AND command_id = ANY($1::uuid[])"
EARNED: Final = """
SELECT account_id, sum(accrued::numeric)::text, sum(last_day - first_day + 1)::integer
  FROM interest_accrual JOIN account USING (account_no) GROUP BY account_id"""
LEFT: Final = """
SELECT account_id, (carried + coalesce((SELECT sum(split_part(month, ':', 2)::numeric)
                                          FROM unnest(string_to_array(nullif(unposted, ''), ';')) AS month), 0))::text
  FROM interest JOIN account USING (account_no)"""
POSTED: Final = """
SELECT account_id, array_agg(amount_minor ORDER BY posting.posted_at)
  FROM interest_posting AS posting JOIN account USING (account_no) GROUP BY account_id"""


def cents(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def command(kind: str, **fields: Any) -> dict[str, Any]:
    return {"command_id": new_command_id(), "type": kind, **fields}


@dataclass
class Bank:
    """The product under a hand that commands it, and the model beside it."""

    at: Installation
    publisher: CommandPublisher
    app: App
    model: Model
    dice: random.Random

    async def tell(self, commands: Sequence[Mapping[str, Any]]) -> None:
        """Publish *commands*, a fifth of them twice, and wait until all are applied."""
        for each in commands:
            for _ in range(1 + (self.dice.random() < 0.2)):
                await self.publisher.publish_json(json.dumps(each).encode())
        ids = [bytes.fromhex(each["command_id"].replace("-", "")) for each in commands]
        await until(self.at, ANSWERED, ids, len(ids))

    async def go_to(self, day: date, *, twice: bool = False) -> None:
        """Move the clock to the noon of *day* and wait until nothing is due; *twice* runs every job by hand as well."""
        noon = f"{day.isoformat()} 12:00+00"
        await self.at.fetch("UPDATE clock SET ahead = $1::text::timestamptz - clock_timestamp()", noon)
        if twice:
            async with self.at.asking() as connection:
                for name in JOBS:
                    await run_by_hand(self.app, connection, context=LEDGER, name=name, day=None)
        await until(self.at, NOTHING_DUE)
        self.model.go_to(day)

    async def open(self) -> None:
        """Open all accounts, with something on each; the last bears nothing."""
        tiers = [{"from": cents(start), "rate": rate} for start, rate in GROWTH.tiers]
        fields = {"account_type": "SAVINGS", "currency": "EUR"}
        terms = {"interest": "compound", "tier_mode": "marginal", "day_count": 360}
        await self.tell([command("product.set", product="growth", **fields, **terms, tiers=tiers)])
        commands = []
        for number in range(ACCOUNTS):
            product = PLAIN if number == ACCOUNTS - 1 else (SAVINGS, GROWTH)[number % 2]
            minor = self.dice.choice([50, 99_990, 1_000_000, 5_000_000])
            name = f"Y-{number}"
            self.model.accounts[name] = Modelled(product, minor)
            commands += [
                command("account.open", account_id=name, product=product.name, **fields),
                command("transfer.deposit", account_id=name, amount=cents(minor)),
            ]
        await self.tell(commands)

    async def move_money(self) -> None:
        """Have money move among accounts, and some come in; never more than was there before any of it."""
        accounts, commands = self.model.accounts, []
        before = {name: each.minor for name, each in accounts.items()}
        for _ in range(ACCOUNTS):
            one, other = self.dice.sample(sorted(name for name, each in accounts.items() if each.open), 2)
            if (amount := self.dice.randint(0, before[one] // (2 * ACCOUNTS))) and not accounts[one].frozen:
                fields = {"source_account_id": one, "destination_account_id": other}
                commands.append(command("transfer.make", **fields, amount=cents(amount)))
                accounts[one].minor -= amount
            else:
                amount = self.dice.randint(1, 40_000)
                commands.append(command("transfer.deposit", account_id=other, amount=cents(amount)))
            accounts[other].minor += amount
        await self.tell(commands)

    async def freeze(self, name: str) -> None:
        await self.tell([command("account.freeze", account_id=name, reason="a claim")])
        self.model.accounts[name].frozen = True

    async def close(self, name: str, payout: str) -> None:
        await self.tell([command("account.close", account_id=name, payout_account_id=payout)])
        account = self.model.accounts[name]
        self.model.accounts[payout].minor += account.minor + floor(account.accumulated)
        account.posted.append(floor(account.accumulated))
        account.minor, account.accumulated, account.open = 0, Fraction(0), False


def looks(first: date, dice: random.Random) -> Iterator[date]:
    """Yield the days on which the bank is looked at: the first of each month of a year, and one in every third."""
    day = first
    for number in range(MONTHS):
        if number % 3 == 0:
            yield day + dice.randint(1, 26) * DAY
        day = (day.replace(day=1) + 31 * DAY).replace(day=1)
        yield day


async def judge(bank: Bank) -> None:
    """Hold the books against the model, to the last fraction of a minor unit."""
    accounts = bank.model.accounts
    bearing = {name: each for name, each in accounts.items() if each.terms is not PLAIN}
    assert await bank.at.balances() == {name: each.minor for name, each in accounts.items()}
    earned = {name: (Fraction(int(units), 10**12), days) for name, units, days in await bank.at.fetch(EARNED)}
    assert earned == {name: (sum(each.accrued), len(each.accrued)) for name, each in bearing.items()}
    left = {name: Fraction(units) / 10**12 for name, units in await bank.at.fetch(LEFT) if name in bearing}
    assert left == {name: each.accumulated for name, each in bearing.items()}
    posted = {name: list(amounts) for name, amounts in await bank.at.fetch(POSTED)}
    assert posted == {name: each.posted for name, each in bearing.items()}
    ((told_again,),) = await bank.at.fetch("SELECT count(*) FROM event WHERE kind = 2")
    assert told_again > 0
    audit = await asyncio.to_thread(bank.at.door, "audit", within_s=100 + ACCOUNTS)
    assert audit.returncode == 0, audit.stdout


async def begun(at: Installation, dice: random.Random, publisher: CommandPublisher) -> Bank:
    """Return a bank on the first of the next month."""
    ((today,),) = await at.fetch("SELECT (partita_clock() AT TIME ZONE 'UTC')::date")
    first = (today.replace(day=1) + 31 * DAY).replace(day=1)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in at.environment().items():
            environment.setenv(name, value)
        app = App(settings=load_settings())
    return Bank(at, publisher, app, Model(first, {}), dice)


@pytest.mark.timeout(300 + 2 * ACCOUNTS)
async def test_after_a_year_the_books_are_those_of_a_model_whatever_died_and_ran_twice(install: Install) -> None:
    at, dice = await install(partitions=2), random.Random(7)
    killed = ("saved:9", "committed:12")
    with (
        manned(at, "consumer", killed, PARTITA_INSTANCE="worker-1") as consumer,
        manned(at, "scheduler", ("scheduled:3",)) as one,
        manned(at, "scheduler", ("scheduled:2",)) as other,
    ):
        async with CommandPublisher(at.kafka, topics=at.topics) as publisher:
            bank = await begun(at, dice, publisher)
            await bank.go_to(bank.model.today)
            await bank.open()
            for number, day in enumerate(looks(bank.model.today, dice)):
                await bank.go_to(day, twice=number % 5 == 2)
                await bank.move_money()
                if number == 5:
                    await bank.freeze("Y-2")
                if number == 8:
                    await bank.close("Y-4", payout="Y-3")
    assert consumer.faults_left == []
    assert [] in (one.faults_left, other.faults_left)  # the other may have come to lead, or not
    await judge(bank)
