"""A day of interest on every account, against as many transfers, in turn on the same system.

Promise   The ratio is the median of the days. Each day accrues as it does in a bank: once, for the day that has just
          ended, on accounts whose balances moved on it; and a month is posted when it ends.
Cost      Two minutes for 100,000 accounts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any, Final

from contracts.envelope import Command
from contracts.interest import InterestAccrue
from partita.bench import load
from partita.bench.database import let_a_day_pass
from partita.bench.found import Order, line, together
from partita.bench.sending import Run, Sender, fresh_system, sender
from producers.command_ids import new_command_id

DAYS: Final = 3
SAVINGS: Final = "savings"


@dataclass(frozen=True, kw_only=True)
class Accrual:
    """The runs of both kinds, and how many accounts there are."""

    accounts: int
    transfers: Sequence[Run]
    accrued: Sequence[Run]

    @property
    def ratio(self) -> float:
        """Return commands per second of accrual against those of transfers."""
        return median(day.rate / even.rate for even, day in zip(self.transfers, self.accrued, strict=True))

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return line(
            *("accrual", median(run.rate for run in self.accrued), "commands/s"),
            yardstick=median(run.rate for run in self.transfers),
            ratio=self.ratio,
            burnt=together(run.burnt for run in self.accrued),
            cpu_us_per_command_transfers=together(run.burnt for run in self.transfers).us,
            accounts=self.accounts,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for number, (even, day) in enumerate(zip(self.transfers, self.accrued, strict=True), start=1):
            rates = f"{even.rate:,.0f}  {day.rate:,.0f}  {day.rate / even.rate:.2f}"
            yield f"day {number}: transfers, accruals, commands/s, ratio", rates
        yield "ratio, median of the days", f"{self.ratio:.2f}"
        cpu = f"{together(run.burnt for run in self.transfers).us:.1f}"
        yield "CPU of transfers, without producer and reader", cpu
        yield from together(run.burnt for run in self.accrued).figures()


async def measure(order: Order) -> Accrual:
    """Measure a fresh system whose scheduler sleeps: half of the commands transfers, half a day's accruals."""
    accounts = order.commands // DAYS // 2
    transfers: list[Run] = []
    accrued: list[Run] = []
    async with (
        fresh_system(order.workers, order.say, without=("scheduler",)) as system,
        sender(system, order.on_part, accounts=accounts, account_type="SAVINGS", product=SAVINGS) as sends,
    ):
        connection = await system.app.connect("bench")
        try:
            for number in range(DAYS):
                stream = load.transfers(accounts, accounts=accounts, seed=number + 1)
                transfers.append(await _run(sends, "transfers", stream, number, accounts))
                day = (await let_a_day_pass(connection)).date() - timedelta(days=1)
                stream = _accruals(day, accounts)
                accrued.append(await _run(sends, "accruals", stream, number, accounts))
        finally:
            await connection.close()
    return Accrual(accounts=accounts, transfers=transfers, accrued=accrued)


def _accruals(day: date, accounts: int) -> Iterator[Command]:
    for number in range(accounts):
        yield InterestAccrue(command_id=new_command_id(), account_id=load.account_id(number), date=day.isoformat())


async def _run(sends: Sender, part: str, stream: Iterator[Command], number: int, each: int) -> Run:
    return await sends.send(part, stream, each, before=each * number, total=each * DAYS)
