"""Raises the partition count of a context: the only way by which keys may move to other lanes.

Promise   Commands of one key keep their order: keys move when everything published under the old count was applied, and
          what it has caused was published. Either the books and all three topics have the new count, or the next call
          completes it.
Cost      The context stands still from the last look at its lag until the books have the new count: a second or two.
Bound     Senders have to be silent meanwhile. One that publishes under an old picture of the topic is told of if its
          record is there before the count is raised; nobody can see it afterwards.
Invariant The books are held while Kafka is changed: consumers that are assigned partitions wait for the outcome.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError

from partita.app import App
from partita.status import last_stable_offsets
from partita.topics import partition_counts, settings_of
from processor.database import Connection
from processor.engine import layout
from processor.engine.epochs import Standing, standing
from processor.errors import NotPrepared, kafka_unreachable

KNOWN_WITHIN_S: Final = 15.0
LOOK_AGAIN_S: Final = 0.1

Counts = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What keys must not overtake: records not applied, events not published, processes that know the old count."""

    lag: int
    unpublished: int
    relays: int
    schedulers: int

    def __bool__(self) -> bool:
        """Say whether there is anything to wait for."""
        return bool(self.lag or self.unpublished or self.relays or self.schedulers)


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What was done: partitions before and now; *overtaken* is the lag at that time, above 0 only if taken over."""

    before: int
    now: int
    overtaken: int


async def grow(
    app: App,
    connection: Connection,
    context: str,
    *,
    partitions: int,
    take_over: bool,
    on_waiting: Callable[[Waiting], None],
) -> Grown:
    """Give *context* so many *partitions*, as soon as nothing waits; *take_over* does not wait.

    Raises:
        NotPrepared: Kafka cannot be reached, or the count cannot become *partitions*.
    """
    try:
        while True:
            waiting = await _waiting(app, connection, context)
            if take_over or not waiting:
                done = await _grown(app, connection, context, partitions=partitions, take_over=take_over)
                if done is not None:
                    return done
            on_waiting(waiting)
            await asyncio.sleep(LOOK_AGAIN_S)
    except (KafkaError, OSError) as error:
        raise kafka_unreachable(app.settings.kafka_bootstrap, error) from error


async def _grown(app: App, connection: Connection, context: str, *, partitions: int, take_over: bool) -> Grown | None:
    """Hold the context and look again; None if something has come to wait, and nothing was done."""
    async with connection.transaction():
        known = await layout.hold_in_tx(connection, context)
        counts = await _counts(app, context)
        _require_possible(context, counts, known=known, partitions=partitions, take_over=take_over)
        waiting = await _waiting(app, connection, context)
        if waiting and not take_over:
            return None
        await _raise(app.settings.kafka_bootstrap, counts, partitions)
        await layout.grow_in_tx(connection, context, known=known, partitions=partitions)
    return Grown(before=known, now=partitions, overtaken=waiting.lag)


async def _counts(app: App, context: str) -> Counts:
    """Return the partition counts of the topics of *context*, that of its commands last: it is what moves keys."""
    present = await partition_counts(app.settings.kafka_bootstrap)
    commands, *others = settings_of(context, app.topics)
    if missing := [name for name in (*others, commands) if name not in present]:
        raise NotPrepared(f"Topic {missing[0]} is missing; run `partita topics`.")
    return {name: present[name] for name in (*others, commands)}


def _require_possible(context: str, counts: Counts, *, known: int, partitions: int, take_over: bool) -> None:
    if (most := max(known, *counts.values())) > partitions:
        raise NotPrepared(f"{context} has {most} partitions already, and Kafka takes none away; name a larger number.")
    *_, commands = counts.values()
    if commands != known and not take_over:
        raise NotPrepared(
            f"{context} was started with {known} partitions and its command topic has {commands} already: keys have "
            "moved. Stop its senders; then --take-over, by which commands of one key may change their order."
        )


async def _waiting(app: App, connection: Connection, context: str) -> Waiting:
    ends = await last_stable_offsets(app.settings.kafka_bootstrap, [app.topics.commands(context)])
    lanes = await standing(connection, context)
    return Waiting(
        lag=sum(max(0, end - lanes.get(place.partition, Standing()).next_offset) for place, end in ends.items()),
        unpublished=await layout.unpublished(connection, context),
        relays=await layout.relays(connection, context),
        schedulers=await layout.schedulers(connection, context),
    )


async def _raise(bootstrap: str, counts: Counts, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="partita topics")
    await admin.start()
    try:
        for name, count in counts.items():
            if count < partitions:
                await admin.create_partitions({name: NewPartitions(total_count=partitions)})
    finally:
        await admin.close()
    await _known(bootstrap, counts, partitions)


async def _known(bootstrap: str, names: Counts, partitions: int) -> None:
    """Wait until the brokers know of the partitions that their controller has made."""
    try:
        async with asyncio.timeout(KNOWN_WITHIN_S):
            while not await _are_there(bootstrap, names, partitions):  # noqa: ASYNC110 - no broker would tell
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        raise NotPrepared(f"The brokers do not know of {partitions} partitions yet; call this again.") from None


async def _are_there(bootstrap: str, names: Counts, partitions: int) -> bool:
    counts = await partition_counts(bootstrap)
    return all(counts.get(name) == partitions for name in names)
