"""What every bench gives: one line for scripts, and a table for people.

Invariant Every line has the same first six fields, whatever was measured. CPU per command is that of all processes but
          the producer and reader.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from partita.bench.meters import EXCHANGE
from processor.errors import PartitaError

DIGITS: Final = 3

OnPart = Callable[[str, float, float], None]
"""Takes the name of a part, how much of it is done, and how much there is."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to measure with: commands in all, and, where there are any, consumer processes and pairs with pgbench.

    *seconds* is how long a load lasts that is no number of commands, 0 for its own; *drill* is what fails meanwhile.
    """

    commands: int
    workers: int
    pairs: int
    on_part: OnPart
    say: Say
    seconds: float = 0.0
    drill: str = ""


class Found(Protocol):
    """What was measured."""

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told: names and figures."""


class Unmeasured(PartitaError):
    """What should be measured did not do its work, so its figures would mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Burnt:
    """The CPU that so many commands took, by process."""

    seconds: Mapping[str, float]
    commands: int

    @property
    def us_by_process(self) -> dict[str, float]:
        """Return microseconds per command."""
        return {name: seconds * 1e6 / self.commands for name, seconds in self.seconds.items()}

    @property
    def us(self) -> float:
        """Return microseconds per command over all processes but the producer and reader."""
        return sum(each for name, each in self.us_by_process.items() if name != EXCHANGE)

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield a row for each process, and their sum."""
        for name, each in self.us_by_process.items():
            yield f"CPU of {name}, us/command", f"{each:.1f}"
        yield "CPU without producer and reader", f"{self.us:.1f}"


def together(parts: Iterable[Burnt]) -> Burnt:
    """Return what all *parts* took."""
    parts = list(parts)
    names = {name: None for part in parts for name in part.seconds}
    seconds = {name: sum(part.seconds.get(name, 0.0) for part in parts) for name in names}
    return Burnt(seconds=seconds, commands=sum(part.commands for part in parts))


def line(
    name: str,
    value: float,
    unit: str,
    *,
    yardstick: float | None = None,
    ratio: float | None = None,
    burnt: Burnt | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the line of a bench, its own fields last; where only CPU is measured, *more* may say what it was."""
    told = {
        "name": name,
        "value": value,
        "unit": unit,
        "yardstick": yardstick,
        "ratio": ratio,
        "cpu_us_per_command": burnt and burnt.us,
        **more,
    }
    found: dict[str, Any] = rounded(told | ({"cpu_us_by_process": burnt.us_by_process} if burnt else {}))
    return found


def rounded(value: Any) -> Any:
    """Return *value* with every float in it rounded."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


def quantile(values: Iterable[float], fraction: float) -> float:
    """Return the smallest of *values* that so many of them do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * fraction), len(ordered) - 1)] if ordered else 0.0
