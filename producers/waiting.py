"""Commands that were sent and wait for their answer, and which of them a result is for.

Promise   A result is for the oldest command that waits under its command id and that its type answers; extra events and
          ``command.invalid`` answer none.
Cost      0.5 us per result, however many wait.
Invariant Matching looks at headers only: ``ce_causationid`` and ``ce_type``, never at the key.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from contracts.catalog import Catalog
from contracts.envelope import type_of

Acknowledgement = asyncio.Future[Any]


class Sent(Struct, eq=False, kw_only=True):
    """A command that waits; several may wait under one *command_id*, which is in lower case as results have it."""

    command_id: str
    command_type: str


S = TypeVar("S", bound=Sent)


class Waiting(Generic[S]):
    """Everything that waits, by command id."""

    def __init__(self, catalog: Catalog) -> None:
        self._answers = {name: frozenset(map(type_of, spec.answers)) for name, spec in catalog.specs.items()}
        self._by_id: dict[str, list[S]] = {}
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[S]:
        for all_sent in self._by_id.values():
            yield from all_sent

    def under(self, command_id: str) -> Sequence[S]:
        """Return what waits under *command_id*, the oldest first."""
        return self._by_id.get(command_id, ())

    def add(self, sent: S) -> None:
        """Let *sent* wait."""
        self._by_id.setdefault(sent.command_id, []).append(sent)
        self._number += 1

    def remove(self, sent: S) -> None:
        """Let *sent* wait no more, if it still does."""
        others = self._by_id.get(sent.command_id)
        if others is None or sent not in others:
            return
        others.remove(sent)
        self._number -= 1
        if not others:
            del self._by_id[sent.command_id]

    def answered_by(self, headers: Mapping[str, bytes | None]) -> S | None:
        """Return the command that the result with *headers* answers; it waits no more."""
        cause, kind = headers.get("ce_causationid"), headers.get("ce_type")
        if not cause or not kind:
            return None
        name = kind.decode(errors="replace")
        for sent in self._by_id.get(cause.decode(errors="replace"), ()):
            if name in self._answers[sent.command_type]:
                self.remove(sent)
                return sent
        return None
