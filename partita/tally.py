"""What came of a stream of commands, and how fast it is sent: the values that an exchange takes and gives."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from partita.latency import Latencies

IN_FLIGHT_MAX: Final = 20_000


@dataclass(kw_only=True)
class Tally:
    """What came of a stream of commands."""

    published: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    dead: int = 0
    replayed: int = 0
    seconds: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def answered(self) -> int:
        """Return how many commands came to an end."""
        return self.answers.total() + self.refused.total() + self.dead

    @property
    def is_complete(self) -> bool:
        """Say whether every command was answered and none is dead."""
        return self.answered == self.published and not self.dead

    def line(self) -> dict[str, Any]:
        """Return what scripts are told."""
        return {
            "published": self.published,
            "answers": dict(sorted(self.answers.items())),
            "refused": dict(sorted(self.refused.items())),
            "dead": self.dead,
            "replayed": self.replayed,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a stream is sent: so many commands a second (0: as fast as they go), so many unanswered at a time.

    Waiting ends when nothing was answered for ``timeout_s``.
    """

    rate: float = 0.0
    in_flight_max: int = IN_FLIGHT_MAX
    timeout_s: float = 120.0


OnProgress = Callable[[Tally], None]
