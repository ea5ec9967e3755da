"""Commands that were published and are not applied yet: how many, and until which offset of each partition.

Invariant It counts too many rather than too few: a page counts until the last of its records is applied.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Lies(NamedTuple):
    """Where a record lies."""

    partition: int
    offset: int


class InFlight:
    """Pages of commands, the oldest first."""

    def __init__(self) -> None:
        self._pages: deque[tuple[int, Mapping[int, int]]] = deque()
        self._commands = 0

    def __len__(self) -> int:
        return self._commands

    def add(self, page: Sequence[Lies]) -> None:
        """Count a page of commands that lie where they were acknowledged."""
        last: dict[int, int] = {}
        for partition, offset in page:
            last[partition] = max(offset, last.get(partition, offset))
        if page:
            self._pages.append((len(page), last))
            self._commands += len(page)

    def settle(self, applied: Mapping[int, int]) -> int:
        """Count no more what lies below where the lanes stand, and return how many commands that were."""
        before = self._commands
        while self._pages and all(applied.get(partition, 0) > last for partition, last in self._pages[0][1].items()):
            self._commands -= self._pages.popleft()[0]
        return before - self._commands

    def forget(self) -> None:
        """Count nothing any more."""
        self._pages.clear()
        self._commands = 0
