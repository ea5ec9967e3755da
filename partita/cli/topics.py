"""``partita topics``: prepares a Kafka cluster."""

from partita.app import App
from partita.settings import load_settings
from partita.topics import ensure_topics


async def topics() -> None:
    """Makes the topics of all contexts in a Kafka cluster.

    Each gets PARTITA_PARTITIONS partitions (8) and PARTITA_REPLICATION_FACTOR
    replicas (the broker's own choice). What is there already stays as it is; a
    topic with another partition count is an error.

    For example:
        PARTITA_KAFKA_BOOTSTRAP=kafka:9092 PARTITA_PARTITIONS=16 partita topics
    """
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
