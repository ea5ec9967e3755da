"""Latencies as a histogram: any number of them in a few kilobytes, each known to within 2 %."""

import math
from collections import Counter
from typing import Final

_STEP: Final = math.log(1.02)
_SMALLEST_S: Final = 1e-5


class Latencies:
    """Collects seconds, and answers which one so many of them stay below."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Take one more in."""
        self._counts[int(math.log(max(seconds, _SMALLEST_S) / _SMALLEST_S) / _STEP)] += 1

    def quantile(self, fraction: float) -> float:
        """Return the seconds that *fraction* of all stay below; 0 for none."""
        left = fraction * self._counts.total()
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return float(_SMALLEST_S * math.exp((step + 1) * _STEP))
        return 0.0
