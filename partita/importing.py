"""An import asked for and followed to its end: what is under ``partita import``.

Promise   What is returned is what became of the import, by whoever it was asked for first. Nothing is waited for that
          cannot come: an import that was cancelled tells nothing to a repeat, so the books are asked.
Cost      A subscriber on the results of one context, and a look into the books after each ``ASK_S`` of silence.
"""

import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError
from msgspec import Struct

from consumers.results import Received, ResultSubscriber
from contracts.activity import (
    ActivityImport,
    ActivityImportCancelled,
    ActivityImportCompleted,
    ActivityImportFailed,
    ActivityImportProgressed,
    ActivityRejected,
    ImportCounts,
)
from contracts.envelope import Event
from contracts.invalid import CommandInvalid
from contracts.specs import ACTIVITY
from partita.app import App
from processor.database import Connection
from processor.errors import Transient
from processor.jobs import JobState, standing
from producers.commands import CommandPublisher

POLL_S: Final = 0.25
ASK_S: Final = 1.0

OnProgress = Callable[[ActivityImportProgressed], None]


class Ended(Struct, frozen=True, kw_only=True):
    """What became of an import. Without *counts* it is one of which nothing more is told."""

    import_id: str
    state: str  # COMPLETED, FAILED, CANCELLED, REFUSED, or UNKNOWN where nothing was heard of it
    counts: ImportCounts | None = None
    code: str = ""
    reason: str = ""


async def import_and_follow(
    app: App, connection: Connection, command: ActivityImport, *, on_progress: OnProgress, silence_s: float
) -> Ended:
    """Publish *command*, and return how its import has ended; give up after *silence_s* without a word of it."""
    bootstrap, catalog, topics = app.settings.kafka_bootstrap, app.catalog, app.topics
    subscriber = ResultSubscriber(bootstrap, contexts=[ACTIVITY], catalog=catalog, topics=topics, repeats=True)
    async with subscriber, CommandPublisher(bootstrap, catalog=catalog, topics=topics) as publisher:
        try:
            await (await publisher.publish(command))
        except KafkaError as error:
            raise Transient(f"Kafka at {bootstrap} does not take the command ({error!r}); try again.") from error
        return await _Following(connection, subscriber, command, on_progress).end(silence_s)


class _Following:
    """A command whose import is waited for."""

    def __init__(
        self, connection: Connection, subscriber: ResultSubscriber, command: ActivityImport, on_progress: OnProgress
    ) -> None:
        self._connection = connection
        self._subscriber = subscriber
        self._command = command
        self._on_progress = on_progress

    async def end(self, silence_s: float) -> Ended:
        """Return how it has ended."""
        heard_at = asked_at = time.monotonic()
        while (now := time.monotonic()) - heard_at < silence_s:
            for received in await self._subscriber.poll(POLL_S):
                if (event := self._ours(received)) is not None:
                    heard_at = asked_at = now
                    if (ended := self._told(event)) is not None:
                        return ended
            if now - asked_at > ASK_S:
                asked_at = now
                if await self._is_cancelled():
                    return self._ended(JobState.CANCELLED.name)
        return self._ended("UNKNOWN")

    def _ours(self, received: Received) -> Event | None:
        """Return what is told of our command, or of another that has cancelled the import."""
        cause = (received.headers.get("ce_causationid") or b"").decode(errors="replace")
        if cause == self._command.command_id:
            return received.result.event
        if received.key != self._command.import_id.encode():
            return None
        event = received.result.event
        return event if isinstance(event, ActivityImportCancelled) else None

    def _told(self, event: Event) -> Ended | None:
        match event:
            case ActivityImportProgressed():
                self._on_progress(event)
            case ActivityImportCompleted():
                return self._ended(JobState.COMPLETED.name, event)
            case ActivityImportFailed():
                return self._ended(JobState.FAILED.name, event, event.code, event.reason)
            case ActivityImportCancelled():
                return self._ended(JobState.CANCELLED.name, event)
            case ActivityRejected() | CommandInvalid():
                return self._ended("REFUSED", None, event.code, event.reason)
        return None

    def _ended(self, state: str, counts: ImportCounts | None = None, code: str = "", reason: str = "") -> Ended:
        return Ended(import_id=self._command.import_id, state=state, counts=counts, code=code, reason=reason)

    async def _is_cancelled(self) -> bool:
        found = await standing(self._connection, ACTIVITY, [self._command.import_id])
        return found.get(self._command.import_id) is JobState.CANCELLED
