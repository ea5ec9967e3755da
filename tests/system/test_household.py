"""Four years of a real household, each line a command, through Kafka and two consumers, and added up by hand.

One user has all lines; and each way of paying is a user too, with the lines that were paid so, for the other consumer.
"""

import asyncio
import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.specs import EXPENSES
from processor.expenses.summaries import month_summary
from producers.command_ids import new_command_id
from tests.system.conftest import Install
from tests.system.installation import Installation

KEPT_BY_HAND: Final = Path(__file__).parents[3] / "shared" / "data" / "household" / "daily_household_transactions.csv"
pytestmark = pytest.mark.skipif(
    not KEPT_BY_HAND.exists(), reason="the household's ledger lies beside the repository, and is not there"
)
TOTAL: Final = Decimal("1957390.53")
LINES: Final = 2176
DUPLICATES: Final = 3
MONTHS: Final = 45
ALL: Final = "household"
CAPPED: Final = ("Food", Decimal(5000))
TOLD: Final = """
SELECT payload FROM event WHERE type = 'budget.threshold_reached' AND aggregateid = $1 ORDER BY lane_no, seq"""
KEPT: Final = """
SELECT user_id, sum(base_minor)::bigint, count(*) FROM expense JOIN expense_user USING (user_no) GROUP BY user_id"""

Sums = Mapping[str, Mapping[str, tuple[Decimal, int]]]  # by month, then by category: what was spent, and how often


@dataclass(frozen=True, kw_only=True)
class Line:
    """An expense as it was written down, at line *number*."""

    number: int
    written: str
    day: str
    mode: str
    category: str
    notes: str
    amount: Decimal

    def command(self, user_id: str) -> dict[str, Any]:
        spent = {"amount": str(self.amount), "currency": "INR", "category": self.category, "date": self.day}
        return command("expense.add", user_id, expense_id=f"line-{self.number}", notes=self.notes, **spent)


def lines() -> Iterator[Line]:
    """Yield the expenses; some have a time of day."""
    with KEPT_BY_HAND.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if row["Income/Expense"] == "Expense":
                assert row["Currency"] == "INR"
                day, month, year = row["Date"][:10].split("-")
                yield Line(
                    number=number,
                    written=",".join(row.values()),
                    day=f"{year}-{month}-{day}",
                    mode=row["Mode"],
                    category=row["Category"],
                    notes=f"{row['Subcategory']}: {row['Note']}",
                    amount=Decimal(row["Amount"]),
                )


def command(kind: str, user_id: str, **fields: Any) -> dict[str, Any]:
    return {"command_id": new_command_id(), "type": kind, "user_id": user_id, **fields}


def added_up(spent: Sequence[Line]) -> Sums:
    """Add up by month and category."""
    sums: dict[str, dict[str, tuple[Decimal, int]]] = defaultdict(dict)
    for line in spent:
        month = sums[line.day[:7]]
        total, times = month.get(line.category, (Decimal(0), 0))
        month[line.category] = (total + line.amount, times + 1)
    return sums


def thresholds(spent: Sequence[Line]) -> list[tuple[str, int, Decimal]]:
    """Return which parts of the budget were reached in which month by how much, in the order of the lines."""
    category, limit = CAPPED
    totals: dict[str, Decimal] = defaultdict(Decimal)
    told: list[tuple[str, int, Decimal]] = []
    for line in spent:
        if line.category == category:
            month, before = line.day[:7], totals[line.day[:7]]
            totals[month] += line.amount
            told += [
                (month, part, totals[month]) for part in (80, 100) if before * 100 < limit * part <= totals[month] * 100
            ]
    return told


async def summaries(at: Installation, user_id: str, months: Sequence[str]) -> Sums:
    """Return what the system says of each of *months*."""
    async with at.asking() as connection:
        told = [await month_summary(connection, user_id, month) for month in months]
    assert [sum((Decimal(each.spent) for each in month.categories), Decimal(0)) for month in told] == [
        Decimal(month.total) for month in told
    ]
    return {
        month.month: {each.category: (Decimal(each.spent), each.expenses) for each in month.categories if each.expenses}
        for month in told
    }


async def test_four_years_of_a_household_add_up_as_they_do_by_hand(install: Install) -> None:
    at = await install(partitions=2, context=EXPENSES)
    kept = list(lines())
    assert (len(kept), sum(line.amount for line in kept)) == (LINES, TOTAL)
    assert len(kept) - len({line.written for line in kept}) == DUPLICATES
    modes = sorted({line.mode for line in kept})
    users = {ALL: ALL} | {mode: f"mode-{number}" for number, mode in enumerate(modes)}

    category, limit = CAPPED
    commands = [command("user.create", user, base_currency="INR", timezone="Asia/Kolkata") for user in users.values()]
    commands += [command("budget.set", ALL, category=category, limit=str(limit))]
    commands += [line.command(users[who]) for line in kept for who in (ALL, line.mode)]
    with at.role("relay"), at.role("consumer"), at.role("consumer") as second:
        await asyncio.to_thread(second.says, r"partitions assigned .*partitions=\[\d\]")
        summary = await asyncio.to_thread(at.publish("lines", commands).result)

    assert (summary["published"], summary["refused"], summary["dead"]) == (len(commands), {}, 0)
    assert await at.fetch("SELECT count(*) FROM lane WHERE records > 0") == [(2,)]
    by_user = {users[who]: [line for line in kept if who in (ALL, line.mode)] for who in users}
    assert {user: (Decimal(minor) / 100, times) for user, minor, times in await at.fetch(KEPT)} == {
        user: (sum(line.amount for line in spent), len(spent)) for user, spent in by_user.items()
    }
    for user, spent in by_user.items():
        expected = added_up(spent)
        assert await summaries(at, user, list(expected)) == expected
    assert len(added_up(kept)) == MONTHS
    told = [json.loads(payload) for (payload,) in await at.fetch(TOLD, ALL)]
    assert [(each["month"], each["percent"], Decimal(each["spent"])) for each in told] == thresholds(kept)
    audit = at.door("audit")
    assert audit.returncode == 0, audit.stdout
