"""Holds, each captured by the next command, against transfers, in turn on the same system.

Promise   The ratio is the median of the pairs. A hold and its capture are two commands; the money of a capture goes to
          another account, as that of a transfer does.
Cost      A minute.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from contracts.envelope import Command
from partita.bench import load
from partita.bench.found import Order, line, together
from partita.bench.sending import Run, Sender, fresh_sender

PAIRS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Holds:
    """The runs of both kinds."""

    transfers: Sequence[Run]
    held: Sequence[Run]

    @property
    def ratio(self) -> float:
        """Return commands per second of holds and captures against those of transfers."""
        return median(held.rate / even.rate for even, held in zip(self.transfers, self.held, strict=True))

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return line(
            *("holds", median(run.rate for run in self.held), "commands/s"),
            yardstick=median(run.rate for run in self.transfers),
            ratio=self.ratio,
            burnt=together(run.burnt for run in self.held),
            cpu_us_per_command_transfers=together(run.burnt for run in self.transfers).us,
        )

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for number, (even, held) in enumerate(zip(self.transfers, self.held, strict=True), start=1):
            rates = f"{even.rate:,.0f}  {held.rate:,.0f}  {held.rate / even.rate:.2f}"
            yield f"pair {number}: transfers, holds and captures, commands/s, ratio", rates
        yield "ratio, median of the pairs", f"{self.ratio:.2f}"
        cpu = f"{together(run.burnt for run in self.transfers).us:.1f}"
        yield "CPU of transfers, without producer and reader", cpu
        yield from together(run.burnt for run in self.held).figures()


async def measure(order: Order) -> Holds:
    """Measure a fresh system, half of the commands transfers."""
    each = order.commands // PAIRS // 2
    transfers: list[Run] = []
    held: list[Run] = []
    async with fresh_sender(order) as sends:
        for pair in range(PAIRS):
            stream = load.transfers(each, accounts=sends.accounts, seed=pair + 1)
            transfers.append(await _run(sends, "transfers", stream, pair, each))
            stream = load.captures(each // 2 * 2, accounts=sends.accounts, seed=pair + 1)
            held.append(await _run(sends, "holds and captures", stream, pair, each // 2 * 2))
    return Holds(transfers=transfers, held=held)


async def _run(sends: Sender, part: str, stream: Iterator[Command], pair: int, each: int) -> Run:
    return await sends.send(part, stream, each, before=each * pair, total=each * PAIRS)
