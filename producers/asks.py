"""Commands whose typed result is waited for: under ``CommandPublisher.ask``.

Promise   Whoever asks gets the answer, or learns why there will be none: the record is no command, results cannot be
          read any more, the publisher was closed. What nobody waits for any more is forgotten.
Cost      30 us per ask, 40 us where 10,000 wait, beside what reading the results of all senders costs.
Bound     The asks that wait.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Protocol, Self

from contracts.catalog import Catalog, Topics
from contracts.envelope import Command, Result, type_of
from contracts.invalid import CommandInvalid
from processor.errors import PartitaError
from producers.waiting import Acknowledgement, Sent, Waiting

POLL_S: Final = 1.0
_INVALID: Final = type_of(CommandInvalid).encode()


class Told(Protocol):
    """A result as it was read."""

    @property
    def headers(self) -> Mapping[str, bytes | None]:
        """Its headers."""

    @property
    def result(self) -> Result:
        """What it says; a ``PartitaError`` where it cannot be read."""


class Results(Protocol):
    """What reads results, inside its ``async with`` block."""

    async def __aenter__(self) -> Any: ...
    async def __aexit__(self, *error: object) -> None: ...

    async def poll(self, timeout_s: float) -> Sequence[Told]:
        """Return what has come since, waiting for something *timeout_s* at most."""


class OpensResults(Protocol):
    """What makes a reader of results; ``consumers.results.ResultSubscriber`` is one."""

    def __call__(self, bootstrap: str, *, catalog: Catalog, topics: Topics, repeats: bool) -> Results:
        """Make it, to be entered later."""


class Unanswered(PartitaError):
    """An ask ends without an answer, because there is nobody who could hear it any more."""


class NotAnswered(Unanswered, TimeoutError):
    """An ask was not answered in time. The command may still be applied."""


class NoCommand(PartitaError):
    """What was published is no command, and lies among the dead letters. ``invalid`` says why, and where it lay."""

    def __init__(self, command_id: str, invalid: CommandInvalid) -> None:
        super().__init__(
            f"{command_id} is no command ({invalid.code} at {invalid.path}): {invalid.reason} It lies among the dead "
            f"letters of {invalid.topic}; the id stays free."
        )
        self.invalid = invalid


class Asked(Sent, eq=False, kw_only=True):
    """A command that somebody waits for."""

    answer: asyncio.Future[Result]
    acknowledgement: Acknowledgement | None = None

    def published(self, acknowledgement: Acknowledgement) -> None:
        """Note that the command was handed to Kafka; if Kafka does not take it, the ask ends."""
        self.acknowledgement = acknowledgement
        acknowledgement.add_done_callback(self._acknowledged)

    def end(self, outcome: Result | Exception) -> None:
        """Give whoever waits the *outcome*, unless there is one or nobody waits."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)

    def forget(self) -> None:
        """Nobody waits any more: whatever comes is looked at by nobody."""
        if not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()

    def end_if_at(self, invalid: CommandInvalid, acknowledgement: Acknowledgement) -> None:
        """End the ask if its record is the one that *invalid* is about; others may have used the same id."""
        if acknowledgement.cancelled() or acknowledgement.exception() is not None:
            return
        at = acknowledgement.result()
        if (at.topic, at.partition, at.offset) == (invalid.topic, invalid.partition, invalid.offset):
            self.end(NoCommand(self.command_id, invalid))

    def _acknowledged(self, acknowledgement: Acknowledgement) -> None:
        if acknowledgement.cancelled():
            self.end(Unanswered(f"{self.command_id} was not published: the publisher was closed before."))
        elif error := acknowledgement.exception():
            self.end(Unanswered(f"Kafka does not take {self.command_id} ({error!r})."))


class Asks:
    """Reads *results* inside an ``async with`` block, and hands each to the ask it is for."""

    def __init__(self, results: Results, catalog: Catalog) -> None:
        self._results = results
        self._waiting: Waiting[Asked] = Waiting(catalog)
        self._reading: asyncio.Task[None] | None = None
        self._failure = ""

    async def __aenter__(self) -> Self:
        await self._results.__aenter__()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._reading is not None, "the block was entered"
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._end_all("The publisher was closed before the answer came; ask again under the same command_id.")
        await self._results.__aexit__(*error)

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def waiting(self, command: Command) -> Iterator[Asked]:
        """Let *command* wait as long as the block lasts.

        Raises:
            Unanswered: Results cannot be read any more.
        """
        if self._failure:
            raise Unanswered(self._failure)
        answer = asyncio.get_running_loop().create_future()
        asked = Asked(command_id=command.command_id.lower(), command_type=type_of(command), answer=answer)
        self._waiting.add(asked)
        try:
            yield asked
        finally:
            self._waiting.remove(asked)
            asked.forget()

    async def _read(self) -> None:
        try:
            while True:
                for told in await self._results.poll(POLL_S):
                    self._settle(told)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for what cannot come
            why = str(error) if isinstance(error, PartitaError) else f"{error!r}."
            self._end_all(
                f"Results cannot be read any more: {why} Open a new publisher, and ask again under the same id."
            )

    def _settle(self, told: Told) -> None:
        if told.headers.get("ce_type") == _INVALID:
            self._bury(told)
        elif (asked := self._waiting.answered_by(told.headers)) is not None:
            asked.end(_outcome(told))

    def _bury(self, told: Told) -> None:
        cause = (told.headers.get("ce_causationid") or b"").decode(errors="replace")
        for asked in self._waiting.under(cause):
            outcome = _outcome(told)
            if isinstance(outcome, Result) and isinstance(outcome.event, CommandInvalid) and asked.acknowledgement:
                asked.acknowledgement.add_done_callback(partial(asked.end_if_at, outcome.event))

    def _end_all(self, why: str) -> None:
        self._failure = why
        for asked in self._waiting:
            asked.end(Unanswered(why))


def _outcome(told: Told) -> Result | PartitaError:
    try:
        return told.result
    except PartitaError as error:
        return error
