"""A job asked for and followed to its end: what is under ``partita import`` and ``partita export``.

Promise   What is returned is what became of the job, by whoever it was asked for first. Nothing is waited for that
          cannot come: a job that was cancelled tells nothing to a repeat, so the books are asked.
Cost      A subscriber on the results of one context, and a look into the books after each ``ASK_S`` of silence.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from aiokafka.errors import KafkaError
from msgspec import Struct

from consumers.results import Received, ResultSubscriber
from contracts.envelope import Command, Event
from partita.app import App
from processor.database import Connection
from processor.errors import Transient
from processor.jobs import JobState, standing
from producers.commands import CommandPublisher

POLL_S: Final = 0.25
ASK_S: Final = 1.0


class Asked(Struct, frozen=True, kw_only=True):
    """What is followed: a *command*, the job of a *context* that it begins, and what tells that it was *cancelled*."""

    command: Command
    context: str
    job_id: str
    cancelled: type[Event]


async def publish_and_follow(
    app: App, connection: Connection, asked: Asked, *, ends: Callable[[Event], bool], silence_s: float
) -> Event | JobState | None:
    """Publish the command, and return the event by which its job has ended, which *ends* says of each that is told.

    It is the job's state where that was looked up, and None after *silence_s* without a word.
    """
    bootstrap, catalog, topics = app.settings.kafka_bootstrap, app.catalog, app.topics
    subscriber = ResultSubscriber(bootstrap, contexts=[asked.context], catalog=catalog, topics=topics, repeats=True)
    async with subscriber, CommandPublisher(bootstrap, catalog=catalog, topics=topics) as publisher:
        try:
            await (await publisher.publish(asked.command))
        except KafkaError as error:
            raise Transient(f"Kafka at {bootstrap} does not take the command ({error!r}); try again.") from error
        heard_at = asked_at = time.monotonic()
        while (now := time.monotonic()) - heard_at < silence_s:
            for event in _ours(asked, await subscriber.poll(POLL_S)):
                heard_at = asked_at = now
                if ends(event):
                    return event
            if now - asked_at > ASK_S:
                asked_at = now
                found = await standing(connection, asked.context, [asked.job_id])
                if found.get(asked.job_id) is JobState.CANCELLED:
                    return JobState.CANCELLED
    return None


def _ours(asked: Asked, received: Sequence[Received]) -> Iterator[Event]:
    """Yield what is told of our command, or of another that has cancelled its job."""
    for each in received:
        is_own = each.headers.get("ce_causationid") == asked.command.command_id.encode()
        is_of_job = each.key == asked.job_id.encode()
        if is_own or (is_of_job and isinstance(each.result.event, asked.cancelled)):
            yield each.result.event
