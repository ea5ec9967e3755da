"""``partita topics``: prepares a Kafka cluster, and lets a context grow."""

import sys
from collections.abc import Mapping
from typing import Annotated

from cyclopts import App as Doors
from cyclopts import Parameter
from cyclopts.validators import Number

from partita.app import App
from partita.cli.books import session
from partita.growth import Grown, Waiting
from partita.growth import grow as raise_count
from partita.settings import load_settings
from partita.topics import ensure_topics

topics = Doors(
    name="topics",
    help="""Makes the topics of all contexts in a Kafka cluster.

Each gets PARTITA_PARTITIONS partitions (8) and PARTITA_REPLICATION_FACTOR
replicas (the broker's own choice). What is there already stays as it is; a
topic with another partition count is an error. `partita topics grow` is the
way to change that count.

For example:
    PARTITA_KAFKA_BOOTSTRAP=kafka:9092 PARTITA_PARTITIONS=16 partita topics
""",
    help_epilogue="",
)


@topics.default
async def make() -> None:
    """Makes what is missing."""
    settings = load_settings()
    app = App(settings=settings)
    states = await ensure_topics(
        settings.kafka_bootstrap,
        topics=app.topics,
        contexts=[context.name for context in app.contexts],
        partitions=settings.partitions,
        replication_factor=settings.replication_factor,
    )
    for state in states:
        print(f"{state.name}: {'made' if state.made else 'was there'}, {state.partitions} partitions")


@topics.command
async def grow(
    *,
    context: str,
    partitions: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))],
    take_over: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Raises the partition count of a context.

    Stop its senders first, the scheduler among them; leave consumers and relay
    running until nothing waits, then stop the relay. Consumers may stay. When
    all was applied and published, the three topics and the books get the new
    count. Start relay, scheduler and senders again afterwards: most keys then
    lie in other partitions.

    For example:
        partita topics grow --context ledger --partitions 16

    Parameters
    ----------
    context:
        the context
    partitions:
        how many it is to have
    take_over:
        completes what was begun in another way, without waiting: commands of
        one key that lie in two partitions may change their order
    """
    app, shown = App(settings=load_settings()).limited_to([context]), list[Waiting]()

    def show(waiting: Waiting) -> None:
        if shown[-1:] != [waiting]:
            shown.append(waiting)
            print(_in_words(waiting), file=sys.stderr, flush=True)

    async with session(app, "grow") as connection:
        done = await raise_count(app, connection, context, partitions=partitions, take_over=take_over, on_waiting=show)
    _tell(context, done)


def _in_words(waiting: Waiting) -> str:
    if waiting.lag or waiting.unpublished:
        return f"waiting: {waiting.lag} records to apply, {waiting.unpublished} events to publish"
    names = {"relays": waiting.relays, "schedulers": waiting.schedulers}
    return f"waiting: {_listed(names)} to stop, which know the old count"


def _listed(numbers: Mapping[str, int]) -> str:
    return " and ".join(f"{number} {name}" for name, number in numbers.items() if number)


def _tell(context: str, done: Grown) -> None:
    print(f"{context}: {done.before} partitions before, {done.now} now; the new lanes begin at 0")
    if done.overtaken:
        print(f"{done.overtaken} records wait: keep senders silent until `partita status` shows no lag")
    else:
        print("Keys lie in other lanes from now on. Their order holds: all that was sent before was applied.")
    print(f"Set PARTITA_PARTITIONS={done.now}, start a relay and the senders anew.")
